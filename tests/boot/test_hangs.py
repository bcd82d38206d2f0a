"""Real guests that hang, each in its own way: what they are called, and what is found of them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest

from rustbed.arch import Arch
from rustbed.kernel.artifact import Kernel
from tests.boot import pytest_runs
from tests.sharing import make_once


@dataclass(frozen=True)
class Ending:
    """What a test of the scene left behind."""

    outcome: str
    hang: str
    # of the machine
    reason: str
    # of the verdict
    told: str
    # hang.log, empty if there is none
    evidence: str
    splats: list[dict[str, object]]
    directory: Path


def read_endings(results: Path) -> Iterator[tuple[str, Ending]]:
    for path in (results / "latest").glob("*/verdict.json"):
        verdict = json.loads(path.read_text())
        machine, log = verdict["machines"][0], path.with_name("hang.log")
        yield (
            verdict["test"].partition("::")[2].partition("[")[0],
            Ending(
                outcome=verdict["outcome"],
                hang=machine["hang"],
                reason=machine["reason"],
                told=verdict["reason"],
                evidence=log.read_text() if log.exists() else "",
                splats=machine["splats"],
                directory=path.parent,
            ),
        )


@pytest.fixture
def endings(
    kernel: Kernel, arch: Arch, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Ending]:
    """Run the scene once for all tests of an architecture."""

    def run(results: Path) -> None:
        argv = pytest_runs.pytest_argv(request.config, "scene_hangs.py", arch, results)
        preferred = [*pytest_runs.PREFERRED, *argv]
        done = subprocess.run(preferred, capture_output=True, text=True, check=False)
        assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr

    return dict(read_endings(make_once(request.config, tmp_path_factory, f"hangs-{kernel.key}", run)))


@pytest.mark.parametrize(
    ("name", "outcome", "hang"),
    [
        ("test_reads_a_pipe_that_nobody_writes", "hang", "one task stuck"),
        ("test_sleeps_uninterruptibly", "hang", "one task stuck"),
        ("test_spins_in_user_space", "hang", "one task busy"),
        ("test_spins_in_the_kernel", "hang", "one task busy"),
        ("test_spins_on_one_of_two", "hang", "one task busy"),
        ("test_spins_with_a_lock", "hang", "guest spinning"),
        ("test_spins_with_interrupts_off", "hang", "guest spinning"),
        ("test_panics_and_stays", "crash", ""),
        ("test_host_stops_qemu", "hang", "host slow"),
        ("test_machine_is_paused", "hang", "host slow"),
        ("test_host_kills_qemu", "lost", ""),
        ("test_waits_in_vain", "fail", ""),
    ],
)
def test_each_hang_is_called_by_its_name(
    endings: dict[str, Ending], name: str, outcome: str, hang: str
) -> None:
    assert (endings[name].outcome, endings[name].hang) == (outcome, hang)


@pytest.mark.arches("x86_64")
def test_halted_guest_is_dead(endings: dict[str, Ending]) -> None:
    assert endings["test_halts"].hang == "guest dead"


@pytest.mark.arches("riscv64")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("test_never_prints", "nothing was ever printed for 15 s, and the guest is idle"),
        ("test_stops_after_init", "the console stopped growing for 15 s, and the guest is idle"),
    ],
)
def test_boot_that_comes_to_nothing_hangs(endings: dict[str, Ending], name: str, reason: str) -> None:
    assert endings[name].outcome == "hang"
    assert reason in endings[name].reason


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("test_reads_a_pipe_that_nobody_writes", "cat ("),
        ("test_sleeps_uninterruptibly", "insmod ("),
        ("test_spins_in_the_kernel", "insmod ("),
        ("test_spins_with_a_lock", "user space does not answer, the kernel does"),
        ("test_spins_with_interrupts_off", "user space does not answer, nor does the kernel"),
        ("test_host_stops_qemu", "QEMU is stopped"),
        ("test_machine_is_paused", "the machine does not run: paused"),
    ],
)
def test_reason_says_who_and_where(endings: dict[str, Ending], name: str, said: str) -> None:
    assert said in endings[name].reason


@pytest.mark.parametrize(
    ("name", "hang", "function"),
    [
        ("test_sleeps_uninterruptibly", "one task stuck", "sleeps_for_ever"),
        ("test_spins_in_the_kernel", "one task busy", "spins_for_ever"),
    ],
)
def test_a_hang_in_a_driver_is_told_with_its_function(
    endings: dict[str, Ending], name: str, hang: str, function: str
) -> None:
    assert re.fullmatch(rf"{hang}: stuck in \S*{function}", endings[name].told)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        # sysrq w: tasks that cannot be woken; t: all of them; l: what the CPUs do
        ("test_sleeps_uninterruptibly", "sleeps_for_ever"),
        ("test_spins_in_the_kernel", "spins_for_ever"),
        ("test_spins_with_a_lock", "spins_with_a_lock"),
        ("test_spins_on_one_of_two", "spins_with_a_lock"),
    ],
)
def test_evidence_names_the_function_to_blame(endings: dict[str, Ending], name: str, function: str) -> None:
    assert function in endings[name].evidence


# elsewhere QEMU has no interrupt that cannot be masked
@pytest.mark.arches("x86_64")
def test_interrupt_that_nothing_masks_shows_who_masked_the_others(endings: dict[str, Ending]) -> None:
    assert "spins_with_interrupts_off" in endings["test_spins_with_interrupts_off"].evidence


@pytest.mark.parametrize(
    "name", ["test_spins_with_interrupts_off", "test_sleeps_uninterruptibly", "test_machine_is_paused"]
)
def test_evidence_has_the_registers_three_times(endings: dict[str, Ending], name: str) -> None:
    # powerpc names the CPU in another line, too
    assert len(re.findall("^CPU#0$", endings[name].evidence, re.MULTILINE)) == 3


def test_evidence_says_what_could_not_be_had(endings: dict[str, Ending]) -> None:
    assert "sysrq wlt by console: unavailable" in endings["test_spins_with_interrupts_off"].evidence


def test_what_the_evidence_says_is_judged_in_no_test(endings: dict[str, Ending]) -> None:
    guilty = {name for name, ending in endings.items() if ending.splats}
    assert guilty == {"test_panics_and_stays"}


@pytest.mark.arches("x86_64")
def test_gdb_stops_by_itself_where_the_stuck_task_is_and_leaves_nothing_when_killed(
    endings: dict[str, Ending], tmp_path: Path
) -> None:
    if shutil.which("gdb") is None:
        pytest.skip("gdb is not installed")
    directory = endings["test_spins_in_the_kernel"].directory
    # the first command pushes the module, the second one loads it and never ends
    words = ["-m", "rustbed.cli", "repro", "gdb", str(directory), "--at", "2"]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    terminal = pexpect.spawn(
        sys.executable,
        words,
        cwd=tmp_path,
        env={**os.environ, "TERM": "dumb", "TMPDIR": str(temporary)},
        timeout=1200,
        encoding="utf-8",
    )
    terminal.expect_exact("stubborn::spins_for_ever () at ")
    terminal.expect_exact("(gdb)")
    terminal.kill(signal.SIGKILL)
    terminal.wait()
    assert list(temporary.iterdir()) == []
    terminal.close()
