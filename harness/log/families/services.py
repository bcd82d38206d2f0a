"""Services: their caller is at fault, or the data that it gave them. Data only.

One regular expression for each reason, without the leading underscores of names.
"""

from __future__ import annotations

# all functions that these call are steps of them
SEALED = (
    # objects: mm/slub.c, mm/slab_common.c, and mm/slab.c and mm/slob.c of older kernels
    r"""k[cmvz]*(?:re)?alloc\w* | k[vz]*free\w* | kmem_(?!cache_(?:create|destroy))\w+ | k?slab_\w+ | ksize
    | kv?(?:str|mem)n?dup\w* | (?:v?memdup|strndup)_user\w* | memdup_\w+
    | drmm_k\w+ | devm_(?:k|alloc_|free_|get_free_|bitmap_)\w+ | (?:memcg|alloc_tagging)_slab_\w+
    | memcg_alloc_abort_\w+
    | (?:alloc|allocate|free|new|discard|deactivate|flush)_(?:cpu_|large_k|nonslab_)?(?:slab|malloc
    |page)s? | slabs_\w+ | (?:alloc|free|new|rcu_free|validate|allocate)_slab\w* | freelist_\w+
    | get_freelist\w* | object_\w+ | (?:setup|init)_object\w* | (?:get|set)_freepointer\w*
    | fixup_red_left | (?:add|remove|get|put|unfreeze)_(?:from_)?(?:any_|cpu_)?partials?\w*
    | (?:add|remove)_full | fallback_alloc | alternate_node_alloc | (?<=__)do_cache_alloc | free_block
    | transfer_objects | drain_(?:freelist|array|cpu_caches|alien_cache)\w*
    | cache_(?:free|reap|\w*(?:alloc|grow|flusharray))\w*
    | (?:alloc|free)_(?:debug_processing|consistency_checks)\w*
    | alloc_(?:single_)?from_(?:new_|partial|pcs)\w* | (?:alloc|free)_(?:to_partial_list|to_pcs)\w*
    | do_(?:kmalloc|slab_free|krealloc)\w* | (?<=__)pcs_\w+
    | (?:refill|prefill|alloc|free|rcu_free|flush_rcu)_\w*shea(?:f|ves)\w* | sheaf_\w+ | barn_\w+
    | refill_objects\w* | slob_\w+
    | check_(?:bytes_and_report|object|slab|pad_bytes|valid_pointer|poison_obj|new_pages?|free_page\w*)
    | restore_(?:bytes|red_left) | memcg_\w+_post_alloc\w* | obj_cgroup_\w+ | should_failslab""",
    # pages: mm/page_alloc.c, mm/swap.c, include/linux/gfp.h
    r"""alloc_(?:pages?|frozen_pages|contig|percpu)\w* | prepare_alloc_pages | make_alloc_exact
    | (?:get_)?free_(?:pages?|unref|one_page|frozen)\w* | free_(?:pcppages|pcp|the_page|contig)\w*
    | get_page_from_freelist | get_zeroed_page | rmqueue\w* | prep_(?:new|compound)_page | post_alloc_hook
    | drain_(?:local_|all_|zone_)?pages\w* | split_(?:large_buddy|page) | bad_page\w*
    | (?:put|free)_(?:compound|single|hot_cold)_page\w* | (?:folio|page)s?_put\w* | put_page\w*
    | release_pages | page_cache_(?:alloc|release) | (?:vma_|filemap_)?(?:folio_alloc|alloc_folio)\w*
    | page_frag_\w+ | destroy_large_folio | phys_addr\w* | virt_(?:to|addr)_\w+""",
    # areas of addresses (mm/vmalloc.c), memory per processor (mm/percpu.c), pools
    r"""v[cmz]*(?:re)?alloc(?!_fault)\w* | vfree\w* | vunmap\w* | map_kernel_range\w*
    | unmap_kernel_range\w*
    | (?:alloc|find|free|free_unmap|get|insert|link|map|merge_or_add|(?:try_)?purge|remove
    |unlink)_vm(?:ap)?_area\w* | purge_(?:fragmented|vmap)_\w+ | reclaim_and_purge_\w+
    | vm_remove_mappings | vm_(?:un)?map_ram | vm_area_(?:alloc|free|map|unmap)_pages | vmap
    | vmap_(?:\w+_range\w*|range_\w+|pages_\w+|pfn|try_huge\w*) | (?:new|free)_vmap_block
    | vb_(?:alloc|free) | pcpu_(?!freelist|(?:init|copy)_value)\w+ | free_percpu | percpu_\w*alloc\w*
    | mempool_\w+ | dma_(?:direct_|pool_)?(?:alloc|free)_?\w* | dma_pool_\w+
    | gen_pool_\w+ | (?:alloc|free)_cpumask_var\w* | (?:add|check|remove)_element""",
    # bytes, strings (lib/string.c, lib/string_helpers.c, architectures' own)
    r"""mem(?:cpy|set|move|cmp|chr|scan|zero)(?:\d+|_(?:erms|orig|fast|generic|flushcache|mc(?:safe\w*)?|inv
    |page|and_pad|startat|(?:from|to)?io|noalign|explicit))?
    | memcpy_(?:from|to)_(?:page|folio|file_folio|msg) | bcmp | mmio(?:cpy|set)
    | (?:fortify_)?str(?:n?len|n?cpy|[ls]cpy|scpy_\w+|[nl]*cat|n?(?:case)?cmp|n?r?chr(?:nul)?|n?str|sep
    |c?spn|pbrk|im|strip|replace|tobool|ncpy\w*|nlen\w*|toul\w*)
    | sized_strscpy | stpcpy | skip_spaces | (?:sysfs_)?match_string | string_(?:un)?escape_\w+
    | string_unescape | string_(?:get_size|is_terminated)""",
    # formatted text (lib/vsprintf.c, lib/hexdump.c, lib/seq_buf.c, fs/seq_file.c), written and read
    r"""v?s[nc]*printf | kv?asprintf\w* | v?sscanf | v?bin_printf | put_dec\w*
    | number | pointer | string(?:_nocheck)? | format_decode | widen_string | va_format | num_to_str
    | (?:\w*hex|symbol|resource|uuid|escaped|mac_address|ip[46]\w*|bitmap\w*)_(?:string|number)
    | (?:ip\w*_addr|device_node|fwnode(?:_full_name)?|flags|fourcc|error|pointer|date|time)_string(?:_sa)?
    | (?:file_)?dentry_name | bdev_name | netdev_bits | address_val | time_and_date | rtc_str
    | ptr_to_(?:id|hashval) | (?:default|restricted)_pointer | check_pointer(?:_msg)? | err_ptr
    | (?:seq|trace_seq|seq_buf|bstr)_(?:[vb]?printf|put\w*|write|escape\w*|pad|(?:file_)?path\w*|dentry
    |hex_dump) | mangle_path | sysfs_(?:emit\w*|streq) | kstrto\w+ | simple_strn?to\w+
    | parse_(?:integer|int_array)\w* | hex_\w+ | hex2bin | bin2hex""",
    # bits (lib/bitmap.c, lib/find_bit.c, cpumasks), atomic variables, arithmetic that the compiler calls
    r"""(?:(?:arch|const|constant|variable)_)?(?:test|set|clear|change)_(?:and_\w+_)?bit\w*
    | (?:arch_)?(?:find|for)_(?!inode)\w*bit\w*
    | bitmap_(?:alloc|zalloc|free|zero|fill|copy|clear|set|complement|equal|or|and|xor|replace|intersects
    |subset|empty|full|weight|find|parse|print|list|onto|fold|remap|bitremap|cut|ord|pos|(?:from|to)_(?:arr
    |u32)|release|allocate|shift|get_value|scatter|gather)\w*
    | cpumask_(?:any|and|clear|copy|empty|first|last|local|next|nth|or|set|subset|test|weight)\w*
    | (?:arch_|raw_|generic_|instrument_)?atomic(?!_open)\w* | instrument_(?!mapping)\w+
    | (?:this_cpu_|try_)?(?:cmp)?xchg\w* | read_word_at_a_time | (?:read|write)_once_size\w*
    | (?:get|put)_unaligned_\w+
    | (?:ash[lr]|lshr|mul|u?div|u?mod|u?cmp|clz|ctz|bswap)[sdt]i\d | aeabi_\w+ | do_div64 | div64_32
    | (?:iter_)?div(?:64)?_[su](?:64|32)\w* | mul_u64_\w+ | ktime_divns | sw_hweight\d+""",
    # whole pages, and memory of processes: raw copies of every architecture, lib/usercopy.c, lib/iov_iter.c
    r"""(?:clear|copy)_pages?_\w*(?:rep|erms|orig|regs|unrolled) | rep_(?:movs|stos)\w*
    | (?:raw_|arch_|arm_|asm_)?_?copy_(?:from|to|in)_user(?:_(?:n|in|flush|p|i|l|real|kernel|std|sum)\w*)?
    | copy_user_\w+ | (?:arch_|arm_|asm_)?clear_user\w* | fallback_scalar_usercopy\w*
    | asm_vector_usercopy\w* | copy_mc_\w+ | copy_(?:from|to)_(?:kernel_nofault\w*|sockptr\w*|bpfptr\w*)
    | copy_struct_from_\w+ | check_zeroed_user | probe_(?:kernel|user)_(?:read|write)\w*
    | (?:do_)?(?:strncpy_from_\w+|strn?\w+_user) | (?:get|put)_user(?:_(?:\d|asm|bad|no\w+|size))?
    | copyin | copyout(?:_mc)? | iov_iter_(?:copy|zero|fault_in)\w* | fault_in_\w*(?:readable|writeable)
    | (?:simple_copy|memcpy|copy_user|copy(?:_mc|_page|_folio)?)_(?:to|from)_(?:user_)?iter\w*
    | iterate_(?:ubuf|iovec|bvec|kvec|folioq|xarray|and_advance\w*)
    | (?:csum|hash)_and_copy_\w+ | csum_partial_copy_\w+ | copy_folio_\w+
    | simple_(?:read_from|write_to)_buffer | memory_read_from_buffer
    | (?:compat_)?import_(?:\w*iovec\w*|single_range|ubuf) | (?:copy_)?(?:compat_)?iovec_from_user
    | (?:compat_)?rw_copy_check_uvector""",
    # registers of devices and processors
    r"""(?:native_|paravirt_|xen_)?(?:read|write|do_\w*)_msr\w*
    | (?:raw_)?(?:read|write)s?[bwlq](?:_relaxed)? | (?:logic_)?(?:in|out)s?(?:[bwl]|8|16|32)
    | io(?:read|write)(?:8|16|32|64)(?!v)\w*""",
    # lists, trees, maps
    r"""list_(?:add|del|move|splice|cut|replace|empty|first|is_(?:first|last|singular)|bulk_move
    |rotate)(?!_event)\w* | (?<=__)list_(?!set|lru|lookup)\w+
    | hlist_\w+ | llist_\w+ | plist_\w+ | klist_\w+ | rb_(?!alloc|free|(?:find|insert)_bss)\w+ | rbtree_\w+
    | idr_\w+ | radix_tree_\w+ | genradix_\w+ | xas?_\w+ | ida_\w+ | sbitmap_\w+ | flex_array_\w+
    | mas_\w+ | mtree_\w+ | mte_\w+ | mast?_\w+ | mab_\w+
    | seq_h?list_\w+ | mt_(?:dup|find(?:_after)?|next|prev|free_(?:bulk|rcu|walk)|destroy_walk)
    | assoc_array_\w+ | (?:anon_vma_|vma_)?interval_tree_\w+ | kfifo_\w+""",
)

