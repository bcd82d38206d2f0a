"""A disk of the host that is full while a machine runs: an error of the host, whatever is being written."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.edge.machine.conftest import Booter

from rustbed.errors import EvidenceError, MachineError
from rustbed.machine.vm import Vm

FULL = Path("/dev/full")


def use(vm: Vm, stdin: bytes | None = None) -> None:
    """Let a machine have something written to each of its files, and judge it."""
    vm.monitor.execute("query-status")
    vm.run("echo go", stdin=stdin)
    list(vm.live.judged)
    if vm.ended is not None:
        raise vm.ended


@pytest.mark.parametrize("name", ["records.log", "shell.log", "transcript.jsonl", "monitor.log"])
def test_what_cannot_be_written_down_is_an_error_of_the_host(
    fake_boot: Booter, tmp_path: Path, name: str
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / name).symlink_to(FULL)
    with pytest.raises(MachineError) as caught, fake_boot("record:booted", "log", "ready", "wait") as vm:
        use(vm)
    assert caught.value.headline.endswith(f"cannot write {name}: No space left on device")
    assert caught.value.outcome == "error"


def test_what_the_host_sent_and_cannot_keep_is_an_error_of_the_host(
    fake_boot: Booter, tmp_path: Path
) -> None:
    with fake_boot("log", "ready", "wait") as vm:
        (tmp_path / "run/inputs").write_text("not a directory")
        with pytest.raises(EvidenceError, match=r"cannot write transcript.jsonl: File exists"):
            use(vm, b"")
