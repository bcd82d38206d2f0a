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
from rustbed.log.splat import find_splats

pytestmark = pytest.mark.needs("lkdtm")

_DIRECT = "/sys/kernel/debug/provoke-crash/DIRECT"

# seconds that a detector of lockups gets; they look every few seconds, of emulated time
_LOCKUP_S = 60

# a trigger, and what its splat's title has to contain

_DEATHS = {
    "PANIC": r"^kernel panic: dumptest$",
    "PANIC_STOP_IRQOFF": r"^kernel panic: panic stop irqoff test$",
    "PANIC_IN_HARDIRQ": r"^kernel panic: from hard IRQ context$",
    "BUG": r"^kernel BUG in lkdtm_BUG$",
    "BUG_IN_HARDIRQ": r"^kernel BUG in bug_in_hardirq$",
    "CORRUPT_STACK": r"stack is corrupted in lkdtm_CORRUPT_STACK\b",
    "CORRUPT_STACK_STRONG": r"stack is corrupted in lkdtm_CORRUPT_STACK_STRONG\b",
}

_WARNINGS = {
    "WARNING": r"^WARNING in lkdtm_WARNING$",
    "WARNING_MESSAGE": r"^WARNING in lkdtm_WARNING_MESSAGE$",
    "FORTIFY_MEM_MEMBER": r"^WARNING in lkdtm_FORTIFY_MEM_MEMBER$",
    "CORRUPT_LIST_ADD": r"^BUG: corrupted list in lkdtm_CORRUPT_LIST_ADD$",
    "CORRUPT_LIST_DEL": r"^BUG: corrupted list in lkdtm_CORRUPT_LIST_DEL$",
}

# KASAN, where the kernel has it, is there first; to riscv, the first page is a process's
_USER = r"BUG: unable to handle kernel access to user memory without uaccess routines"
_NULL = (
    rf"^({_USER}|BUG: unable to handle kernel NULL pointer dereference"
    r"|KASAN: null-ptr-deref (Read|Write))"
)
_PAGING = (
    rf"^({_USER}|BUG: unable to handle kernel (paging request|write to|execut\w+ )"
    r"|KASAN: (vmalloc-out-of-bounds|user-memory-access) (Read|Write))"
)

_ACCESSES = {
    "EXCEPTION": rf"{_NULL} in lkdtm_EXCEPTION$",
    "ACCESS_NULL": rf"{_NULL} in lkdtm_ACCESS_NULL$",
    # who jumped there is gone where the call was the last thing it did
    "EXEC_NULL": rf"{_NULL}( in (execute_location|lkdtm_EXEC_NULL))?$",
    "SLAB_FREE_PAGE": rf"{_NULL} in lkdtm_SLAB_FREE_PAGE$",
    "VMALLOC_LINEAR_OVERFLOW": rf"{_PAGING}.* in lkdtm_VMALLOC_LINEAR_OVERFLOW$",
}

# seen by guard pages, which loongarch64's stacks do not have
_STACKS = {
    "EXHAUST_STACK": r"^kernel stack overflow in recursive_loop$",
    "STACK_GUARD_PAGE_LEADING": r"in lkdtm_STACK_GUARD_PAGE_LEADING$",
    "STACK_GUARD_PAGE_TRAILING": rf"{_PAGING}.* in lkdtm_STACK_GUARD_PAGE_TRAILING$",
}

# loongarch64's kernel can execute all memory of its own
_EXECUTED = {
    "EXEC_DATA": rf"{_PAGING}.* in data_area$",
    "EXEC_STACK": _PAGING,
    "EXEC_KMALLOC": _PAGING,
    "EXEC_VMALLOC": _PAGING,
    "EXEC_RODATA": rf"{_PAGING}.* in lkdtm_rodata_do_nothing$",
}

_READ_ONLY = {
    "WRITE_RO": rf"{_PAGING}.* in lkdtm_WRITE_RO$",
    "WRITE_RO_AFTER_INIT": rf"{_PAGING}.* in lkdtm_WRITE_RO_AFTER_INIT$",
    "WRITE_KERN": rf"{_PAGING}.* in lkdtm_WRITE_KERN$",
}

_REFERENCE_COUNTS = {
    f"REFCOUNT_{name}": rf"^WARNING: refcount bug in lkdtm_REFCOUNT_{name}$"
    for name in (
        *("INC_OVERFLOW", "ADD_OVERFLOW", "INC_NOT_ZERO_OVERFLOW", "ADD_NOT_ZERO_OVERFLOW", "INC_ZERO"),
        *("ADD_ZERO", "DEC_ZERO", "SUB_AND_TEST_ZERO", "DEC_NEGATIVE", "DEC_AND_TEST_NEGATIVE"),
        *("SUB_AND_TEST_NEGATIVE", "INC_SATURATED", "DEC_SATURATED", "ADD_SATURATED"),
        *("INC_NOT_ZERO_SATURATED", "ADD_NOT_ZERO_SATURATED", "DEC_AND_TEST_SATURATED"),
        "SUB_AND_TEST_SATURATED",
    )
}

