"""Functions that a report names though the mistake is not theirs: the tables behind the blame.

Data only, one pattern per reason. A name is plumbing when a pattern matches all of it, without what
compilers put behind it (`.isra.0`, `.cold`).
"""

from __future__ import annotations

import re

# there because something is being reported: never to blame, whatever the report
_MACHINERY = (
    # who prints reports
    r"""_?_?dump_(?:stack|backtrace)\w* | show_(?:stack|trace|regs)\w* | print_(?!page_owner\b)\w+
    | _?_?report_\w+ | check_panic_on_warn | \w*_vprintk\w* | _{0,2}dev_printk\w* | _dev_\w+
    | _?_?netdev_printk | _?_?v?panic(?:_\w+)? | nmi_panic | _?_?warn\w* | \w*_warn_report | die
    | __?die\w* | handle_bug | bug_\w+ | fixup_bug\w* | oops_\w+ | v?printk\w* | _printk | console_unlock
    | console_\w+ | devkmsg_\w+ | __show_(?!smap)\w+ | _?sched_show_task | walk_stackframe
    | unwind_backtrace | arch_stack_walk\w* | stack_trace_\w+ | save_(?:stack|trace)\w* | stack_depot_\w+
    | (?:start|end|complete)_report\w* | describe_(?:address|object)\w* | object_err
    | slab_(?:err|bug|fix) | rust_helper_(?:BUG|WARN_ON)""",
    # the way from a failed check in Rust to BUG(): rust/helpers/bug.c, rust/kernel/lib.rs, library/core
    r"""_?_?rustc::rust_begin_unwind | <?core::.* | <?&?alloc::.* | rust_helper_\w+""",
    # exceptions and the entry from them
    r"""(?:asm_|_{1,2})?exc_\w+ | asm_\w+ | do_(?:error_)?trap\w* | (?:do_)?invalid_op | math_error
    | (?:do_)?(?:divide_error|int3|stack_segment|segment_not_present|alignment_check|overflow|bounds)
    | (?:simd_)?coprocessor_error | (?:error|paranoid)_(?:entry|exit) | (?:gp_try_)?fixup_exception
    | ex_handler_\w+ | irqentry_(?:enter|exit|nmi_\w+) | (?:do_|async_)?page_fault | do_user_addr_fault
    | exc_page_fault | _?_?bad_area\w* | no_context | page_fault_oops | kernelmode_fixup_or_oops
    | general_protection | do_general_protection | df_debug | error_code | double_fault | do_double_fault
    | el[01]\w*_\w+ | el[01]_\w+ | do_mem_abort | do_(?!(?:read|cow|shared)_)\w*(?:_fault|_abort|_sea)
    | do_(?:debug_exception|kernel_fault|bad_area) | __do_kernel_fault | do_translation_fault
    | (?:call_)?brk_\w+ | call_break_hook | do_el\w+_brk\w* | handle_(?:exception|break) | ret_from_\w+
    | entry_(?:SYS|INT)\w* | entry_\w*32\w* | __(?:irq|dabt|pabt|und)_(?:svc|usr|invalid) | do_DataAbort
    | do_PrefetchAbort | __\w*_trampoline | interrupt_return\w* | handle_page_fault | do_page_fault_\w+
    | __rela_dyn_start | vmalloc_fault | retint_\w+ | restore_\w+_regs\w* | (?:handle|_?_)_?bad_stack
    | handle_stack_overflow""",
    # the same of arm, arm64, riscv, powerpc, s390, mips and loongarch
    r"""do_undef(?:instr)? | __und_fault | do_el[01]_\w+
    | (?:bug|kasan|ubsan|cfi|single_step)_(?:brk_)?handler
    | arm(?:64)?_(?:notify_die|serror_panic|enter_nmi|exit_nmi) | riscv_intc_irq
    | (?:data|instruction)_access_(?:slb_)?(?:common|exception)\w* | program_check_(?:common|exception)\w*
    | (?:alignment|decrementer|hardware_interrupt)_(?:common|exception)\w* | _{0,3}do_page_fault
    | (?:hash__)?do_(?:hash|page)_fault | _?_?bad_page_fault | interrupt_(?:enter|exit)_\w+
    | pgm_check_handler | __do_pgm_check | do_(?:dat|protection)_exception | (?:ext|io|mcck)_int_handler
    | do_(?:io|ext)_irq | illegal_op | addressing_exception | tlb_do_page_fault_\d
    | handle_(?:adel?|ades|bp|tr|ri|fpe|tlb[lms]|sys|int|reserved)(?:_int)?
    | do_(?:ade|ri|fpe|bp|tr_or_bp|be)""",
    # sanitizers, their shadow accesses and what the compiler calls for them
    r"""_{0,4}(?:kasan|kfence|kmsan|kcsan|asan|hwasan|msan|tsan|ubsan)_\w+ | handle_overflow
    | check_slab_allocation | val_to_string | __sanitizer_\w+
    | check_(?:memory_region|region_inline|canary\w*) | memory_is_\w+ | qlist_\w+ | quarantine_\w+
    | set_track | __(?:re)?set_page_owner | poison_\w+ | _?_?check_(?:heap_object|object_size)\w*
    | usercopy_(?:abort|warn)
    | check_stack_object | fortify_panic | __fortify_\w+ | __stack_chk_fail | should_fail\w*
    | __should_fail\w* | fail_dump | __stack_depot_\w+""",
    # indirect calls and returns with mitigations
    r"""__x86_(?:indirect|return)_\w+ | srso_\w+ | zen_untrain_ret | __bpf_prog_run\w* | ftrace_\w+
    | __fentry__ | __fexit__ | bpf_trampoline_\d\w* | bpf_dispatcher_\w+_func | bpf_prog_[0-9a-f]{16}\w*
    | arch_ftrace_\w+ | kprobe_ftrace_\w+ | __cfi_\w+ | handle_cfi_failure | __efistub_\w+""",
    # trace points, and what listens to them
    r"""perf_trace_\w+ | trace_event_raw_\w+ | trace_event_\w+ | __traceiter_\w+
    | trace_(?:hard|soft)irqs_\w+ | trace_call_bpf | perf_(?:tp|swevent)_\w+ | __bpf_trace_\w+
    | trace_lock_\w+""",
    # lockdep and other checks of locks and contexts
    r"""lockdep_\w+ | _?_?lock_(?:acquire|release|contended|is_held|downgrade|pin|unpin|set)\w*
    | validate_chain | add_(?:lock_to_list|chain_cache)\w* | lookup_chain_cache\w* | __bfs\w*
    | match_held_lock | (?:register|look_up)_lock_class | reacquire_held_locks | assign_lock_key
    | check_(?:irq_usage|usage\w*|prevs?_add\w*|noncircular|deadlock|wait_context|redundant|lock_\w+)
    | mark_(?:lock|held|usage)\w* | debug_check_no_\w+ | debug_lockdep_\w+ | hlock_class | find_held_lock
    | __?_?might_(?:sleep|resched|fault)\w* | might_\w+ | __cant_\w+ | (?:debug_)?smp_processor_id
    | check_preemption_disabled | __this_cpu_preempt_check | (?:spin|rwlock)_(?:bug|dump)
    | debug_(?:spin|write|read|mutex|rt_mutex)_\w+ | preempt_count_\w+ | save_trace | __schedule_bug""",
    # detectors of hangs, and the clock tick they hang on
    r"""_?rcu_\w*(?:stall|sched_clock|dump|check_callbacks|check_gp)\w* | check_cpu_stall
    | sched_show_task | nmi_\w+ | trigger_\w*backtrace | tick_\w+ | update_process_times
    | _?_?hrtimer_(?:interrupt|run_\w+) | watchdog(?:_(?:timer_fn|overflow|hardlockup|buddy)\w*)?
    | _?_?(?:smp_)?apic_\w*interrupt | _?_?sysvec_\w+ | local_apic_\w+ | arch_trigger_\w+ | dump_cpu_task
    | __?(?:handle_)?irq\w* | irq_(?!bypass)\w+ | handle_percpu_devid_irq | generic_handle_\w+
    | arch_timer_handler_\w+ | gic_\w+ | riscv_timer_interrupt | common_interrupt | do_IRQ
    | debug_show_\w+ | touch_\w+watchdog | check_hung_\w+ | rcu_gp_(?:kthread|fqs_loop|fqs)""",
    # debugging of objects and leaks
    r"""kmemleak_\w+ | (?:__)?create_object | debug_objects_\w+ | __debug_(?!fs)\w+
    | debug_(?:print_object|object_\w+|check_no_obj\w*|work_\w+) | (?:timer|work)_(?:is_static|fixup)_\w+
    | debug_timer_\w+ | debug_assert_\w+ | sysfs_warn_dup | ref_tracker_\w+ | print_unreferenced""",
)

