"""Logs that other programs wrote are read as what the kernel said.

The files in tools/ hold one kernel's log, with a Rust panic of two lines and a report of KASAN, as it was
written by dmesg of util-linux 2.41.5 (`dmesg --kmsg-file`), journalctl of systemd 252 (from a journal that
systemd-journal-remote made), rsyslogd 8.2302 (imklog and a template each) and syslogd of busybox 1.35.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.explained import explain

LOGS = sorted((Path(__file__).parent / "tools").glob("*.log"))


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_what_a_program_wrote_is_read(log: Path) -> None:
    panic, use = explain(log)
    assert panic.title == "called `Option::unwrap()` on a `None` value in <toy_rust::device::Device>::start"
    assert (panic.function, panic.task) == ("<toy_rust::device::Device>::start", "insmod/88")
    assert use.title == "KASAN: slab-use-after-free Read in toy_poll"
    assert (use.function, use.task) == ("toy_poll", "sh/92")
    assert not panic.corrupted
    assert not use.corrupted


def test_message_of_several_lines_keeps_its_backslashes(tmp_path: Path) -> None:
    log = tmp_path / "journal"
    log.write_text(
        '{"_TRANSPORT":"kernel","_SOURCE_MONOTONIC_TIMESTAMP":"11000100","MESSAGE":'
        '"rust_kernel: panicked at toy.rs:61:17:\\nno \\\\x41 in \\\\n"}\n'
    )
    assert [splat.title for splat in explain(log)] == [r"no \x41 in \n"]


@pytest.mark.parametrize("form", ["journal-export", "journal-verbose"])
def test_entries_of_programs_are_not_the_kernels(form: str, tmp_path: Path) -> None:
    whole = next(log for log in LOGS if log.stem == form).read_bytes()
    log = tmp_path / form
    log.write_bytes(whole.replace(b"_TRANSPORT=kernel\n", b"_TRANSPORT=stdout\n"))
    assert [splat.kind for splat in explain(log)] == []