# these may call registered functions
SERVICES = (
    # maps with functions for their keys
    r"""rht_\w+ | rhashtable_\w+ | rhltable_\w+ | (?:nested_)?bucket_table_\w+""",
    # references
    r"""refcount_\w+ | rcuref_\w+ | kref_\w+ | kobject_\w+ | kset_\w+ | kobj_(?:kset|ns)_\w+
    | (?:get|put)_(?:device|pid)
    | (?:get|put)_\w*_struct | percpu_ref_\w+ | lockref_\w+ | (?:drop|inc|clear|set)_nlink
    | dev_(?:put|hold)\w* | (?:net|in_)dev_(?:put|hold) | sk_(?:free|destruct)\w* | sock_(?:hold|put)
    | mntget | fput\w* | fd?get\w* | iput
    | (?:cleanup|init)_srcu_struct | (?:try_)?module_(?:get|put)""",
    # the driver core, and registrations through it
    r"""device_(?:add|attach|bind|create|del|destroy|driver|find|for_each|initial|link|match|move|pm
    |platform|private|register|release|remove|rename|unbind|unregister)\w*
    | (?:bus|class|driver)_(?:add|remove|probe|for_each|find|register|unregister|create|destroy|detach
    |attach|bound|deferred|dev_iter|interface|notify|sysfs)\w*
    | devres_\w+ | (?:release|remove)_nodes | devm_(?:\w+_)?action\w* | (?:dpm|wakeup|rpm|pm_qos)_sysfs_\w+
    | platform_(?:device|driver)_(?:add|alloc|del|probe|put|register|release|unregister)\w*
    | platform_(?:drv_)?(?:probe|remove) | faux_(?:device_\w+|probe|remove)
    | auxiliary_(?:bus|device|driver)_\w+ | really_probe | call_driver_probe | get_device_parent
    | cleanup_glue_dir | software_node_notify\w* | add_uevent_var | dev_set_name
    | component_\w*(?:add|del|bind_all|unbind_all)\w* | (?:try_to_bring_up|take_down)_aggregate_\w+
    | attribute_container_\w+ | devtmpfs_\w+_(?:node|req)
    | sysfs_(?:do_)?(?:remove|create|add|update|(?:un)?merge|delete|rename|notify)\w*
    | internal_create_groups? | (?:create|remove)_files | create_dir
    | proc_(?:register|create\w*|mkdir\w*|symlink|remove) | remove_proc_\w+ | rollback_registered\w*
    | (?:un)?register_netdev(?:ice)?(?:_many|_queue)?(?:_notify)?
    | cdev_(?:add|del|device_add|device_del) | tty_(?:port_)?(?:un)?register_(?:device|driver)\w*
    | misc_(?:de)?register | i2c_(?:add|del|register)_\w*adapter | (?:i2c_)?unregister_(?:client|device)""",
    # requests of drivers to the core: interrupts, clocks, regulators
    r"""(?:free|request|setup)_(?:any_context_|nmi_|percpu_|threaded_)?irq
    | (?:dis|en)able_irq(?:_nosync|_wake)? | clk_(?:core_)?(?:disable|enable|prepare|unprepare)\w*
    | regulator_(?:bulk_)?(?:disable|enable|get|put)\w* | of_node_(?:get|put)""",
    # the kernel crate of Rust: the same services, and the calls from C to a driver's functions
    r"""<*&?(?:mut\ )?kernel::.*""",
    # USB messages on their way to the host controller
    r"""usb_(?:(?:un)?anchor|alloc|block|free|get|giveback|hcd_\w+|init|kill|(?:un)?poison|put|scuttle
    |submit|unlink|start_wait)_(?:anchored_)?urbs?(?:_\w+)?
    | usb_(?:bulk|control|internal_control|interrupt)_msg(?:_\w+)? | usb_urb_ep_\w+
    | usb_(?:\w+_)?anchor_\w+ | usb_get_from_anchor | usb_sg_(?:cancel|init|wait) | usb_pipe_type_check
    | urb_destroy | usb_api_blocking_completion | (?:un)?map_urb_for_dma
    | usb_(?:alloc|free)_(?:non)?coherent | hcd_(?:alloc|free)_coherent | usb_(?:free|put)_\w+
    | usb_get_(?:dev|hcd|intf) | \w+_urb_(?:en|de)queue""",
    # buffers of the network
    r"""skb_(?:push|put|pull|over_panic|under_panic|panic|trim|reserve|tailroom)\w* | pskb_may_pull\w*
    | (?<=__)pskb_pull | skb_copy_(?:from|to)_linear_data\w*
    | (?:un)?lock_sock\w* | release_sock""",
    # deferred work, timers, threads and callbacks
    r"""(?:start_)?(?:flush|cancel|queue|mod|disable|enable)_(?:delayed_|rcu_
    |scheduled_)?work(?:queue)?(?!ing)\w* | (?:drain|destroy)_workqueue
    | (?:schedule|init|insert)_(?:delayed_)?work(?:_\w+)? | delayed_work_\w+
    | (?:try_to|work)_grab_pending | insert_wq_barrier | wq_(?:barrier|worker)_\w+
    | check_flush_dependency | touch_w(?:ork|q)_lockdep_map | (?:get|put)_(?:pwq\w*|work_p\w+) | pwq_\w+
    | set_work_(?:data|p\w+) | find_worker_executing_work""",
    r"""(?:try_to_)?del_timer\w* | timer_(?:delete|shutdown|reduce|init|sync_wait|wait_running)\w*
    | mod_timer\w* | (?:add|enqueue|init|detach|internal_add)_(?!sustain|mlme|timer_rand)\w*timer\w*
    | detach_if_pending | lock_timer_base | forward_timer_base | trigger_dyntick_cpu
    | (?:lock|remove|switch|unlock)_hrtimer\w*
    | hrtimer_(?:start|cancel|init|setup|forward|try_to_cancel|(?:force_)?reprogram)\w*""",
    r"""call_s?rcu\w* | rcu_(?:seg)?cblist_\w+ | srcu_gp_start_if_needed | tasklet_\w+
    | task_work_(?:add|cancel)\w* | irq_work_queue\w* | raise_(?:k?softirq|ktimers)\w*
    | kthread_(?:stop|park|unpark|flush|queue|cancel|mod|destroy|insert|bind|should)\w*""",
)

