"""What becomes of a machine that dies, hangs or floods, and of the files it leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from tests.edge.machine.conftest import Booter
from tests.processes import is_running, wait_until

from rustbed.errors import BootError, CommandError, CrashError, HangError, LostError

# what is left of a report once everything but its beginning and its end is cut
OOPS = (
    "BUG: kernel NULL pointer dereference, address: 0000000000000000\\n"
    "Oops: Oops: 0002 [#1] SMP\\n"
    "---[ end trace 0000000000000000 ]---\\n"
)
PANIC = "print:Kernel_panic_-_not_syncing:_No_working_init_found."


def test_a_ready_machine_answers_and_leaves_its_files(fake_boot: Booter, tmp_path: Path) -> None:
    with fake_boot("print:hello", "ready", "wait") as vm:
        assert vm.check("echo one; echo two") == "one\ntwo"
        assert vm.run("exit 7").status == 7
        assert vm.live.boot_ms is not None
    run = tmp_path / "run"
    assert "hello" in (run / "console.log").read_text()
    assert "$ exit 7\n\n[7]\n" in (run / "shell.log").read_text()
    assert os.access(run / "run.sh", os.X_OK)


def test_qemu_is_gone_when_the_machine_is(fake_boot: Booter) -> None:
    with fake_boot("ready", "wait") as vm:
        pid = int(vm.check("echo $FAKE_PID"))
        shell = int(vm.check("echo $$"))
        assert is_running(pid)
    assert not is_running(pid)
    # no child of ours: it is killed with its group, and takes a moment to end
    wait_until(lambda: not is_running(shell), "what QEMU started is gone")


def test_panic_before_init_is_a_crash(fake_boot: Booter) -> None:
    with pytest.raises(BootError, match="No working init found") as caught, fake_boot(PANIC, "exit:0"):
        pass
    assert caught.value.outcome == "crash"


def test_panic_is_seen_though_qemu_stays(fake_boot: Booter) -> None:
    with pytest.raises(BootError, match="No working init found"), fake_boot(PANIC, "wait"):
        pass


def test_kernel_that_never_prints_is_a_hang(fake_boot: Booter) -> None:
    with (
        pytest.raises(BootError, match="nothing was ever printed") as caught,
        fake_boot("wait", silence_s=0.3),
    ):
        pass
    assert caught.value.outcome == "hang"


def test_kernel_that_stops_after_init_is_a_hang(fake_boot: Booter) -> None:
    with (
        pytest.raises(BootError, match="the console stopped growing") as caught,
        fake_boot("print:Run_/init_as_init_process", "wait", silence_s=5.0),
    ):
        pass
    assert caught.value.outcome == "hang"
    assert "Run /init as init process" in str(caught.value)


def test_boot_that_waits_for_nothing_is_not_waited_for(fake_boot: Booter) -> None:
    with (
        pytest.raises(BootError, match=r"stopped growing for 0.3 s, and the guest is idle") as caught,
        fake_boot("print:Linux", "wait", idle_s=0.15),
    ):
        pass
    assert caught.value.outcome == "hang"


def test_silent_boot_that_works_is_waited_for(fake_boot: Booter) -> None:
    with (
        pytest.raises(BootError, match=r"stopped growing for 5 s: guest spinning"),
        fake_boot("print:Linux", "spin", silence_s=5.0, idle_s=0.15),
    ):
        pass


def test_boot_that_is_given_no_processor_is_not_idle(
    fake_boot: Booter, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a wait for a processor is counted when it is over
    monkeypatch.setattr("rustbed.machine.watching.thread_times", lambda pid: {})
    with (
        pytest.raises(BootError, match=r"stopped growing for 1 s: guest spinning"),
        fake_boot("print:Linux", "spin", silence_s=1.0, idle_s=0.15),
    ):
        pass


def test_qemu_that_refuses_to_start_is_our_error_and_says_why(fake_boot: Booter) -> None:
    with pytest.raises(BootError, match="QEMU is gone") as caught, fake_boot("nonsense"):
        pass
    assert caught.value.outcome == "error"
    assert "AttributeError" in str(caught.value)


def test_qemu_that_ends_while_the_kernel_boots_is_lost(fake_boot: Booter) -> None:
    with pytest.raises(BootError, match="QEMU is gone") as caught, fake_boot("print:Linux_version", "exit:1"):
        pass
    assert caught.value.outcome == "lost"


def test_boot_error_says_where_to_look_and_how_to_repeat(fake_boot: Booter, tmp_path: Path) -> None:
    with pytest.raises(BootError) as caught, fake_boot("exit:3"):
        pass
    text = str(caught.value)
    assert "ended with status 3" in text
    assert f"sh {tmp_path}/run/run.sh" in text


def test_qemu_killed_in_mid_command_ends_the_command_at_once(fake_boot: Booter) -> None:
    with fake_boot("ready", "wait") as vm:
        started = time.monotonic()
        with pytest.raises(LostError) as caught:
            vm.run("echo said; kill -9 $FAKE_PID; sleep 600", timeout_s=600)
        assert caught.value.printed == b"said\n"
        assert time.monotonic() - started < 300
        with pytest.raises(LostError):
            vm.run("true")
        assert vm.ended is not None
        assert vm.ended.outcome == "lost"


def test_panic_in_mid_command_is_a_crash(fake_boot: Booter, tmp_path: Path) -> None:
    console = tmp_path / "run" / "console.log"
    with fake_boot("ready", "wait") as vm, pytest.raises(CrashError, match="Fatal exception"):
        vm.run(f"echo 'Kernel panic - not syncing: Fatal exception' >>{console}; kill $FAKE_PID; sleep 30")


def test_command_without_answer_is_a_hang_with_its_output(fake_boot: Booter) -> None:
    with fake_boot("ready", "wait") as vm:
        with pytest.raises(HangError, match="no answer within") as caught:
            vm.run("echo so far; sleep 60", timeout_s=5)
        assert "so far" in str(caught.value)
        with pytest.raises(HangError):
            vm.run("true")


def test_oops_ends_the_wait_for_a_command_that_does_not_return(fake_boot: Booter) -> None:
    with fake_boot("log", "ready", "wait") as vm:
        started = time.monotonic()
        with pytest.raises(CrashError, match="does not return after"):
            vm.run(f"printf '{OOPS}' >$FAKE_KMSG; sleep 600", timeout_s=1000)
        assert time.monotonic() - started < 300


def test_oops_of_an_earlier_command_is_no_reason_to_give_up(fake_boot: Booter) -> None:
    with fake_boot("log", "ready", "wait", slowness=0.2) as vm:
        vm.run(f"printf '{OOPS}' >$FAKE_KMSG")
        # what it has said is there, and the next command begins after it
        assert len(vm.log) > 0
        assert vm.check("sleep 2; echo alive") == "alive"


def test_what_a_dead_task_holds_and_cannot_be_undone_is_no_failure_of_its_own(fake_boot: Booter) -> None:
    with fake_boot("log", "ready", "wait") as vm, vm.live.undone(lambda: vm.check("false")):
        vm.run(f"printf '{OOPS}' >$FAKE_KMSG")


@pytest.mark.parametrize(("dies", "undone"), [(False, True), (True, False)])
def test_after_an_error_nothing_is_undone_that_a_dead_task_may_hold(
    fake_boot: Booter, dies: bool, undone: bool
) -> None:
    with fake_boot("log", "ready", "wait") as vm:
        with suppress(ZeroDivisionError), vm.live.undone(lambda: vm.check("touch $FAKE_KMSG.undone")):
            vm.run(f"printf '{OOPS}' >$FAKE_KMSG" if dies else "true")
            raise ZeroDivisionError
        # what stands around it, such as a fixture, ends later and without an error
        with vm.live.undone(lambda: vm.check("touch $FAKE_KMSG.later")):
            pass
        assert (vm.run("test -e $FAKE_KMSG.later").status == 0) == undone
        assert (vm.run("test -e $FAKE_KMSG.undone").status == 0) == undone


def test_what_cannot_be_undone_on_a_healthy_machine_is_an_error(fake_boot: Booter) -> None:
    with (
        fake_boot("log", "ready", "wait") as vm,
        pytest.raises(CommandError),
        vm.live.undone(lambda: vm.check("false")),
    ):
        vm.run("true")


def test_console_flood_of_200_mib_is_survived_in_little_memory(fake_boot: Booter, tmp_path: Path) -> None:
    # the high-water mark begins anew: other tests of this process needed more (proc(5))
    Path("/proc/self/clear_refs").write_text("5")
    before = memory_mib("VmRSS")
    with fake_boot("flood:200", "ready", "wait", slowness=1.0) as vm:
        assert vm.check("echo alive") == "alive"
    assert (tmp_path / "run" / "console.log").stat().st_size > 200 * 2**20
    assert memory_mib("VmHWM") - before < 64


def test_memory_that_was_needed_for_a_moment_is_seen() -> None:
    Path("/proc/self/clear_refs").write_text("5")
    before = memory_mib("VmRSS")
    assert len(bytes(b"x" * 80 * 2**20)) > 0
    assert memory_mib("VmHWM") - before > 64


def memory_mib(field: str) -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) / 1024


def test_input_of_a_command_that_ends_without_reading_it_is_not_sent(fake_boot: Booter) -> None:
    with fake_boot("ready", "wait", slowness=1.0) as vm:
        answer = vm.run("echo no; exit 3", stdin=b"exit 4\n")
        assert (answer.status, answer.output) == (3, "no")
        assert vm.check("echo alive") == "alive"


def test_command_output_of_20_mib_arrives_whole(fake_boot: Booter) -> None:
    with fake_boot("ready", "wait", slowness=1.0) as vm:
        # on a busy host the transfer takes more than the 60 s of a command
        output = vm.run("yes 123456789 | head -c 20000000", timeout_s=600.0).stdout
    assert len(output) == 20_000_000


def test_sigkill_of_the_harness_ends_qemu(tmp_path: Path) -> None:
    """The program that starts a machine is killed; what it started goes with it."""
    program = (
        "import os, signal, sys\n"
        "from rustbed import process\n"
        "with process.start([sys.executable, '-c', 'import time; time.sleep(60)']) as child:\n"
        "    print(child.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    child = int(done.stdout)
    wait_until(lambda: not is_running(child), "it is gone")