_COPIES = {
    # a warning says what was too long, a BUG ends the task: both blame whoever called
    **{
        name: rf"^(WARNING|kernel BUG) in lkdtm_{name}$"
        for name in ("FORTIFY_STR_MEMBER", "FORTIFY_MEM_OBJECT", "FORTIFY_STRSCPY")
    },
    **{
        f"USERCOPY_{name}": rf"^BUG: bad usercopy in {function}$"
        for name, function in {
            "SLAB_SIZE_TO": "do_usercopy_slab_size",
            "SLAB_SIZE_FROM": "do_usercopy_slab_size",
            "SLAB_WHITELIST_TO": "do_usercopy_slab_whitelist",
            "SLAB_WHITELIST_FROM": "do_usercopy_slab_whitelist",
            "STACK_BEYOND": "do_usercopy_stack",
            "FOLIO": "do_usercopy_page_span",
            "KERNEL": "lkdtm_USERCOPY_KERNEL",
        }.items()
    },
}

_FRAMES = {
    f"USERCOPY_STACK_FRAME_{way}": r"^BUG: bad usercopy in do_usercopy_stack$" for way in ("TO", "FROM")
}

_BOUNDS = {"ARRAY_BOUNDS": r"^UBSAN: array-index-out-of-bounds in lkdtm_ARRAY_BOUNDS$"}

_LOCKS = {"SPINLOCKUP": r"^(BUG: scheduling while atomic|WARNING: lock held when returning to user space)"}

_MEMORY = {
    "SLAB_LINEAR_OVERFLOW": r"^KASAN: slab-out-of-bounds Write in lkdtm_SLAB_LINEAR_OVERFLOW$",
    "WRITE_AFTER_FREE": r"^KASAN: slab-use-after-free Write in lkdtm_WRITE_AFTER_FREE$",
    "READ_AFTER_FREE": r"^KASAN: slab-use-after-free Read in lkdtm_READ_AFTER_FREE$",
    "WRITE_BUDDY_AFTER_FREE": r"^KASAN: use-after-free Write in lkdtm_WRITE_BUDDY_AFTER_FREE$",
    "READ_BUDDY_AFTER_FREE": r"^KASAN: use-after-free Read in lkdtm_READ_BUDDY_AFTER_FREE$",
    "SLAB_FREE_DOUBLE": r"^KASAN: double-free.* in lkdtm_SLAB_FREE_DOUBLE$",
}

# the task that pulls one of these never comes back
_LOCKUPS = {
    "SOFTLOCKUP": r"^BUG: soft lockup in lkdtm_SOFTLOCKUP$",
    "HUNG_TASK": r"^INFO: task hung in lkdtm_HUNG_TASK$",
}

# a processor that masks all interrupts says where it is when an NMI comes, which only x86_64 has
_MASKED = {
    "HARDLOCKUP": r"^hard lockup in lkdtm_HARDLOCKUP$",
    "SMP_CALL_LOCKUP": r"^(BUG: soft|hard) lockup in (__)?lkdtm_SMP_CALL_LOCKUP$",
}
_UNSEEN = {
    "HARDLOCKUP": "^hard lockup$",
    # or of the one that waits for it
    "SMP_CALL_LOCKUP": r"^(BUG: soft lockup in lkdtm_SMP_CALL_LOCKUP|hard lockup)$",
}

# noticed by nothing that these kernels have, and why
_UNNOTICED = {
    "LOOP": "a loop that can be preempted is a busy task; the harness's own deadline ends it",
    "REPORT_STACK": "prints an address",
    "REPORT_STACK_CANARY": "prints a canary",
    "UNALIGNED_LOAD_STORE_WRITE": "all three architectures can",
    "OVERFLOW_SIGNED": "UBSAN_INTEGER_WRAP is marked broken",
    "OVERFLOW_UNSIGNED": "as above",
    "FAM_BOUNDS": "clang 19 does not support __counted_by as the kernel wants it",
    "PTR_BOUNDS": "as above",
    "UNSET_SMEP": "depends on the emulated CPU",
    "DOUBLE_FAULT": "32-bit x86 only",
    "CORRUPT_PAC": "the emulated CPU has no pointer authentication",
    "EFI_RUNTIME_CRASH": "no EFI here",
    "SLAB_FREE_CROSS": "no CONFIG_SLAB_FREELIST_HARDENED here",
    "SLAB_INIT_ON_ALLOC": "asks for memory to be cleared, fails nothing",
    "BUDDY_INIT_ON_ALLOC": "as above",
    "WRITE_OPD": "no function descriptors here",
    "ATOMIC_TIMING": "measures",
    "REFCOUNT_TIMING": "measures",
    "USERCOPY_VMALLOC": "is refused without a word",
    "KSTACK_ERASE": "GCC's plugin only",
    "CFI_FORWARD_PROTO": "no CONFIG_CFI here",
    "CFI_BACKWARD": "no shadow call stack here",
    "PPC_SLB_MULTIHIT": "powerpc only",
    "PPC_RADIX_TLBIEL": "powerpc only",
}