# locks: they wait, and all functions that they call are steps of them
LOCKS = (
    # locks
    r"""(?:do_)?raw_(?:spin|read|write)_\w+ | (?:native_)?queued_\w+ | pv_\w+ | \w*spin_(?:un|try)?lock\w*
    | arch_spin_\w+ | ticket_\w+ | call_rwsem_\w+ | rwsem_\w+ | downgrade_write | (?:ww_)?mutex_\w+
    | (?:down|up)(?:_\w+)? | osq_\w+ | owner_on_cpu | raw_callee_save_\w+
    | rt_(?:mutex|spin|read|write)_?\w* | (?<=__)rt_\w+ | rtlock_\w+ | rtmutex_\w+ | task_blocks_on_\w+
    | (?:try_to_take|fixup|mark|clear|unlock)_rt_mutex\w* | mark_wakeup_next_waiter | remove_waiter
    | (?:percpu_)?init_rwsem | ww_acquire_\w+ | kvm_wait | (?:init_)?ldsem\w* | rcu_sync_\w+
    | percpu_(?:down|up|(?:free_)?rwsem)\w*
    | (?:\w+_)?(?:read|write)_(?:un|try)?lock(?:ed)?(?:_bh|_irq\w*|_nested)?
    | (?:do_)?(?:read|write)_seq\w+ | seqprop_\w+ | seqcount_\w+ | s?rcu_read_\w+
    | rcu_preempt_deferred_qs\w* | rcu_lock_\w+ | rcu_is_watching | rcu_dynticks_\w+ | local_lock\w*
    | bit_spin_\w+ | get_user_pages\w*_lock |  local_bh_\w+ | rcu_note_context_switch
    | (?:arch|raw)_local_\w+ | local_irq_\w+""",
)

