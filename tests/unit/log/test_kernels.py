"""Reports as kernels from 2.6 to 7.x print them, on many processors, and as tools keep them.

Each is written after the form that a kernel's source or a public report shows, with made-up names.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed import explain
from rustbed.log.splat import Kind

KERNELS = Path(__file__).parent / "kernels"

# log: kind, function and file of the first report, and how many reports there are
WANTED: dict[str, tuple[Kind, str, str | None, int]] = {
    "wall_of_syslogd": (Kind.OOPS, "toy_mmc_request", None, 1),
    "kasan_of_4_2": (Kind.KASAN, "toy_wchan", None, 1),
    "asan_symbolize": (Kind.KASAN, "toy_parse", "drivers/toy/parse.c", 1),
    "kcsan_reordered": (Kind.KCSAN, "toy_switch", None, 1),
    "kcsan_unknown_origin_values": (Kind.KCSAN, "toy_tick", None, 1),
    "no_kallsyms_warning": (Kind.WARNING, "", "target-mipsel/linux-toy/toy-2022/toy76/mac.c", 1),
    "no_kallsyms_arm64_oops_ramoops_levels": (Kind.OOPS, "", None, 1),
    "warn_of_4_5_list_del": (Kind.LIST_CORRUPTION, "__toy_dentry_kill", None, 1),
    "mips_unaligned": (Kind.OOPS, "toy_fault", None, 1),
    "mips_without_time_3_18": (Kind.OOPS, "toy_dma_inv", None, 1),
    "kasan_hw_tags_android": (Kind.KASAN, "kernel_toy_destroy", None, 1),
    "openrisc": (Kind.OOPS, "toy_show", None, 1),
    "riscv_5_10_without_names": (Kind.OOPS, "toy_worker", None, 1),
    "arm_2_6_frames_without_blanks": (Kind.OOPS, "cascade_toy", None, 1),
    "powerpc_32": (Kind.OOPS, "toy_pick_task", None, 1),
    "kmemleak_verbose": (Kind.LEAK, "toy_forgets", None, 2),
    "sparc64": (Kind.OOPS, "toy_scan", None, 1),
    "parisc": (Kind.OOPS, "toy_unlink", None, 1),
    "xtensa": (Kind.OOPS, "toy_write", None, 1),
    "ubsan_trap_x86": (Kind.UBSAN, "toy_index", None, 1),
    "rcu_tasks_stall": (Kind.RCU_STALL, "toy_loop", None, 1),
    "hung_task_4_14_arm": (Kind.HUNG_TASK, "toy_wait_page", None, 1),
    "hung_task_6_17_blocker": (Kind.HUNG_TASK, "toy_write_lock", None, 1),
    "lockup_with_csd": (Kind.SOFT_LOCKUP, "toy_spin", None, 1),
    "hard_lockup_6_x": (Kind.HARD_LOCKUP, "toy_spin", None, 1),
    "page_allocation_4_4_arm": (Kind.OUT_OF_MEMORY, "toy_rx_alloc", None, 1),
    "bad_page_6_x": (Kind.BAD_PAGE, "toy_free", None, 1),
    "rust_panic_6_12_overflow_in_task": (
        Kind.RUST_PANIC,
        "<toy::Dev as kernel::miscdevice::MiscDevice>::ioctl",
        "drivers/toy/toy.rs",
        1,
    ),
    "refcount_5_4": (Kind.REFCOUNT, "toy_put", None, 1),
    "scheduling_atomic_4_14": (Kind.ATOMIC_SLEEP, "toy_tasklet", None, 1),
    "slub_4_x": (Kind.SLAB_CORRUPTION, "toy_alloc", None, 1),
    "s390_specification": (Kind.OOPS, "toy_atomic", None, 1),
    "interleaved_without_callers": (Kind.OOPS, "toy_write", None, 1),
    "alpha": (Kind.OOPS, "toy_intr", None, 1),
    "x86_split_lock_int3": (Kind.OOPS, "toy_probe_fn", None, 1),
    "lockdep_nested_5_x_irq_safe": (Kind.LOCKDEP, "toy_irq", None, 1),
    "kmsan_infoleak": (Kind.KMSAN, "toy_read", "drivers/toy/toy.c", 1),
    "pstore_parts_in_order": (Kind.OOPS, "toy_write", None, 1),
    "mtk_android_old_prefix": (Kind.OOPS, "toy_irq", None, 1),
    "x86_32_bit_4_19": (Kind.OOPS, "toy_write", None, 1),
    "syzbot_symbolized_double_headline": (Kind.KASAN, "toy_close", "drivers/toy/core.c", 1),
    "general_protection_fault_kasan_null_range": (Kind.OOPS, "toy_poll", "drivers/toy/core.c", 1),
    "quoted_mail_oops": (Kind.OOPS, "toy_reset", None, 1),
    "cut_at_80": (Kind.KASAN, "toy_irq_handler_of_a_rather_long_name", None, 1),
    "cut_at_72": (Kind.KASAN, "toy_irq_handler_of_a_rather_long_name", None, 1),
    "folded_at_80": (Kind.KASAN, "toy_irq_handler_of_a_rather_long_name", None, 1),
    "folded_at_100": (Kind.KASAN, "toy_irq_handler_of_a_rather_long_name", None, 1),
    "html": (Kind.KASAN, "toy_irq_handler_of_a_rather_long_name", None, 1),
    "html_br": (Kind.KASAN, "toy_irq_handler_of_a_rather_long_name", None, 1),
    "chromeos_messages": (Kind.WARNING, "toy_commit", "drivers/gpu/toy/commit.c", 1),
    "chromeos_kcrash": (Kind.KASAN, "toy_irq_handler_of_a_rather_long_name", None, 1),
    "crash_log": (Kind.OOPS, "toy_write", None, 1),
    "two_cpus_with_callers": (Kind.KASAN, "toy_read", None, 2),
    "rcu_stall_6_x_arm64_gp_kthread_starved": (Kind.RCU_STALL, "toy_spin", None, 1),
    "expedited_stall": (Kind.RCU_STALL, "toy_spin", None, 1),
    "lockdep_7_x_wait_context": (Kind.LOCKDEP, "toy_irq", None, 1),
    "nested_warning_while_oopsing": (Kind.OOPS, "toy_write", None, 2),
    "s390_monitor_bug_6_x": (Kind.BUG, "toy_check", "drivers/toy/check.c", 1),
    "powerpc_bug_exception": (Kind.BUG, "toy_check", "drivers/toy/check.c", 1),
    "xen_hypervisor_prefix": (Kind.OOPS, "toy_write", None, 1),
    "kernelci_style_timestamps_both": (Kind.OOPS, "toy_write", None, 1),
    "rust_panic_arm32_bug_in_drop_6_8_with_module": (
        Kind.RUST_PANIC,
        "<toy::Buf as core::ops::drop::Drop>::drop",
        "drivers/toy/buf.rs",
        1,
    ),
    "list_add_6_x_message_format": (Kind.LIST_CORRUPTION, "toy_add", None, 1),
    "loongarch_kfence": (Kind.KFENCE, "toy_get", None, 1),
    "stack_out_kasan_riscv": (Kind.KASAN, "toy_stack", None, 1),
    "m68k": (Kind.OOPS, "toy_fault", None, 1),
    "sh": (Kind.OOPS, "toy_fault", None, 1),
    "arc": (Kind.OOPS, "toy_fault", None, 1),
    "workqueue_lockup_6_x": (Kind.WORKQUEUE_LOCKUP, "toy_spin_work", None, 1),
    "rust_ubsan_free_overflow": (
        Kind.RUST_PANIC,
        "<toy::T as kernel::platform::Driver>::probe",
        "drivers/toy/t.rs",
        1,
    ),
    "refcell_rust_panic_cut_log": (Kind.RUST_PANIC, "", "drivers/toy/t.rs", 1),
    "two_boots_pstore_old_console_then_oops": (Kind.OOPS, "toy_isr", None, 1),
    "android_watchdog_bite": (Kind.PANIC, "toy_wdt_bark", None, 1),
    "kcfi_x86_6_x": (Kind.OOPS, "toy_call", None, 1),
    "fortify_panic": (Kind.BUG, "toy_copy", None, 1),
    "memcpy_field_spanning": (Kind.WARNING, "toy_copy", "drivers/toy/toy.c", 1),
    "dma_api_warning": (Kind.WARNING, "toy_unmap", None, 1),
    "netdev_watchdog": (Kind.WARNING, "dev_watchdog", "net/sched/sch_generic.c", 1),
    "wq_mem_reclaim": (Kind.WARNING, "toy_flush", None, 1),
    "do_not_call_blocking_ops": (Kind.WARNING, "toy_wait", None, 1),
    "voluntary_context_switch_rcu": (Kind.WARNING, "toy_wait", None, 1),
    "power_of_two_rtmutex_deadlock": (Kind.LOCKDEP, "toy_second", None, 1),
    "bug_workqueue_leaked_atomic": (Kind.LOCKDEP, "toy_work", None, 1),
    "raw_interleaved_no_time_arm64_lava": (Kind.OOPS, "toy_reset", None, 1),
    "arm64_gcs_bti": (Kind.OOPS, "toy_jump", None, 1),
    "riscv_6_x_load_access_fault": (Kind.OOPS, "toy_mmio", None, 1),
    "stack_protector_6": (Kind.PANIC, "toy_smash", None, 1),
    "vmap_stack_overflow_arm64_6": (Kind.STACK_OVERFLOW, "toy_recurse", None, 1),
}


def test_every_log_has_a_reading() -> None:
    assert {path.stem for path in KERNELS.glob("*.log")} == set(WANTED)


@pytest.mark.parametrize("name", WANTED)
def test_report_is_read(name: str) -> None:
    found = explain(KERNELS / f"{name}.log")
    first = found[0]
    assert (first.kind, first.function, first.file, len(found)) == WANTED[name]


HEALTHY = KERNELS.parent / "healthy.log"


def test_lines_of_healthy_machines_are_no_reports() -> None:
    assert explain(HEALTHY) == ()


@pytest.mark.parametrize("line", HEALTHY.read_text().splitlines())
def test_line_of_a_healthy_machine_alone_is_no_report(line: str) -> None:
    assert explain(line) == ()
