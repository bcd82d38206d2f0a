"""Which kind of hang it is, and what is collected: with a QEMU that shows what no real one can on demand."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.edge.machine.conftest import Booter

from rustbed import deadline, procfs
from rustbed.errors import BootError, HangError, LostError, WaitError
from rustbed.log.stuck import Hang
from rustbed.machine.spec import MachineSpec
from rustbed.machine.vm import Vm

# the shell that is asked, the guest's shell, its command
STUCK = "31|0_1_(init)_S_0_{0}|0_33_(sh)_S_1_{0}|fifowait_57_(cat)_D_33_{0}".format("0_" * 11)


@contextmanager
def hung(fake_boot: Booter, *acts: str, **options: MachineSpec) -> Iterator[tuple[Vm, HangError]]:
    """Run a command that never ends on a machine that acts so, and yield the machine and the error."""
    with fake_boot(*acts, **options) as vm:
        with pytest.raises(HangError) as caught:
            vm.run("sleep 60", timeout_s=0.5)
        yield vm, caught.value


def hang_log(tmp_path: Path) -> str:
    return (tmp_path / "run" / "hang.log").read_text()


def test_nothing_answers_and_nothing_happens(fake_boot: Booter) -> None:
    with hung(fake_boot, "ready", "wait") as (vm, error):
        assert error.hang == Hang.DEAD
        assert "no answer within 0.3 s: guest dead: no virtual CPU is busy" in error.headline
        assert vm.ended is error


def test_nothing_answers_and_a_processor_is_busy(fake_boot: Booter) -> None:
    with hung(fake_boot, "ready", "spin") as (_, error):
        assert error.hang == Hang.SPINNING
        assert "CPU 0 is busy at ffffffff81000042" in error.headline


def test_user_space_answers_and_the_command_sleeps(fake_boot: Booter) -> None:
    with hung(fake_boot, f"pulse:{STUCK}", "ready", "wait") as (_, error):
        assert error.hang == Hang.STUCK
        assert error.headline.endswith("one task stuck: cat (57) sleeps uninterruptibly in fifowait")


def test_a_wait_that_others_end_names_them_and_the_command(fake_boot: Booter) -> None:
    def end_the_wait(*_: object) -> None:
        pytest.fail("Timeout (>0.5s) from somebody else.")

    before = signal.signal(signal.SIGALRM, end_the_wait)
    try:
        with fake_boot(f"pulse:{STUCK}", "ready", "wait") as vm:
            signal.setitimer(signal.ITIMER_REAL, 0.5)
            with pytest.raises(pytest.fail.Exception, match="Timeout"):
                vm.run("sleep 60")
            with pytest.raises(HangError) as caught:
                vm.run("true")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert re.fullmatch(
        r"Timeout \(>0\.5s\) from somebody else: waiting for the command: sleep 60, given up after \d+\.\d s:"
        r" one task stuck: cat \(57\) sleeps uninterruptibly in fifowait",
        caught.value.headline,
    )


def test_output_that_grows_is_progress(fake_boot: Booter) -> None:
    with (
        fake_boot(f"pulse:{STUCK}", "ready", "wait") as vm,
        pytest.raises(HangError, match="one task busy: its output still grows"),
    ):
        vm.run("while sleep 0.2; do echo step; done", timeout_s=6)


def test_kernel_answers_and_user_space_does_not(fake_boot: Booter) -> None:
    with hung(fake_boot, "sysrq", "ready", "wait") as (_, error):
        assert error.hang == Hang.STUCK
        assert "the kernel answers" in error.headline


def test_console_of_a_hypervisor_takes_keys_behind_a_character(
    fake_boot: Booter, spec: MachineSpec, tmp_path: Path
) -> None:
    arch = replace(spec.arch, sysrq_prefix="\x0f")
    other = replace(spec, kernel=replace(spec.kernel, arch=arch))
    with hung(fake_boot, "sysrq:15", "ready", "wait", spec=other):
        pass
    said = re.findall("sysrq: answer to (.)", hang_log(tmp_path))
    assert said == ["w", "l", "t"]


def test_stopped_qemu_is_the_hosts_affair(fake_boot: Booter, tmp_path: Path) -> None:
    with fake_boot("ready", "wait") as vm:
        pid = int(vm.check("echo $FAKE_PID"))
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(HangError, match="host slow: QEMU is stopped") as caught:
                vm.run("sleep 60", timeout_s=1)
        finally:
            os.kill(pid, signal.SIGCONT)
    assert caught.value.hang == Hang.HOST


@pytest.fixture
def starved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let QEMU seem to wait for a processor all the time, for as long as a test may take."""
    monkeypatch.setattr(procfs, "longest_wait", lambda *_: 3600.0)
    monkeypatch.setattr(deadline, "_PUT_OFF", 3600.0)


@pytest.mark.usefixtures("starved")
def test_limits_count_no_time_for_which_the_host_gave_no_processor(fake_boot: Booter) -> None:
    with fake_boot("ready", "wait", silence_s=0.1) as vm:
        # far below what a process takes to start
        assert vm.check("sleep 0.2; echo late", timeout_s=0.01) == "late"
        end = time.monotonic() + 0.2
        assert vm.wait_for(lambda: time.monotonic() > end, "the end", timeout_s=0.01)