# called by the one to blame, who gave them something bad or what they hand out
_SERVICES = (
    # memory: allocators
    r"""_?_?_?k[mvz]*(?:re)?alloc\w* | kcalloc\w* | _?_?k[vz]*free\w*
    | _?_?kmem_cache_(?!create|destroy)\w+ | _{0,3}slab_\w+
    | _?_?(?:get_)?free_(?:pages?|slab|unref\w*|one_page|frozen\w*)(?:_\w+)? | free_pcppages_\w+
    | discard_slab | _?_?alloc_(?:pages?|slab|frozen_pages|contig|percpu)\w* | get_page_from_freelist
    | bad_page\w* | free_page_\w+ | free_pages_\w+ | _?_?(?:folio|page)_put\w* | put_page\w*
    | folios_put\w* | page_frag_\w+ | release_pages | __page_cache_release | _?_?free_(?:the_)?pages?\w*
    | __phys_addr\w* | __virt_\w+ | new_slab | allocate_slab
    | _{0,3}(?:get|cache)_(?:partial|free_page)\w* | cache_\w*(?:alloc|free|grow|flusharray)\w*
    | _{2,4}cache_\w+ | fallback_alloc | do_(?:kmalloc|slab_free)\w* | prep_new_page | post_alloc_hook
    | __get_free_pages | get_zeroed_page | _?_?v[mz]*alloc(?!_fault)\w* | __vmalloc\w* | vfree\w* | vunmap
    | kvfree\w* | _?_?pcpu_(?:alloc|free(?!list))\w* | free_percpu | mempool_\w+ | dma_pool_\w+ | devm_k\w+
    | kmemdup\w* | kstr(?:n?dup|dup)\w* | memdup_user\w* | strndup_user | should_failslab | freelist_\w+
    | memcg_\w+_post_alloc\w* | object_\w+ | setup_object\w* | init_object | ksize | __ksize
    | _?_?rmqueue\w* | free_pcp_\w+ | _?_?put_(?:cpu_)?partials?\w* | _?_?unfreeze_partials\w*
    | deactivate_slab
    | (?:alloc|free)_(?:debug_processing|consistency_checks|to_partial_list|from_pcs|to_pcs)\w*
    | check_(?:bytes_and_report|object|slab|new_pages?|free_page\w*) | _?_?obj_cgroup_\w+ | vmemdup_user
    | _?_?(?:vma_|filemap_)?(?:folio_alloc|alloc_folio)\w* | __page_cache_alloc | alloc_page_\w+
    | __put_page | destroy_large_folio | free_compound_page | remove_vm_area | __do_krealloc
    | kfree_rcu\w* | percpu_\w*alloc\w* | krealloc\w*""",
    # memory: bytes, strings, formatted text, bits
    r"""_{0,3}mem(?:cpy|set|move|cmp|chr|scan|zero)(?:\d+|_(?:erms|orig|fast|generic|flushcache|mcsafe\w*
    |inv|page|and_pad|(?:from|to)?io|noalign|explicit))?
    | _?_?(?:fortify_)?str(?:n?len|n?cpy|[ls]cpy|scpy_\w+|[nl]*cat
    |n?(?:case)?cmp|n?r?chr(?:nul)?|n?str|sep|c?spn|pbrk|im|replace|ncpy\w*|nlen\w*|toul\w*)
    | sized_strscpy | bcmp | v?s[nc]*printf | vscnprintf | number | pointer | string(?:_nocheck)?
    | (?:seq|trace_seq|bstr)_(?:v?printf|put\w*|write|escape\w*) | put_dec\w* | format_decode
    | widen_string
    | (?:\w*hex|symbol|resource|uuid|escaped|mac_address|ip[46]\w*|bitmap\w*)_(?:string|number)
    | match_string | sysfs_(?:emit\w*|streq) | kstrto\w+ | _?_?simple_strto\w+ | memdup_\w+ | hex_\w+
    | kvasprintf\w* | kasprintf | v?sscanf | _?_?(?:test|set|clear|change)_(?:and_\w+_)?bit\w*
    | _?_?(?:arch_)?(?:find|for)_(?!inode)\w*bit\w* | _?_?bitmap_(?!ip|port)\w+
    | (?:_|arch_|raw_|instrument_)?atomic(?!_open)\w* | instrument_\w+ | read_word_at_a_time
    | __read_once_size\w* | __write_once_size | rep_(?:movs|stos)\w*
    | clear_page\w*_(?:rep|erms|orig)|copy_page_\w*erms""",
    # memory of processes, copied to and from
    r"""_?_?(?:raw_|arch_)?_?copy_(?:from|to|in)_user(?:_(?:n|in|flush|p|i|real|kernel)\w*)?
    | copy_(?:from|to)_(?:kernel_nofault\w*|sockptr\w*|bpfptr\w*) | strncpy_from_\w+ | __copy_user_\w+
    | _?_?clear_user\w* | __?(?:get|put)_user(?!_pages)\w* | _?_?copyin
    | copyout | _?_?iov_iter_(?:copy|zero)\w*
    | (?:simple_copy|memcpy|copy_user|_?copy(?:_mc|_page|_folio)?)_(?:to|from)_(?:user_)?iter\w*
    | iterate_(?:ubuf|iovec|bvec|kvec|folioq|xarray|and_advance\w*) | copy_user_\w+ | csum_and_copy_\w+
    | copy_folio_\w+ | simple_(?:read_from|write_to)_buffer | import_\w*iovec\w* | strn\w+_user""",
    # registers of devices
    r"""_?_?(?:raw_)?(?:read|write)[bwlq](?:_relaxed)? | _?(?:logic_)?(?:in|out)s?[bwl]
    | io(?:read|write)(?:8|16|32|64)\w*""",
    # lists, trees, maps
    r"""_?_?list_(?:add|del|move|splice|cut)(?!_event)\w* | __list_(?!set|lru|lookup)\w+ | hlist_\w+
    | llist_\w+ | plist_\w+ | klist_\w+ | _?_?rb_(?!alloc|free|(?:find|insert)_bss)\w+ | rbtree_\w+ | idr_\w+
    | (?:__)?radix_tree_\w+ | _?_?xas?_\w+ | ida_\w+ | mas_\w+ | mtree_\w+ | rht_\w+ | _?_?rhashtable_\w+
    | sbitmap_\w+ | assoc_array_\w+ | interval_tree_\w+ | kfifo_\w+ | __kfifo_\w+""",
    # references
    r"""_?_?refcount_\w+ | kref_\w+ | _?_?kobject_\w+ | usb_submit_urb | cleanup_srcu_struct
    | init_srcu_struct | kset_\w+ | (?:get|put)_device | put_\w*_struct | percpu_ref_\w+ | lockref_\w+
    | drop_nlink | inc_nlink | clear_nlink | set_nlink | dev_(?:put|hold)\w* | netdev_(?:put|hold)
    | _?_?sk_(?:free|destruct)\w* | sock_put | mntget | fput | fget\w*""",
    # the driver core and registrations through it
    r"""device_(?:add|del|register|unregister|destroy|initialize|create)(?!_file)\w*
    | _?_?device_attach\w* | bus_(?:add|remove|probe|for_each)_\w+ | dpm_sysfs_\w+ | device_pm_\w+
    | sysfs_(?:remove|create|add|update|merge)_\w+ | proc_register | _?_?proc_create\w* | proc_mkdir\w*
    | remove_proc_\w+ | rollback_registered\w*
    | (?:un)?register_netdev(?:ice)?(?:_many|_queue)?(?:_notify)? | cdev_(?:add|del|device_add|device_del)
    | tty_(?:un)?register_device\w* | _?_?driver_(?:register|unregister|probe_device|detach|attach)\w*
    | _?_?device_release_driver\w* | device_(?:unbind_cleanup|remove|driver_\w+) | internal_create_groups?
    | (?:create|remove)_files | dev_set_name | _?_?class_(?:create|destroy|register|unregister)
    | bus_(?:un)?register | misc_(?:de)?register
    | _?_?platform_(?:device|driver)_(?:add|del|register|unregister)\w* | i2c_(?:add|del)_\w*adapter
    | tty_port_(?:un)?register_device\w* | kobject_set_name\w* | usb_(?:kill|poison|unlink)_urb
    | usb_put_\w+ | usb_free_\w+ | usb_start_wait_urb | usb_(?:bulk|interrupt|control)_msg\w*
    | usb_internal_control_msg""",
    # buffers of the network
    r"""skb_(?:push|put|pull|over_panic|under_panic|panic|trim|reserve|put_data)\w* | pskb_may_pull\w*
    | __skb_(?:pull|put|push|trim)\w* | lock_sock\w* | release_sock | __lock_sock\w* | __release_sock""",
    # work, timers and callbacks that are put off
    r"""_?_?(?:flush|cancel|queue|mod_delayed|start_flush)_(?:delayed_)?work(?:queue)?\w*
    | _?_?cancel_work_\w+ | queue_(?:delayed_)?work\w* | _?_?(?:flush|drain|destroy)_workqueue
    | __queue_(?:delayed_)?work\w* | schedule_(?:delayed_)?work\w* | insert_work | delayed_work_\w+
    | _?_?(?:try_to_)?del_timer\w* | timer_(?:delete|shutdown|reduce)\w* | _?_?mod_timer\w* | add_timer\w*
    | lock_timer_base | init_timer\w* | __try_to_del_timer_sync | __timer_delete\w*
    | hrtimer_(?:start|cancel|init|forward|try_to_cancel)\w* | internal_add_timer | detach_\w*timer
    | call_rcu\w* | __call_rcu\w* | tasklet_\w+ | task_work_add | irq_work_queue\w*""",
)

