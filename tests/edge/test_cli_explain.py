"""`rustbed explain` as a command: its exit statuses, and what it reads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

WARNING = "[    4.100000] toy\n[    4.200000] WARNING: drivers/toy.c:8 at toy_probe+0x2f/0x90\n"


def explain(*words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    argv = [sys.executable, "-m", "rustbed.cli", "explain", *words]
    return subprocess.run(argv, input=stdin, capture_output=True, check=False)


def test_explain_is_status_1_when_it_found_something(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_text(WARNING)
    done = explain(str(log))
    assert (done.returncode, done.stderr) == (1, b"")
    assert b"1. WARNING in toy_probe\n" in done.stdout
    assert b"   lines     2 to 2\n" in done.stdout


def test_explain_is_status_0_when_it_found_nothing(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_text("[    4.100000] toy: ready\n")
    assert explain(str(log)).returncode == 0
    assert json.loads(explain(str(log), "--json").stdout) == []


HANG = """\
== console.log
2048 bytes were there before it was asked for anything

== sysrq l by console
[   74.085259] NMI backtrace for cpu 0
[   74.094415] RIP: 0010:_RNvMCsheUNd2o3Hw2_8edu_hangNtB2_4Hang10wait_ready+0x10/0x20 [edu_hang]
[   74.102510]  init_module+0x9/0x1000 [edu_hang]

== one task busy
insmod (42) used 0.98 s of the last 1.00 s
"""


def test_explain_says_of_a_hang_its_kind_and_who_is_stuck(tmp_path: Path) -> None:
    (tmp_path / "hang.log").write_text(HANG)
    done = explain(str(tmp_path / "hang.log"))
    assert (done.returncode, done.stderr) == (1, b"")
    text = done.stdout.decode()
    assert "1. one task busy: stuck in <edu_hang::Hang>::wait_ready\n" in text
    assert "   6 | [   74.094415] RIP: 0010:<edu_hang::Hang>::wait_ready+0x10/0x20 [edu_hang]\n" in text
    assert text.endswith(" 10 | insmod (42) used 0.98 s of the last 1.00 s\n")
    (found,) = json.loads(explain(str(tmp_path / "hang.log"), "--json").stdout)
    assert (found["kind"], found["function"]) == ("hang", "<edu_hang::Hang>::wait_ready")


def test_explain_says_of_a_hang_without_a_driver_why_it_is_one(tmp_path: Path) -> None:
    (tmp_path / "hang.log").write_text(HANG.replace("[edu_hang]", ""))
    done = explain(str(tmp_path / "hang.log"))
    assert done.returncode == 1
    assert b"1. one task busy: insmod (42) used 0.98 s of the last 1.00 s\n" in done.stdout


def test_explain_reads_of_a_run_directory_what_tells_of_its_failure(tmp_path: Path) -> None:
    for name, text in {"machine.json": "{}", "kernel.log": "", "hang.log": HANG, "console.log": ""}.items():
        (tmp_path / name).write_text(text)
    found = json.loads(explain(str(tmp_path), "--json").stdout)
    assert [each["log"] for each in found] == [f"{tmp_path}/hang.log"]


def test_explain_reads_standard_input_and_bytes_that_are_no_text() -> None:
    done = explain("-", "--json", stdin=b"\xff\xfe\x00\n" + WARNING.encode())
    assert done.returncode == 1
    assert [(s["title"], s["first_line"]) for s in json.loads(done.stdout)] == [("WARNING in toy_probe", 3)]


@pytest.mark.parametrize(
    ("name", "reason"), [("nothing", "No such file"), (".", "is a directory without files")]
)
def test_explain_is_status_2_when_the_log_cannot_be_read(tmp_path: Path, name: str, reason: str) -> None:
    done = explain(str(tmp_path / name))
    assert (done.returncode, done.stdout) == (2, b"")
    assert reason.format(tmp_path / name).encode() in done.stderr
    assert b"Traceback" not in done.stderr