def test_time_without_a_processor_is_told(fake_boot: Booter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(procfs, "longest_wait", lambda *_: 3600.0)
    # a fifth of the usual: both waits take all of the time that a deadline may be put off
    monkeypatch.setattr(deadline, "_TOLD_S", 1.0)
    with fake_boot("ready", "wait", slowness=0.1) as vm:
        with pytest.raises(WaitError, match=r"not within 0\.3 s, and the guest answers") as waited:
            vm.wait_for(lambda: False, "the end", timeout_s=1)
        with pytest.raises(HangError, match=r"no answer within 0\.3 s") as hung:
            vm.run("sleep 60", timeout_s=1)
    for error in (waited.value, hung.value):
        assert error.facts["host"] == "gave no processor for 1 s, not counted"


@pytest.mark.usefixtures("starved")
def test_end_of_a_machine_that_gets_no_processor_is_waited_for(fake_boot: Booter) -> None:
    with fake_boot("ready", "wait") as vm:
        vm.run("(sleep 0.2; kill -9 $FAKE_PID) >/dev/null 2>&1 &")
        assert "QEMU is gone" in vm.wait_end(timeout_s=0.01).headline


def test_killed_qemu_is_no_hang(fake_boot: Booter) -> None:
    with fake_boot("ready", "wait") as vm, pytest.raises(LostError, match="QEMU is gone") as caught:
        vm.run("kill -9 $FAKE_PID; sleep 60", timeout_s=60)
    assert caught.value.hang == ""
    assert not vm.files.hang.exists()


def test_guest_in_which_nothing_answers_is_given_up_long_before_a_long_deadline(
    fake_boot: Booter,
) -> None:
    with fake_boot("pulse:31", "ready", "wait", unanswered_s=1.0) as vm:
        assert vm.check("echo alive; sleep 3", timeout_s=600) == "alive"
    started = time.monotonic()
    with (
        fake_boot("ready", "wait", unanswered_s=1.0) as vm,
        pytest.raises(HangError, match="nothing in the guest answered for 1 s: guest dead"),
    ):
        vm.run("sleep 600", timeout_s=6000)
    assert time.monotonic() - started < 300


def test_evidence_has_registers_tasks_and_what_sysrq_said(fake_boot: Booter, tmp_path: Path) -> None:
    with hung(fake_boot, f"pulse:{STUCK}", "sysrq", "ready", "wait"):
        pass
    text = hang_log(tmp_path)
    assert "RIP=ffffffff81000042" in text
    assert "(cat) D 33" in text
    assert [key for key in "wlt" if f"sysrq: answer to {key}" in text] == ["w", "l", "t"]


def test_evidence_says_what_could_not_be_had(fake_boot: Booter, tmp_path: Path) -> None:
    with hung(fake_boot, "ready", "wait"):
        pass
    text = hang_log(tmp_path)
    assert "user space does not answer" in text
    assert "== sysrq wlt by console: unavailable" in text
    assert "== non-maskable interrupt: unavailable\nQMP inject-nmi: no such thing" in text


def test_kernel_that_knows_no_breaks_is_asked_through_the_second_shell(
    fake_boot: Booter, tmp_path: Path
) -> None:
    with hung(fake_boot, f"pulse:{STUCK}", "ready", "wait"):
        pass
    text = hang_log(tmp_path)
    assert "== sysrq wlt by console: unavailable" in text
    assert [key for key in "wlt" if f"== sysrq {key} by the second shell\n" in text] == ["w", "l", "t"]
    # the machine is not made to panic while somebody answers
    assert "sysrq c" not in text


def test_console_of_an_old_qemu_cannot_be_typed_at(fake_boot: Booter, tmp_path: Path) -> None:
    with fake_boot("ready", "wait", version=(7, 2, 0)) as vm, pytest.raises(HangError, match="guest dead"):
        vm.run("sleep 60", timeout_s=1)
    assert "sysrq wlt by console: unavailable\nthis QEMU's console has no input" in hang_log(tmp_path)


def test_error_shows_the_console_as_it_was_before_it_was_asked(fake_boot: Booter) -> None:
    with hung(fake_boot, "print:the_last_words", "sysrq", "ready", "wait") as (_, error):
        assert str(error.facts["console"]).endswith("the last words")
        assert str(error.facts["evidence"]).endswith("/run/hang.log")


def test_what_the_evidence_says_is_not_judged(fake_boot: Booter) -> None:
    with hung(fake_boot, "record:before", "sysrq", "ready", "wait") as (vm, _):
        assert vm.live.judged.messages == ["before"]
        assert vm.live.log_damage == ""


def test_boot_that_hangs_says_which_kind_too(fake_boot: Booter, tmp_path: Path) -> None:
    with (
        pytest.raises(BootError, match=r"stopped growing.*: guest spinning: CPU 0") as caught,
        fake_boot("print:Linux", "spin", silence_s=5.0),
    ):
        pass
    assert (caught.value.outcome, caught.value.hang) == ("hang", Hang.SPINNING)
    assert "RIP=" in hang_log(tmp_path)