# where one waits for others, or for its turn
_WAITING = (
    # the scheduler
    r"""_?_?schedule\w* | io_schedule\w* | preempt_schedule\w* | context_switch | __switch_to\w*
    | _?_?cond_resched\w* | dequeue_(?:task|entity)\w* | (?:do_)?_?preempt_\w+ | finish_task_switch
    | (?:try_to_)?wake_up_(?:process|state|q)?\w* | try_to_wake_up | ttwu_\w+ | _?_?wake_up\w*
    | default_wake_function | autoremove_wake_function | select_task_rq\w* | freezer_\w+ | __refrigerator
    | _?_?ret_\w*preempt\w*""",
    # completions, wait queues, bits and pages waited for
    r"""(?:do_|__)?wait_(?:for_(?:completion|common)|on_(?:page|bit|buffer|atomic|var))\w*
    | wait_for_common\w* | do_wait_intr\w* | bit_wait\w* | out_of_line_wait_\w+ | __wait_rcu_gp
    | __wait_event\w* | wait_woken | finish_wait | prepare_to_wait\w* | _?_?complete(?:_all)? | swake_\w+
    | folio_wait_\w+ | _?_?folio_lock\w* | _?_?lock_(?:page\w*|buffer) | do_read_cache_\w+ | wait_rcu_\w+
    | rcu_barrier\w* | rcuwait_\w+ | __rwbase_\w+ | rwbase_\w+ | futex_wait_queue\w* | __flush_work""",
    # locks
    r"""_?(?:do_)?_?raw_(?:spin|read|write)_\w+ | (?:native_)?queued_\w+ | __pv_queued_\w+ | pv_\w+
    | \w*_?spin_(?:un|try)?lock\w* | arch_spin_\w+ | ticket_\w+ | do_raw_(?:spin|read|write)_\w+
    | call_rwsem_\w+ | __rwsem_\w+ | downgrade_write | _?_?(?:ww_)?mutex_\w+ | rwsem_\w+
    | _?_?(?:down|up)(?:_\w+)? | osq_\w+ | rt_(?:mutex|spin|read|write)_?\w* | __rt_\w+ | rtlock_\w+
    | task_blocks_on_\w+ | _?_?percpu_(?:down|up)_\w+ | percpu_rwsem_\w+ | raw_spin_rq_\w+
    | (?:\w+_)?(?:read|write)_(?:un|try)?lock(?:ed)?(?:_bh|_irq\w*|_nested)? | (?:read|write)_seq\w+
    | rcu_read_\w+ | rcu_lock_\w+ | rcu_is_watching | rcu_dynticks_\w+ | call_rcu_\w+ | srcu_read_\w+
    | __srcu_read_\w+ | local_lock\w* | bit_spin_\w+ | get_user_pages\w*_lock | __bh_\w+
    | _{0,2}local_bh_\w+ | rcu_note_context_switch | arch_local_\w+""",
    # where stacks begin
    r"""kthread | worker_thread | process_one_work | process_scheduled_works | do_syscall_\w+
    | x64_sys_call | invoke_syscall | start_secondary | secondary_startup\w* | cpu_startup_entry | do_idle
    | rest_init | smpboot_thread_fn | kernel_init\w* | do_fast_syscall_32 | task_work_run | __irq_svc
    | __irq_usr""",
)

