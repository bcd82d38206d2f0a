"""Which functions only serve their callers, and which of a similar name can be at fault themselves."""

from __future__ import annotations

import pytest

from rustbed.log.families.family import ALLOCATES, PLUMBING
from rustbed.log.traces import readable


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
        # what Rust's compiler calls and the kernel does not have
        "__rust__adddf3 __rust__aeabi_uldivmod __rust__udivti3 rust_helper_BUG",
        "arm_copy_from_user __arch_clear_user __asm_copy_to_user copy_mc_fragile __raw_readsl __ashldi3",
        "device_for_each_child devres_release_all get_device_parent bus_for_each_dev really_probe",
        "usb_kill_anchored_urbs usb_hcd_submit_urb dummy_urb_enqueue usb_bulk_msg",
        "try_to_grab_pending kthread_stop timer_init_key __flush_work module_put lockdep_init_map_type",
        "netdev_warn __dynamic_dev_dbg vprintk_store printk_safe_flush _dev_err",
        # slabs of three designs, pages, areas of addresses, memory per processor, pools
        "flush_cpu_slab get_any_partial alternate_node_alloc",
        "drain_array slob_alloc refill_sheaf check_pad_bytes",
        "prep_compound_page drain_local_pages free_hot_cold_page",
        "__put_compound_page make_alloc_exact split_page",
        "vmap vm_map_ram alloc_vmap_area",
        "__get_vm_area_node purge_vmap_node vmap_pages_range_noflush __vcalloc",
        "pcpu_block_update_hint_alloc pcpu_create_chunk gen_pool_alloc_algo_owner remove_element",
        # text that is made, and read; the memory of processes
        "dentry_name ip4_addr_string_sa restricted_pointer",
        "seq_path mangle_path _parse_integer string_escape_mem",
        "probe_kernel_read copy_struct_from_user",
        "fault_in_iov_iter_readable import_single_range do_strnlen_user",
        "variable_test_bit cpumask_next mul_u64_u64_div_u64 bucket_table_alloc mte_dead_walk flex_array_get",
        # what is given back, announced, put off
        "iput __fdget_pos in_dev_put kobj_kset_leave",
        "get_task_struct call_driver_probe release_nodes sysfs_notify",
        "request_threaded_irq free_irq __enable_irq clk_core_disable regulator_put of_node_put usb_sg_wait",
        "platform_probe attribute_container_add_device faux_device_create component_master_del",
        "usb_get_from_anchor unmap_urb_for_dma usb_api_blocking_completion hcd_alloc_coherent",
        "insert_wq_barrier pwq_dec_nr_in_flight detach_if_pending enqueue_timer remove_hrtimer raise_softirq",
        "rcu_segcblist_enqueue kthread_unpark task_work_cancel seq_list_next __seq_hlist_next_rcu mt_next",
        # locks of all kinds, and who waits
        "ldsem_down_read rcu_sync_enter try_to_take_rt_mutex __init_rwsem kvm_wait do_write_seqcount_begin",
        "exp_funnel_lock rcu_exp_sel_wait_wake wake_bit_function try_to_freeze fsleep rescuer_thread",
        # who checks, and who prints
        "valid_state check_chain_key iterate_chain_key static_obj usage_match debug_dma_map_page check_unmap",
        "delete_object_full scan_block fixup_activate",
        "fill_pool check_bogus_address depot_alloc_stack qlink_free",
        "print_usage_bug print_trailer print_track print_cpu_stall call_console_drivers nbcon_kthread_func",
        "serial8250_console_write io_serial_in ___ratelimit",
        "show_one_workqueue wq_watchdog_timer_fn __WARN_trap",
        "spurious_kernel_fault mm_fault_error do_softirq_own_stack call_on_irq_stack handle_percpu_devid_irq",
        "call_function_single_interrupt monitor_event_exception do_ale unrecoverable_exception",
    ],
)
def test_function_that_serves_its_caller(names: str) -> None:
    assert [name for name in names.split() if name not in PLUMBING] == []


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
        # drivers' and file systems' own, named like the kernel's
        "print_pkt print_binder_proc print_unsol_cap",
        "handle_irq_noise usb_stor_control_msg usb_8dev_rx_can_msg",
        "bitmap_start_sync bitmap_daemon_work __bh_read mt_find_application qlink_acl_data_cfg2q setup_pcs",
        "instrument_mapping add_timer_randomness prb_previous_block iowrite16v_urb_complete",
        # parts of the kernel with mistakes of their own
        "__do_softirq exit_to_user_mode_prepare free_huge_page shrink_slab rtnl_lock dput set_next_entity",
        "iov_iter_advance consume_skb call_timer_fn hrtimer_active lookup_object bad_mode start_kernel",
    ],
)
def test_function_that_no_family_takes_by_its_name(names: str) -> None:
    assert [name for name in names.split() if PLUMBING.matches(name)] == []


@pytest.mark.parametrize(
    ("name", "serves"),
    [
        ("<kernel::sync::arc::Arc<toy::Toy> as core::ops::drop::Drop>::drop", True),
        ("<kernel::alloc::kvec::Vec<u8, kernel::alloc::allocator::Kmalloc>>::push", True),
        ("kernel::print::call_printk", True),
        ("<kernel::pci::Adapter<toy::Toy>>::probe_callback", True),
        # what a driver implements is its own, whoever asked for it
        ("<toy::Toy as kernel::pci::Driver>::probe", False),
        ("<toy::Toy as core::ops::drop::Drop>::drop", False),
        ("toy::kernel::start", False),
    ],
)
def test_kernel_crate_of_rust_serves_drivers(name: str, serves: bool) -> None:
    assert (name in PLUMBING) == serves


def test_memory_that_is_handed_on_leaks_elsewhere() -> None:
    handing_on = (
        "security_inode_alloc selinux_sk_alloc_security bucket_table_alloc sg_alloc_table sgl_alloc_order"
        " sk_alloc sock_alloc sock_omalloc pskb_expand_head skb_page_frag_refill netlink_alloc_large_skb"
        " alloc_file_pseudo single_open alloc_fs_context bio_kmalloc crypto_create_tfm_node"
        " bpf_map_area_alloc alloc_candev_mqs"
    )
    assert [name for name in handing_on.split() if name not in ALLOCATES] == []
    owners = "copy_process usb_alloc_dev __kernfs_new_node prepare_creds bpf_prog_store start_kernel"
    assert [name for name in owners.split() if name in ALLOCATES] == []


@pytest.mark.parametrize(
    "name", ["__do_sys_rmdir", "__se_sys_rmdir", "SyS_rmdir", "SYSC_rmdir", "compat_SyS_rmdir"]
)
def test_system_call_has_one_name(name: str) -> None:
    assert readable(name) == "rmdir"