def _declared(titles: dict[str, str], *needs: str) -> list[ParameterSet]:
    """Return each trigger as a parameter whose test declares its splat and needs these kernel options."""
    return [
        pytest.param(name, marks=[pytest.mark.expect_splat(title), pytest.mark.needs(*needs)])
        for name, title in titles.items()
    ]


def _pull(vm: Vm, trigger: str) -> None:
    vm.insmod("lkdtm")
    # the task dies of it, and often the machine: how is what the declaration is about
    with suppress(MachineError):
        vm.run(f"echo {trigger} >{_DIRECT}")


@pytest.mark.parametrize(
    "trigger",
    [
        *_declared(_DEATHS | _WARNINGS | _ACCESSES | _REFERENCE_COUNTS | _COPIES),
        *_declared(_STACKS, "CONFIG_VMAP_STACK"),
        # whether it is used or not: on riscv64 most memory cannot be executed without it, too
        *_declared(_EXECUTED, "CONFIG_ARCH_HAS_STRICT_KERNEL_RWX"),
        *_declared(_READ_ONLY, "CONFIG_STRICT_KERNEL_RWX"),
        *_declared(_MEMORY, "CONFIG_KASAN"),
        *_declared(_BOUNDS, "CONFIG_UBSAN_BOUNDS"),
        *_declared(_LOCKS, "CONFIG_PROVE_LOCKING"),
    ],
)
def test_trigger_is_named(vm: Vm, trigger: str) -> None:
    _pull(vm, trigger)


@pytest.mark.parametrize("trigger", _declared(_FRAMES))
def test_copy_of_a_frame_that_has_returned_is_named(vm: Vm, trigger: str) -> None:
    # who does not know frames refuses what lies below that of the check; the calls of KASAN put that lower
    if vm.kernel.has("CONFIG_KASAN") and not vm.kernel.has("CONFIG_HAVE_ARCH_WITHIN_STACK_FRAMES"):
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


@pytest.mark.expect_splat(_PAGING)
def test_execution_of_user_memory_is_named(vm: Vm) -> None:
    if vm.arch == "loongarch64":
        pytest.skip("loongarch64's kernel can execute what is mapped for a process")
    _pull(vm, "EXEC_USERSPACE")


# the CPU that QEMU emulates by default on arm64 lets the kernel touch the memory of processes
@pytest.mark.arches("x86_64", "riscv64")
@pytest.mark.expect_splat(rf"{_PAGING}.* in lkdtm_ACCESS_USERSPACE$")
def test_access_to_user_memory_is_named(vm: Vm) -> None:
    _pull(vm, "ACCESS_USERSPACE")


@pytest.mark.machine(cmdline="kfence.sample_interval=50")
@pytest.mark.expect_splat("^KFENCE: use-after-free read in lkdtm_KFENCE_READ_AFTER_FREE$")
def test_sampled_memory_error_is_named(vm: Vm) -> None:
    if vm.arch == "loongarch64":
        # without it no allocation is ever sampled
        pytest.skip("QEMU restores its timer without starting it: findings/qemu-loongarch-timer-stays-off.sh")
    _pull(vm, "KFENCE_READ_AFTER_FREE")


_DETECTORS = ("CONFIG_SOFTLOCKUP_DETECTOR", "CONFIG_HARDLOCKUP_DETECTOR", "CONFIG_DETECT_HUNG_TASK")


@pytest.mark.machine(cpus=2)
@pytest.mark.parametrize("trigger", _declared(_LOCKUPS, *_DETECTORS))
def test_lockup_is_named(vm: Vm, trigger: str) -> None:
    _lock_up(vm, trigger)


@pytest.mark.arches("x86_64")
@pytest.mark.machine(cpus=2)
@pytest.mark.parametrize("trigger", _declared(_MASKED, *_DETECTORS))
def test_lockup_without_interrupts_is_named(vm: Vm, trigger: str) -> None:
    _lock_up(vm, trigger)


@pytest.mark.arches("arm64", "riscv64")
@pytest.mark.machine(cpus=2)
@pytest.mark.parametrize("trigger", _declared(_UNSEEN, *_DETECTORS))
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
        *_MEMORY,
        *_BOUNDS,
        *_LOCKS,
        *_LOCKUPS,
        *_MASKED,
        *_UNNOTICED,
    }
    known |= {*_READ_ONLY, *_DEATHS, *_WARNINGS, *_ACCESSES, *_REFERENCE_COUNTS, *_COPIES, *_FRAMES}
    known |= {*_STACKS, *_EXECUTED}
    assert set(offered) - known == set()