# hands out memory in somebody else's name: whom neither a leak nor a bad page belongs to
_ALLOCATES = (
    r"""sk_(?:prot_)?alloc\w* | sk_clone\w* | _?_?(?:dev_|netdev_|napi_)?(?:build|alloc)_skb\w*
    | dev_alloc_\w+ | skb_(?:clone|copy)\w* | pskb_copy\w* | sock_[kw]?malloc | sget_userns
    | __list_lru_init | sock_alloc_send_\w+ | sock_alloc_inode | alloc_inode | new_inode\w*
    | __proc_create | alloc_(?:netdev|workqueue|etherdev|disk)\w* | alloc_skb_\w+ | \w*_node_alloc
    | idr_get_\w+ | nf_ct_\w+alloc\w* | genlmsg_new | nlmsg_new | bio_alloc\w* | alloc_empty_file\w*
    | __d_alloc | d_alloc\w* | getname\w* | acpi_os_\w*alloc\w* | acpi_ut_\w*(?:alloc|create)\w*
    | usb_alloc_(?!dev)\w+ | crypto_alloc_\w+ | ptr_ring_init | kobj_map | security_\w*alloc\w*
    | lsm_\w*alloc\w* | bucket_\w*alloc\w* | sg_(?:alloc|kmalloc)\w*
    | _?_?filemap_get_(?:create_)?folio\w* | pagecache_get_page | find_or_create_page
    | _?_?grab_cache_page\w* | _?_?page_pool_\w*alloc\w*""",
)


