"""LKDTM, the kernel's own collection of ways to fail: each must turn a run red, under its right name.

A test declares the splat that its trigger has to be read as, and so passes exactly if the harness finds
that one and no other. What needs a detector is skipped, by the option's name, on kernels without.
"""

from __future__ import annotations

from contextlib import suppress

import pytest
from _pytest.mark.structures import ParameterSet

from rustbed import Vm
from rustbed.errors import MachineError
from rustbed.kernel.artifact import Kernel
from rustbed.log.splat import find_splats
from tests.oracle import lkdtm_titles as titles

pytestmark = pytest.mark.needs("lkdtm")

_DIRECT = "/sys/kernel/debug/provoke-crash/DIRECT"

# seconds that a detector of lockups gets; they look every few seconds, of emulated time
_LOCKUP_S = 60


def _declared(triggers: dict[str, str], *needs: str) -> list[ParameterSet]:
    """Return each trigger as a parameter whose test declares its splat and needs these kernel options."""
    return [
        pytest.param(name, marks=[pytest.mark.expect_splat(title), pytest.mark.needs(*needs)])
        for name, title in triggers.items()
    ]


def _triggers(triggers: dict[str, str], *needs: str) -> list[ParameterSet]:
    """Return each trigger as a parameter whose test needs these kernel options."""
    return [pytest.param(name, marks=pytest.mark.needs(*needs)) for name in triggers]


def _pull(vm: Vm, trigger: str) -> None:
    vm.insmod("lkdtm")
    # the task dies of it, and often the machine: how is what the declaration is about
    with suppress(MachineError):
        vm.run(f"echo {trigger} >{_DIRECT}")


def _checked(kernel: Kernel) -> dict[str, str]:
    """Return the titles that only an s390x kernel with KASAN gives."""
    return titles.S390_CHECKED if kernel.arch.name == "s390x" and kernel.has("CONFIG_KASAN") else {}


@pytest.fixture
def declared(kernel: Kernel, trigger: str, request: pytest.FixtureRequest) -> None:
    """Declare the splat that this kernel makes of a trigger."""
    request.applymarker(pytest.mark.expect_splat((titles.TRIGGERS | _checked(kernel))[trigger]))


@pytest.mark.usefixtures("declared")
@pytest.mark.parametrize(
    "trigger",
    [
        *_triggers(
            titles.DEATHS | titles.WARNINGS | titles.ACCESSES | titles.REFERENCE_COUNTS | titles.COPIES
        ),
        *_triggers(titles.STACKS, "CONFIG_VMAP_STACK"),
        *_triggers(titles.STACK_CONTENTS, "CONFIG_STACKPROTECTOR_STRONG"),
        # whether it is used or not: on riscv64 most memory cannot be executed without it, too
        *_triggers(titles.EXECUTED, "CONFIG_ARCH_HAS_STRICT_KERNEL_RWX"),
        *_triggers(titles.READ_ONLY, "CONFIG_STRICT_KERNEL_RWX"),
        *_triggers(titles.MEMORY, "CONFIG_KASAN"),
        *_triggers(titles.BOUNDS, "CONFIG_UBSAN_BOUNDS"),
        *_triggers(titles.LOCKS, "CONFIG_PROVE_LOCKING"),
    ],
)
def test_trigger_is_named(vm: Vm, trigger: str) -> None:
    _pull(vm, trigger)


@pytest.fixture
def declared_null(kernel: Kernel, trigger: str, request: pytest.FixtureRequest) -> None:
    """Declare what a trigger's access to NULL is called by this kernel."""
    own = {"s390x": titles.S390_NULLS | _checked(kernel), "powerpc64le": titles.POWERPC_NULLS}
    wanted = own.get(kernel.arch.name, titles.NULLS)
    request.applymarker(pytest.mark.expect_splat(wanted[trigger]))


@pytest.mark.usefixtures("declared_null")
@pytest.mark.parametrize("trigger", titles.NULLS)
def test_access_to_null_is_named(vm: Vm, trigger: str) -> None:
    _pull(vm, trigger)


@pytest.mark.parametrize("trigger", _declared(titles.FRAMES))
def test_copy_of_a_frame_that_has_returned_is_named(vm: Vm, trigger: str) -> None:
    # who does not know frames refuses what lies below that of the check; the calls of KASAN put that lower,
    # and so do s390x's frames, which are larger
    is_low = vm.kernel.has("CONFIG_KASAN") or vm.arch == "s390x"
    if is_low and not vm.kernel.has("CONFIG_HAVE_ARCH_WITHIN_STACK_FRAMES"):
        pytest.skip(f"kernel {vm.kernel.release} for {vm.arch} has no CONFIG_HAVE_ARCH_WITHIN_STACK_FRAMES")
    _pull(vm, trigger)


