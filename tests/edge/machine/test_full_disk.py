"""A disk of the host that is full while a machine runs: an error of the host, whatever is being written."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.edge.machine.conftest import Booter

from rustbed import testrun
from rustbed.cache import Cache
from rustbed.errors import EvidenceError, HostError, MachineError
from rustbed.forks.machines import Machines
from rustbed.machine.vm import Vm
from rustbed.progress import ignore
from rustbed.symbols.debugfiles import DebugFiles

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


@pytest.mark.parametrize("name", ["run.sh", "machine.json"])
def test_a_machine_that_cannot_be_described_is_an_error_of_the_host(
    fake_boot: Booter, tmp_path: Path, name: str
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / name).symlink_to(FULL)
    with (
        pytest.raises(HostError, match=r"cannot write results to .*/run: No space left on device"),
        fake_boot("ready", "wait"),
    ):
        pass


def test_a_machine_whose_addresses_cannot_be_looked_up_later_is_an_error_of_the_host(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("not a directory")
    run = testrun.TestRun(test="test", directory=tmp_path / "run", machines=Machines(Cache(tmp_path), ignore))
    with pytest.raises(HostError, match=r"cannot write results to .*/run: File exists"):
        run._keep(run.directory, DebugFiles(symbolizer=()))