def _one(*tables: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{reason})" for table in tables for reason in table), re.VERBOSE)


MACHINERY = _one(_MACHINERY)
PLUMBING = _one(_MACHINERY, _SERVICES, _WAITING)
# what a WARN() in it says is about its caller; one in a lock or the scheduler is about these
WARNS_OF_CALLERS = _one(_MACHINERY, _SERVICES)
ALLOCATES = _one(_ALLOCATES)

# hands control to the functions that others registered. What loops is named by the function that was
# entered here: which one deeper down the clock happened to meet differs each time
DISPATCHES = _one(
    (
        # system calls, to their functions
        r"""do_syscall_\w+ | do_(?:fast|int80)_\w+ | __do_fast_\w+ | __do_compat_\w+ | do_int80\w*
        | invoke_syscall | el0_svc\w* | do_el0_svc | x64_sys_call | ia32_sys_call | ret_fast_syscall
        | system_call\w* | tracesys\w* | sysenter_\w+ | entry_\w+ | ret_from_syscall | syscall_common
        | __sys_trace\w* | do_trap_ecall_u | handle_syscall | do_soft_syscall""",
        # those of them that hand on to files, file systems and sockets
        r"""\w+_compat_ioctl | (?:(?:__\w+|compat|ksys)_)?sys_ioctl | (?:compat_)?SyS_ioctl | ksys_ioctl
        | vfs_ioctl | do_vfs_ioctl | compat_sys_ioctl | _?_?vfs_(?:read|write)v? | new_sync_(?:read|write)
        | call_(?:read|write)_iter | do_iter_\w+ | do_loop_readv_writev\w* | ksys_(?:read|write)
        | vfs_iter_(?:read|write) | vfs_(?:fsync|fallocate|open|get_tree)\w* | __fput | do_dentry_open
        | iterate_dir | do_splice_\w+ | splice_direct_to_actor | call_mmap | mmap_region
        | sock_(?:sendmsg|recvmsg)(?:_nosec)? | __sock_(?:sendmsg|recvmsg)
        | _?_?sys_(?:setsockopt|getsockopt|bind|connect|accept4?|listen) | do_sock_(?:set|get)sockopt
        | __sock_release | sock_close | legacy_get_tree | mount_(?:bdev|nodev|fs)
        | get_tree_(?:bdev|nodev)""",
        # packets and messages, to protocols
        r"""rtnetlink_rcv_msg | nfnetlink_rcv_msg | _?_?netif_receive_skb\w* | deliver_(?:ptype_list_)?skb
        | __napi_poll | napi_poll | process_backlog""",
        # work, threads, drivers
        r"""process_one_work | process_scheduled_works | task_work_run | kthread | kthread_worker_fn
        | smpboot_thread_fn | do_one_initcall | async_run_entry_fn | worker_thread
        | __usb_hcd_giveback_urb | usb_probe_interface | really_probe | ret_from_fork\w*""",
    )
)
# the same for what runs in interrupts. What they interrupted comes first, if it entered anything: a timer
# that fires again and again shows on top of any stack
DISPATCHES_IN_INTERRUPTS = _one(
    (
        r"""call_timer_fn | expire_timers | _?_?run_timer\w* | _?_?run_hrtimer\w* | hrtimer_run_\w+
        | __hrtimer_run_queues | _?_?do_softirq\w* | handle_softirqs | tasklet_action\w*
        | _?_?handle_irq_event\w* | rcu_do_batch | irq_work_\w*run\w* | run_ksoftirqd | do_idle
        | cpu_startup_entry""",
    )
)
# a stack that reaches one of these is whole
ENTRIES = re.compile(
    r"(?<!\? )\b(?:entry_\w+|ret_from_\w+|do_syscall_\w+|ret_fast_syscall|el0\w*_\w+|system_call\w*"
    r"|__sys_trace\w*|secondary_startup\w*|start_secondary|start_kernel|kthread)\+0x"
)