@pytest.mark.expect_splat("^kernel BUG in lkdtm_BUG$")
def test_bug_ends_the_task_alone(vm: Vm, request: pytest.FixtureRequest) -> None:
    if vm.arch == "riscv64":
        known = pytest.mark.xfail(strict=True, reason="docs/findings/riscv-bug-is-fatal.md")
        request.applymarker(known)
    _pull(vm, "BUG")
    assert vm.check("echo still here") == "still here"


# on riscv64 the machine does not go on
@pytest.mark.arches("x86_64", "arm64")
@pytest.mark.expect_splat("^kernel BUG in lkdtm_BUG$")
def test_kernel_that_goes_on_after_a_bug_has_nothing_to_warn_of(
    vm: Vm, request: pytest.FixtureRequest
) -> None:
    if vm.arch == "arm64":
        known = pytest.mark.xfail(
            strict=True, raises=AssertionError, reason="docs/findings/arm64-bug-leaves-its-exception.md"
        )
        request.applymarker(known)
    _pull(vm, "BUG")
    # until the processor has been idle, and the next task has had its turn
    vm.check("sleep 1")
    assert [splat.title for splat in find_splats(vm.log.records)] == ["kernel BUG in lkdtm_BUG"]


@pytest.mark.expect_splat(titles.PAGING)
def test_execution_of_user_memory_is_named(vm: Vm) -> None:
    if vm.arch in ("loongarch64", "powerpc64le"):
        pytest.skip(f"{vm.arch}'s kernel can execute what is mapped for a process")
    _pull(vm, "EXEC_USERSPACE")


# the CPU that QEMU emulates by default on arm64 lets the kernel touch the memory of processes
@pytest.mark.arches("x86_64", "riscv64")
@pytest.mark.expect_splat(rf"{titles.PAGING}.* in lkdtm_ACCESS_USERSPACE$")
def test_access_to_user_memory_is_named(vm: Vm) -> None:
    _pull(vm, "ACCESS_USERSPACE")


# a slow boot takes all objects of KFENCE's for good if it samples often from the beginning
@pytest.mark.machine(cmdline="kfence.sample_interval=2000")
@pytest.mark.expect_splat("^KFENCE: use-after-free read in lkdtm_KFENCE_READ_AFTER_FREE$")
def test_sampled_memory_error_is_named(vm: Vm) -> None:
    vm.check("echo 50 >/sys/module/kfence/parameters/sample_interval")
    _pull(vm, "KFENCE_READ_AFTER_FREE")


_DETECTORS = ("CONFIG_SOFTLOCKUP_DETECTOR", "CONFIG_HARDLOCKUP_DETECTOR", "CONFIG_DETECT_HUNG_TASK")


@pytest.mark.machine(cpus=2)
@pytest.mark.parametrize("trigger", _declared(titles.LOCKUPS, *_DETECTORS))
def test_lockup_is_named(vm: Vm, trigger: str) -> None:
    _lock_up(vm, trigger)


@pytest.mark.arches("x86_64")
@pytest.mark.machine(cpus=2)
@pytest.mark.parametrize("trigger", _declared(titles.MASKED, *_DETECTORS))
def test_lockup_without_interrupts_is_named(vm: Vm, trigger: str) -> None:
    _lock_up(vm, trigger)


@pytest.mark.arches("arm64", "riscv64")
@pytest.mark.machine(cpus=2)
@pytest.mark.parametrize("trigger", _declared(titles.UNSEEN, *_DETECTORS))
def test_lockup_without_interrupts_is_blamed_on_nobody_else(vm: Vm, trigger: str) -> None:
    _lock_up(vm, trigger)


def _lock_up(vm: Vm, trigger: str) -> None:
    # as it may take all CPUs, the detector's word is made the last one
    vm.check("cd /proc/sys/kernel; echo 2 >watchdog_thresh; echo 2 >hung_task_timeout_secs")
    vm.check("cd /proc/sys/kernel; for of in softlockup hardlockup hung_task; do echo 1 >${of}_panic; done")
    vm.insmod("lkdtm")
    vm.run_to_end(f"echo {trigger} >{_DIRECT}", timeout_s=_LOCKUP_S)


def test_every_trigger_of_the_kernel_is_known(vm: Vm) -> None:
    vm.insmod("lkdtm")
    _, *offered = vm.check(f"cat {_DIRECT}").split("\n")
    known = {
        "KFENCE_READ_AFTER_FREE",
        "ACCESS_USERSPACE",
        "EXEC_USERSPACE",
        *titles.MEMORY,
        *titles.BOUNDS,
        *titles.LOCKS,
        *titles.LOCKUPS,
        *titles.MASKED,
        *titles.UNNOTICED,
    }
    known |= {
        *titles.READ_ONLY,
        *titles.DEATHS,
        *titles.WARNINGS,
        *titles.ACCESSES,
        *titles.NULLS,
        *titles.REFERENCE_COUNTS,
        *titles.COPIES,
        *titles.FRAMES,
    }
    known |= {*titles.STACKS, *titles.STACK_CONTENTS, *titles.EXECUTED}
    assert set(offered) - known == set()
