"""Which functions only serve their callers, and which of a similar name can be at fault themselves."""

from __future__ import annotations

import pytest

from harness.log.frames import readable
from harness.log.plumbing import ALLOCATES, PLUMBING


@pytest.mark.parametrize(
    "names",
    [
        "____kasan_kmalloc object_err end_report __stack_depot_save",
        "error_entry paranoid_entry do_int3 __exc_invalid_op entry_SYSENTER_compat irqentry_exit",
        "bug_handler __und_fault data_access_common __do_pgm_check handle_tlbl ___do_page_fault __bad_stack",
        "bpf_prog_e42f6260c1b72fb3_prog bpf_trampoline_6442463 bpf_dispatcher_xdp_func",
        "lock_downgrade add_lock_to_list check_usage match_held_lock",
        "__kmem_cache_alloc_node ____cache_alloc_node fallback_alloc rmqueue_bulk __put_partials",
        "memcpy_erms memset_orig __memcpy_fromio strscpy_pad strncasecmp strnlen_user kstrtoull seq_printf",
        "_atomic_dec_and_lock copy_from_user_nofault copy_to_user_iter simple_copy_to_iter iterate_ubuf",
        "__device_release_driver platform_device_unregister i2c_del_adapter usb_control_msg_send",
        "__local_bh_enable_ip downgrade_write call_rwsem_down_write_failed __percpu_down_read",
        # older kernels' and other architectures' names
        "__kasan_report kasan_unpoison_shadow do_raw_spin_lock _cond_resched schedule_timeout kmem_freepages",
        "arm_copy_from_user __arch_clear_user __asm_copy_to_user copy_mc_fragile __raw_readsl __ashldi3",
        "device_for_each_child devres_release_all get_device_parent bus_for_each_dev really_probe",
        "usb_kill_anchored_urbs usb_hcd_submit_urb dummy_urb_enqueue usb_bulk_msg",
        "try_to_grab_pending kthread_stop timer_init_key __flush_work module_put lockdep_init_map_type",
        "netdev_warn __dynamic_dev_dbg vprintk_store printk_safe_flush _dev_err",
    ],
)
def test_function_that_serves_its_caller(names: str) -> None:
    assert [name for name in names.split() if not PLUMBING.fullmatch(name)] == []


@pytest.mark.parametrize(
    "names",
    [
        # stacks are walked, interrupts emulated and sets kept by code that has mistakes of its own
        "unwind_next_frame apic_update_ppr apic_set_eoi hrtimer_active watchdog_cdev_register",
        "bitmap_ip_add bitmap_port_destroy __list_set_del_rcu strset_fill_reply string_mt atomic_open",
        # file systems' and protocols' own, named like the kernel's
        "str2hashbuf_signed memcpy_extent_buffer copy_from_dinode copy_to_user_auth do_raw_setsockopt",
        "__lock_task_sighand __lock_metapage check_eb_lock_owner __wait_on_freeing_inode wait_on_dquot",
        "do_read_fault do_shared_fault do_cow_fault __show_smap",
        # what reads foreign data meets what is wrong with it
        "crc_itu_t do_csum jhash pskb_expand_head __pskb_pull_tail __skb_datagram_iter iov_iter_revert",
        "timerqueue_add timerqueue_del trigger_rx_softirq __get_user_pages list_lru_add list_del_event",
        "pcpu_freelist_pop bpf_trampoline_link_prog bpf_dispatcher_update rb_find_bss",
        # who looks after others' memory, devices and queues
        "remove_wait_queue synchronize_rcu read_cache_folio clear_page device_run report_key irq_ep0_write",
        "bfs_lookup usb_get_bos_descriptor virt_wifi_scan schedule_ptds get_user_ifreq hid_hw_stop",
    ],
)
def test_function_that_can_be_at_fault(names: str) -> None:
    assert [name for name in names.split() if PLUMBING.fullmatch(name)] == []


def test_memory_that_is_handed_on_leaks_elsewhere() -> None:
    handing_on = "security_inode_alloc bucket_table_alloc sg_alloc_table sk_alloc"
    assert [name for name in handing_on.split() if not ALLOCATES.fullmatch(name)] == []
    assert ALLOCATES.fullmatch("copy_process") is None


@pytest.mark.parametrize(
    "name", ["__do_sys_rmdir", "__se_sys_rmdir", "SyS_rmdir", "SYSC_rmdir", "compat_SyS_rmdir"]
)
def test_system_call_has_one_name(name: str) -> None:
    assert readable(name) == "rmdir"