# waiting for other tasks
WAITING = (
    # the scheduler
    r"""(?:io_|preempt_)?schedule(?:_(?:common|finish|hrtimeout|idle|irq|notrace|preempt|prepare|rtlock
    |timeout|user)\w*)? | schedule_tail
    | context_switch | switch_to\w* | (?:dynamic_)?cond_resched\w* | prepare_task_switch
    | dequeue_(?:task|entity)\w* | (?:do_)?preempt_\w+
    | finish_task_switch | (?:try_to_)?wake_up\w* | ttwu_\w+ | (?:default|autoremove|woken)_wake_function
    | (?:woken_)?wake_(?:bit|page)_function | select_task_rq\w* | freezer_\w+ | refrigerator
    | try_to_freeze | freezing_slow_path | ret_\w*preempt\w*
    | [fmsu]sleep(?:_(?:range\w*|interruptible|idle))? | (?:loop_|const_)?[mnu]?delay
    | delay_(?:tsc|loop|halt)\w* | (?:do|hrtimer)_nanosleep""",
    # completions, wait queues, bits and pages waited for
    r"""(?:do_|try_)?wait_(?:for_(?:completion|common)|on_(?:page|bit|buffer|atomic|var))\w*
    | do_wait_intr\w* | bit_wait\w* | out_of_line_wait_\w+ | wait_rcu_\w+ | wait_event\w* | wait_woken
    | finish_s?wait | prepare_to_s?wait\w* | complete(?:_all|_with_flags|_on_current_cpu)?
    | completion_done | init_(?:s?waitqueue_head|wait_entry|wait_var_entry) | swake_\w+
    | folio_(?:wait|lock)\w* | lock_(?:page\w*|buffer|folio\w*) | do_read_cache_\w+ | rcu_barrier\w*
    | rcuwait_\w+ | rwbase_\w+ | futex_wait_queue\w* | futex_do_wait | exp_funnel_lock
    | rcu_exp_(?:sel_)?wait_wake""",
    # where stacks begin
    r"""kthread | worker_thread | rescuer_thread | ia32_sys_call | do_int80\w* | process_one_work
    | process_scheduled_works | do_syscall_\w+ | x64_sys_call | invoke_syscall | start_secondary
    | secondary_startup\w* | cpu_startup_entry | do_idle | rest_init | smpboot_thread_fn | kernel_init\w*
    | do_fast_syscall_32 | task_work_run | irq_usr""",
)