# the processor was interrupted here: what follows in a trace is what it had been doing
INTERRUPTED = re.compile(
    r"(?:asm_)?(?:sysvec_)?apic_timer_interrupt|asm_sysvec_\w+|asm_common_interrupt|common_interrupt|reschedule_interrupt"
    r"|call_function_\w+interrupt|el1_irq|el1h?_64_irq|el1_interrupt|__irq_svc|ret_from_exception|ret_from_intr|nmi"
    r"|asm_call_(?:irq_)?on_stack|do_IRQ|handle_arch_irq|gic_handle_irq|do_irq|call_on_irq_stack|timer_interrupt"
)
# frames of a detector that runs in the clock's interrupt
DETECTS = re.compile(
    r"update_process_times|tick_\w+|rcu_\w*(?:stall|sched_clock_irq|check_callbacks)\w*|nmi_cpu_backtrace|arch_timer_handler\w*|riscv_timer_interrupt"
)
# RCU's own thread: it waits, and is shown because it does
BYSTANDER = re.compile(r"rcu_gp_\w+|rcu_\w+_kthread|rcu_nocb_\w+")

# written in assembly, without a frame of its own: the stack's first frame is not of its caller
FRAMELESS = re.compile(
    r"_?_?mem(?:cpy|set|move)\w*|(?:clear|copy)_page\w*|rep_\w+|_?_?(?:arch_)?(?:copy_(?:from|to)|clear)_user\w*"
)

# one operation under the names it had, or has inside; the names of system calls without their wrappers
ALIASES = (
    # arm64's second name of what may run before the kernel is where it will be
    (re.compile(r"__pi_(\w+)"), r"\1"),
    (re.compile(r"_?_?synchronize_(?:sched|s?rcu)\w*|__wait_rcu_gp"), "synchronize_rcu"),
    (re.compile(r"smp_call_function\w*|_?on_each_cpu\w*"), "smp_call_function"),
    (re.compile(r"(?:__(?:do|se)_sys|SyS|sys)_(\w+)"), r"\1"),
    (re.compile(r"(?:__(?:x64|ia32|arm64|riscv|s390x?|powerpc)_(?:compat_)?)sys_(\w+)"), r"sys_\1"),
)
