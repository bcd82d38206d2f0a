"""Functions that call registered functions, and the beginnings of stacks and interrupts. Data only."""

from __future__ import annotations

import re

from rustbed.log.families.family import Family

# hand control to registered functions. A loop is named after the function that was
# entered here, because the timer meets a different deeper function each time
DISPATCHES = Family(
    (
        # system calls, to their functions
        r"""\w*sys_?call\w* | el0_svc\w* | do_el0_svc | tracesys\w* | sysenter_\w+ | entry_\w+
        | sys_trace\w* | do_int80\w* | do_compat_\w+ | do_trap_ecall_u""",
        # those that call files, file systems and sockets
        r"""\w*(?:sys|SyS|vfs)_ioctl | \w*compat_(?:\w+_)?ioctl
        | (?:k?sys|vfs|vfs_iter|new_sync)_(?:read|write)v? | call_(?:read|write)_iter
        | do_(?:iter|splice|loop)_\w+ | splice_direct_to_actor | filp_(?:close|flush)
        | vfs_(?:copy_file_range|fallocate|fsync|get_tree|llseek|mmap|open|poll|splice_read|statfs)\w*
        | fput | do_dentry_open | iterate_dir | call_mmap | mmap_(?:file|new_file_vma|region)
        | sock_(?:sendmsg|recvmsg|release|close|create|do_ioctl)\w* | kernel_(?:send|recv)msg
        | sys_(?:[gs]etsockopt|bind|connect|accept4?|listen|shutdown|getsockname|getpeername)
        | sys_(?:accept4|bind|connect|listen|shutdown)_(?:file|sock(?:et)?)
        | do_(?:accept|sock_[gs]etsockopt) | (?:legacy_)?get_tree(?:_[bn]o?dev)?
        | mount_(?:bdev|nodev|fs)""",
        # packets and messages, to protocols
        r"""rtnetlink_rcv_msg | nfnetlink_rcv_msg | netif_receive_skb\w* | deliver_(?:ptype_list_)?skb
        | napi_poll | net_rx_action | process_backlog""",
        # work, threads, drivers
        r"""process_one_work | process_scheduled_works | task_work_run | kthread | kthread_worker_fn
        | smpboot_thread_fn | do_one_initcall | async_run_entry_fn | worker_thread | usb_hcd_giveback_urb
        | ret_from_fork\w*""",
        # the kernel crate of Rust, to the functions of a driver
        r"""<kernel::.*(?:Adapter|VTable)<.*>::\w+
        | <?kernel::(?:irq|time|workqueue)::.*::(?:run|\w*callback\w*)(?:::<.*)?""",
        # a bus's own probe() and remove(), which call the driver's
        r"""really_probe | call_driver_probe | device_remove | device_release_driver\w*
        | usb_(?:probe|unbind)_(?:interface|device) | pci_device_(?:probe|remove) | local_pci_probe
        | (?:amba|auxiliary_bus|faux|mmc_bus|platform(?:_drv)?|sdio_bus|serio_driver|spi|virtio_dev)
        _(?:probe|remove) | (?:acpi|hid|i2c|i3c|mdio|pcmcia|pnp|serdev)_(?:device|drv)_(?:probe|remove)""",
    ),
    places=("dispatches",),
)
# the same in interrupts. The interrupted code comes first, if it entered a function: a timer
# that fires repeatedly is on top of any stack
DISPATCHES_IN_INTERRUPTS = Family(
    (
        r"""call_timer_fn | expire_timers | run_timer\w* | run_hrtimer\w* | hrtimer_run_\w+ | do_softirq\w*
        | handle_softirqs | tasklet_(?:hi_)?action\w* | handle_irq_event\w* | rcu_do_batch
        | irq_work_(?:\w*run\w*|single) | bh_worker | run_ksoftirqd | do_idle | cpu_startup_entry""",
    ),
    places=("interrupts",),
)
# either kind: the functions that they enter have no other caller in the stack
ENTERS = Family(
    DISPATCHES.reasons,
    DISPATCHES_IN_INTERRUPTS.reasons,
    places=(*DISPATCHES.places, *DISPATCHES_IN_INTERRUPTS.places),
)
# run queued functions, in whatever task is running: the fault is never outside of them
QUEUES = Family(
    (
        r"""process_one_work | process_scheduled_works | task_work_run | irq_work_(?:\w*run\w*|single)
        | call_timer_fn | expire_timers | run_timer\w* | run_hrtimer\w* | hrtimer_run_\w+ | rcu_do_batch
        | tasklet_(?:hi_)?action\w* | bh_worker""",
    )
)
# where a sleeping task was switched away: deeper frames are not its own
SLEEPS = frozenset({"__schedule", "schedule", "__switch_to"})
# a stack that reaches one of these is complete
ENTRIES = re.compile(
    r"(?<!\? )\b(?:entry_\w+|ret_from_\w+|do_syscall_\w+|ret_fast_syscall|el0\w*_\w+|system_call\w*"
    r"|__sys_trace\w*|secondary_startup\w*|start_secondary|start_kernel|kthread|handle_syscall)\+0x"
)

# the processor was interrupted here: the frames that follow are the interrupted code
INTERRUPTED = re.compile(
    r"(?:asm_|smp_)?(?:sysvec_)?apic_timer_interrupt|asm_sysvec_\w+|(?:asm_)?common_interrupt|reschedule_interrupt"
    r"|call_function_\w+interrupt|timer_interrupt|el1(?:h(?:_64)?)?_irq|el1_interrupt|__irq_svc|nmi"
    r"|ret_from_(?:exception|intr)|asm_call_(?:irq_)?on_stack|call_on_irq_stack|do_(?:irq|IRQ)"
    r"|(?:gic_)?handle_(?:arch_)?irq|(?:do|handle)_vint"
)
# frames of a detector that runs in the clock's interrupt
DETECTS = re.compile(
    r"update_process_times|tick_\w+|rcu_\w*(?:stall|sched_clock_irq|check_callbacks)\w*|nmi_cpu_backtrace"
    r"|arch_timer_handler\w*|(?:constant|riscv)_timer_interrupt"
)
# RCU's own thread: reports show it because it waits
BYSTANDER = re.compile(r"rcu_gp_\w+|rcu_\w+_kthread|rcu_nocb_\w+")