# allocate memory for their callers, which own a leak or a bad page
ALLOCATES = (
    r"""sk_(?:prot_)?alloc\w* | sk_clone\w* | (?:sk_|skb_)page_frag_refill | pskb_expand_head
    | skb_(?:expand_head|realloc_headroom|unshare) | napi_(?:get_frags|skb_cache_get\w*)
    | netlink_alloc_\w+ | (?:dev_|netdev_|napi_)?(?:build|alloc)_skb\w* | dev_alloc_\w+
    | skb_(?:clone|copy)\w* | pskb_copy\w* | sock_[kow]?m(?:alloc|emdup) | sock_alloc | sget_userns
    | list_lru_init | sock_alloc_send_\w+ | sock_alloc_inode | alloc_inode | new_inode\w* | proc_create
    | alloc_(?:candev|cpumask_var|disk|etherdev|netdev|workqueue)\w* | alloc_skb_\w+ | \w*_node_alloc
    | idr_get_\w+ | nf_ct_\w+alloc\w* | genlmsg_new | nlmsg_new | bio_k?m?alloc\w*
    | alloc_(?:empty_)?file\w* | alloc_fs_context | alloc_(?:buffer_head|page_buffers)
    | (?:folio_)?create_empty_buffers | seq_open\w* | single_open\w* | d_alloc\w* | getname\w*
    | acpi_os_\w*alloc\w* | acpi_ut_\w*(?:alloc|create)\w* | usb_alloc_(?!dev)\w+ | crypto_alloc_\w+
    | crypto_create_tfm\w* | ptr_ring_init | kobj_map
    | (?:security|lsm|apparmor|selinux|smack|tomoyo)_\w*alloc\w*
    | bpf_map_(?:area|k[mvz]alloc|kvcalloc|alloc_percpu)\w* | bucket_\w*alloc\w*
    | sgl?_(?:alloc|kmalloc)\w* | filemap_get_(?:create_)?folio\w* | pagecache_get_page
    | find_or_create_page | grab_cache_page\w* | page_pool_\w*alloc\w*""",
)
