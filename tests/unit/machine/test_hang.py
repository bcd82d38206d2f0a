"""From what was observed to the kind of hang."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rustbed.guest.tasks import Task
from rustbed.log.stuck import Hang
from rustbed.machine.evidence import parse_pcs
from rustbed.machine.hang import Activity, Observation, Vcpu, classify, is_starved
from rustbed.procfs import CpuTime

IDLE = Vcpu(index=0, time=CpuTime(ran_s=0.01))
BUSY = Vcpu(index=0, time=CpuTime(ran_s=0.59), pcs=("ffffffff81000042", "ffffffff81000044"))
CAT = Task(pid=57, parent=50, name="cat", state="S", waits_in="wait_for_partner", user_s=0.0, system_s=0.01)

# nothing answers and nothing happens
SILENT = Observation(
    qemu_state="S",
    run_state="running",
    window_s=0.6,
    vcpus=(IDLE,),
    time=CpuTime(ran_s=2.0),
    elapsed_s=10.0,
    user_space=False,
    kernel=False,
)
ANSWERING = replace(SILENT, user_space=True, kernel=True, tasks=(Activity(task=CAT, used_s=0.0),))
# a guest that answers slowly is looked at for longer than its processors are
WORKING = replace(ANSWERING, tasks=(Activity(task=CAT, used_s=1.08),), tasks_s=1.1)


@pytest.mark.parametrize(
    ("seen", "kind", "why"),
    [
        (SILENT, Hang.DEAD, "no virtual CPU is busy; user space does not answer, nor does the kernel"),
        (replace(SILENT, kernel=None), Hang.DEAD, "no virtual CPU is busy; user space does not answer"),
        (
            replace(SILENT, user_space=None, kernel=None),
            Hang.DEAD,
            "no virtual CPU is busy; user space cannot be asked",
        ),
        (replace(SILENT, run_state="internal-error"), Hang.DEAD, "the machine does not run: internal-error"),
        (
            replace(SILENT, vcpus=(BUSY,)),
            Hang.SPINNING,
            "CPU 0 is busy at ffffffff81000042, ffffffff81000044;"
            " user space does not answer, nor does the kernel",
        ),
        (
            replace(SILENT, vcpus=(IDLE, replace(BUSY, index=1, pcs=())), kernel=True),
            Hang.SPINNING,
            "CPU 1 is busy; user space does not answer, the kernel does",
        ),
        (
            replace(SILENT, kernel=True),
            Hang.STUCK,
            "the kernel answers, user space does not answer, no virtual CPU is busy",
        ),
        (ANSWERING, Hang.STUCK, "cat (57) sleeps in wait_for_partner"),
        (replace(ANSWERING, kernel=None), Hang.STUCK, "cat (57) sleeps in wait_for_partner"),
        (replace(ANSWERING, tasks=()), Hang.STUCK, "the guest's shell itself"),
        (replace(ANSWERING, quiet_s=0.5), Hang.BUSY, "its output still grows"),
        (
            WORKING,
            Hang.BUSY,
            "cat (57) used 1.08 s of the last 1.10 s",
        ),
        (
            replace(ANSWERING, tasks=(Activity(task=CAT, used_s=0.0, new=True),)),
            Hang.BUSY,
            "cat (57) was just started",
        ),
        (replace(SILENT, qemu_state="T", run_state=None), Hang.HOST, "QEMU is stopped"),
        (replace(SILENT, run_state=None), Hang.HOST, "QEMU's monitor does not answer"),
        (replace(SILENT, run_state="paused"), Hang.HOST, "the machine does not run: paused"),
        (
            replace(SILENT, time=CpuTime(ran_s=0.2, waited_s=8.0)),
            Hang.HOST,
            "QEMU ran for 0.2 s and waited 8.0 s for a processor",
        ),
        (
            replace(WORKING, time=CpuTime(ran_s=2.0, waited_s=8.0)),
            Hang.HOST,
            "QEMU ran for 2.0 s and waited 8.0 s for a processor; cat (57) used 1.08 s of the last 1.10 s",
        ),
    ],
)
def test_kind_and_reason(seen: Observation, kind: Hang, why: str) -> None:
    assert classify(seen) == (kind, why)


def test_task_that_cannot_be_woken_is_said_to_be_so() -> None:
    task = replace(CAT, state="D", waits_in="0")
    seen = replace(ANSWERING, tasks=(Activity(task=task, used_s=0.0),))
    assert classify(seen) == (Hang.STUCK, "cat (57) sleeps uninterruptibly")


def test_of_several_tasks_the_innermost_is_the_one_that_is_waited_for() -> None:
    outer = replace(CAT, pid=56, name="sh", waits_in="do_wait")
    seen = replace(ANSWERING, tasks=(Activity(task=outer, used_s=0.0), Activity(task=CAT, used_s=0.0)))
    assert classify(seen)[1] == "cat (57) sleeps in wait_for_partner"


def test_cpu_that_wants_to_run_and_may_not_is_busy() -> None:
    """On a loaded host a spinning guest runs for a part of the time only."""
    starving = Vcpu(index=0, time=CpuTime(ran_s=0.1, waited_s=0.4))
    seen = replace(SILENT, vcpus=(starving,), time=CpuTime(ran_s=2.0, waited_s=8.0))
    assert classify(seen)[0] is Hang.SPINNING


def test_guest_that_had_the_time_to_answer_is_not_excused_by_a_slow_host() -> None:
    little, enough = CpuTime(ran_s=0.2, waited_s=50.0), CpuTime(ran_s=0.5, waited_s=50.0)
    assert is_starved(little, 60.0)
    assert not is_starved(enough, 60.0)


def test_command_that_had_its_time_is_not_excused_by_a_slow_host() -> None:
    seen = replace(WORKING, time=CpuTime(ran_s=4.6, waited_s=24.0), elapsed_s=18.0)
    assert classify(replace(seen, limit_s=3.0)) == (Hang.BUSY, "cat (57) used 1.08 s of the last 1.10 s")
    # one that answers may have got too little for its work all the same
    assert classify(replace(seen, limit_s=6.0))[0] is Hang.HOST


@pytest.mark.parametrize(
    ("activity", "kind"),
    [
        (Activity(task=CAT, used_s=0.0), Hang.STUCK),
        (Activity(task=replace(CAT, state="D"), used_s=0.0), Hang.STUCK),
        # is ready, and got nothing
        (Activity(task=replace(CAT, state="R"), used_s=0.0), Hang.HOST),
        (Activity(task=CAT, used_s=0.01), Hang.HOST),
        (Activity(task=CAT, used_s=0.0, new=True), Hang.HOST),
    ],
)
def test_slow_host_excuses_no_task_that_sleeps_in_a_guest_that_answers(
    activity: Activity, kind: Hang
) -> None:
    seen = replace(ANSWERING, time=CpuTime(ran_s=0.5, waited_s=4.4), elapsed_s=7.0, tasks=(activity,))
    assert classify(seen)[0] is kind
    assert classify(replace(seen, quiet_s=0.1))[0] is Hang.HOST


def test_slow_host_is_blamed_where_nothing_is_known_of_the_command() -> None:
    seen = replace(ANSWERING, time=CpuTime(ran_s=0.5, waited_s=4.4), elapsed_s=7.0, tasks=())
    assert classify(seen)[0] is Hang.HOST


def test_moment_is_too_short_to_call_the_host_slow() -> None:
    assert not is_starved(CpuTime(ran_s=0.1, waited_s=1.0), 1.2)


def test_idle_guest_is_not_starved() -> None:
    assert not is_starved(CpuTime(ran_s=0.02, waited_s=0.1), 10.0)
    assert not is_starved(CpuTime(), 10.0)


@pytest.mark.parametrize(
    ("registers", "pcs"),
    [
        ("CPU#0\nRAX=0 RBX=1\nRIP=ffffffff81000042 RFL=00000202\n", {0: "ffffffff81000042"}),
        ("\nCPU#0\n PC=ffff800080012345 X00=0000000000000000\nPSTATE=600000c5\n", {0: "ffff800080012345"}),
        (
            "CPU#0\n V      =   0\n pc       ffffffff80a01234\n mhartid  0000000000000000\n",
            {0: "ffffffff80a01234"},
        ),
        (
            "CPU#0\nRIP=0000000000000001\n\nCPU#1\nRIP=0000000000000002\n",
            {0: "0000000000000001", 1: "0000000000000002"},
        ),
        ("CPU#0\nnothing of the kind\n", {}),
        ("", {}),
        ("{}", {}),
    ],
)
def test_program_counters_are_read_whatever_they_are_called(registers: str, pcs: dict[int, str]) -> None:
    assert parse_pcs(registers) == pcs
