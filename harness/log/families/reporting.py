"""The reporting path: printing, detectors, exception entry. Data only.

One regular expression for each reason, without the leading underscores of names.
"""

from __future__ import annotations

# never to blame, whatever the report
REPORTING = (
    # printing of reports
    r"""dump_(?:stack|backtrace|page)\w* | show_(?:stack|trace|regs|mem|state|registers)\w* | c_backtrace
    | print_(?:address|bad_|bfs|cfs|chain|circular|collision|cpu|deadlock|decoded|diff_canary|error_desc
    |event|fatal|freed|held|hex_dump|ip_sym|irq|kernel_ident|lock|memory_meta|modules|nested|oops|other_cpu
    |page_info|preempt|pstate|report|section|shadow|shortest|slab|stack_|symname|tags|tainted|task|track
    |trailer|unloaded_t|unlock_im|unreferenced|usage|verbose|vma_addr|worker)\w*
    | (?:start|end|complete)_report\w*
    | report_(?:bug|cfi|enabled|filterlist|invalid|matches|suppress|type|usage)\w*
    | describe_(?:address|object)\w* | object_err | slab_(?:err|bug|fix) | \w*panic_on_\w+
    | v?panic(?:_\w+)? | nmi_panic | warn\w* | WARN_trap | add_taint | \w*_warn_report | die(?:_\w+)?
    | (?:handle_|fixup_)?bug(?:_\w+)? | oops_\w+ | \w*printk\w*
    | (?:dynamic_)?(?:net|ib)?dev_(?:emerg|alert|crit|err|warn|notice|info|dbg)(?:_probe)?
    | dynamic_pr_debug | dynamic_emit_\w+ | ratelimit | console_\w+ | devkmsg_\w+ | kmsg_dump\w*
    | log_store | call_console_drivers | nbcon_\w+ | prb_(?:read|reserve|commit|final|next_(?:seq|reserve))\w*
    | sched_show_task | show_(?:one_|all_)?(?:workqueue|pwq|cpu_pool)\w*""",
    # the console of the report: drivers/tty/serial/8250
    r"""(?:univ|serial)8250_console_\w+ | uart_console_write | wait_for_xmitr
    | (?:io|mem\d*)_serial_(?:in|out)""",
    # the way from a failed check in Rust to BUG(): rust/helpers/bug.c, rust/kernel/lib.rs, library/core; what
    # traps in the place of arithmetic that the kernel does not have: rust/compiler_builtins.rs
    r"""(?:rustc::)?rust_begin_unwind | <?core::.* | <?&?alloc::.* | rust_helper_\w+ | rust__\w+
    | <[&*]*(?:(?:mut|const)\ )?(?:[fiu]\d+|[iu]size|str|bool|char|\(\)|\[[^\]]*\])
    \ as\ (?:core|alloc)::.*""",
    # indirect calls and returns with mitigations, code made at run time and its entry
    r"""x86_(?:indirect|return)_\w+ | srso_\w+ | zen_untrain_ret | (?:retbleed|call_depth|its_return)_\w+
    | bpf_prog_(?:run\w*|[0-9a-f]{16}\w*) | bpf_trampoline_\d\w* | bpf_dispatcher_\w+_func | ftrace_\w+
    | fentry__ | fexit__ | (?:arch|kprobe)_ftrace_\w+ | cfi_\w+ | handle_cfi_failure | efistub_\w+""",
    # trace points and their listeners
    r"""perf_trace_\w+ | trace_event_\w+ | traceiter_\w+ | trace_(?:hardirqs|softirqs|preempt)_\w+
    | trace_call_bpf | perf_(?:tp|swevent)_\w+ | bpf_trace_\w+ | trace_lock_\w+""",
    # detectors of hangs, and the clock tick, in which they run
    r"""rcu_\w*(?:stall|sched_clock|dump|check_callbacks|check_gp)\w* | check_(?:cpu_stall|hung_\w+)
    | rcu_gp_(?:kthread|fqs_loop|fqs) | nmi_\w+ | (?:arch_)?trigger_\w*backtrace\w* | arch_trigger_\w+
    | dump_cpu_task | watchdog(?:_(?:timer_fn|overflow|hardlockup|buddy)\w*)? | touch_\w*watchdog\w*
    | wq_watchdog_\w+ | rcu_iw_handler | hung_task_show_\w+ | perf_event_(?:nmi_handler|overflow)
    | (?:x86|intel|amd)_pmu_handle_irq | debug_show_\w+ | tick_\w+ | update_process_times
    | hrtimer_(?:interrupt|run_\w+) | (?:smp_)?apic_\w*interrupt | local_apic_\w+ | sysvec_\w+
    | arch_timer_handler_\w+ | (?:constant|riscv)_timer_interrupt | timer_interrupt""",
)

# the same; all functions that these call are steps of them
CHECKING = (
    # stack walkers
    r"""walk_stackframe | unwind_backtrace | arch_stack_walk\w* | (?:stack_trace|(?:stack_)?depot)_\w+
    | save_(?:stack|trace)\w*""",
    # sanitizers, their shadow accesses and the functions that the compiler calls for them
    r"""(?:kasan|kfence|kmsan|kcsan|asan|hwasan|msan|tsan|ubsan|sanitizer)_\w+
    | handle_(?:overflow|null_ptr_deref|misaligned_access|object_size_mismatch) | val_to_string
    | check_(?:memory_region\w*|region_inline|canary\w*|slab_allocation) | bytes_is_nonzero
    | check_access | memory_is_\w+ | qlist_\w+ | qlink_(?:free|to)\w* | quarantine_\w+ | poison_\w+
    | (?:re)?set_(?:track|page_owner) | usercopy_(?:abort|warn)
    | check_(?:heap_object|kernel_text_object|bogus_address|object_size|stack_object)\w* | fortify_\w+
    | (?:read|write|copy)_overflow\w* | stack_chk_fail | should_fail\w* | fail_dump""",
    # lockdep and other checks of locks and contexts
    r"""(?:rcu_)?lockdep_\w+
    | lock_(?:acquire|release|contended|is_held|downgrade|(?:re|un)?pin|set|class|sync)\w* | validate_chain
    | add_(?:lock_to_list|chain_cache)\w* | lookup_chain_cache\w* | (?<=__)bfs\w* | match_held_lock
    | (?:register|look_up)_lock_class | (?:find|reacquire)_held_locks? | assign_lock_key
    | check_(?:irq_usage|usage\w*|prevs?_add\w*|noncircular|deadlock|wait_context|redundant|lock_\w+)
    | mark_(?:lock|held|irqflags|usage)\w* | hlock_c\w+ | valid_state | alloc_(?:list_entry|chain_hlocks)
    | (?:check|iterate)_chain_key | zap_class | graph_(?:un)?lock | count_matching_names | in_any_class_list
    | static_obj | usage_(?:accumulate|match|skip) | check_path | might_\w+ | cant_\w+
    | debug_(?:check_no|lockdep|spin|write|read|mutex|rt_mutex|rwsem|locks)_\w+
    | (?:debug_)?smp_processor_id | check_preemption_disabled | this_cpu_preempt_check
    | (?:spin|rwlock)_(?:bug|dump) | preempt_count_\w+ | schedule_bug""",
    # debugging of objects and leaks
    r"""kmemleak_\w+ | (?:create|delete)_object(?:_full|_part|_p\w+)? | find_and_(?:get|remove)_object
    | paint_(?:it|ptr) | make_(?:black|gray)_object | scan_(?:block|gray_list|large_block|object)
    | debug_object\w* | debug_(?:print_object|check_no_obj\w*)
    | debug_(?:work|timer|assert|hrtimer|rcu)_\w+ | fixup_(?:activate|assert_init|destroy|free|init)
    | fill_pool | lookup_object_or_alloc | free_obj_work | rcuhead_fixup_\w+
    | (?:timer|work)_(?:is_static|fixup)_\w+ | sysfs_warn_dup | ref_tracker_\w+""",
    # checks of DMA by drivers: kernel/dma/debug.c
    r"""debug_dma_\w+ | check_(?:unmap|sync) | add_dma_entry | check_for_(?:stack|illegal_area)""",
)

# the processor's way from a failure to the report: blamed only if there is nothing else
EXCEPTIONS = (
    # exceptions and the entry from them
    r"""(?:asm_)?exc_\w+ | asm_(?!copy_)\w+ | do_(?:error_)?trap\w* | (?:do_)?invalid_op | math_error
    | (?:do_)?(?:divide_error|int3|stack_segment|segment_not_present|alignment_check|overflow|bounds)
    | (?:simd_)?coprocessor_error | (?:error|paranoid)_(?:entry|exit|return) | (?:gp_try_)?fixup_exception
    | ex_handler_\w+ | irqentry_\w+ | (?:trace_)?(?:do_|async_)?page_fault
    | (?:do_async|trace_do)_page_fault | spurious_kernel_fault | mm_fault_error | pgtable_bad
    | handle_invalid_op | (?:default_)?do_nmi | end_repeat_nmi | do_user_addr_fault | bad_area\w*
    | no_context | page_fault_oops | kernelmode_fixup_or_oops | (?:do_)?general_protection | df_debug
    | error_code | (?:do_)?double_fault | vmalloc_fault | retint_\w+ | restore_(?:\w+_)?regs\w*
    | entry_(?:SYS|INT)\w* | entry_\w*32\w* | interrupt_return\w* | ret_from_\w+ | (?:handle_)?bad_stack
    | handle_stack_overflow | do_(?:debug_exception|kernel_fault|kern_addr_fault|bad_area)
    | handle_(?:exception|break|page_fault) | do_page_fault_\w+""",
    # of arm and arm64
    r"""el[01]\w*_\w+ | do_mem_abort | do_(?!(?:read|cow|shared)_)\w*(?:_fault|_abort|_sea) | do_sea
    | (?:call_)?brk_\w+ | call_break_hook | do_el\w+_brk\w* | do_undef(?:instr)? | und_fault
    | do_el[01]_\w+ | (?:irq|dabt|pabt|und|fiq)_(?:svc|usr|invalid)\w* | do_(?:DataAbort|PrefetchAbort)
    | v[4-7]t?j?_(?:(?:early|late)_)?p?abort | legacy_pabort
    | \w*_trampoline | (?:bug|kasan|ubsan|cfi|single_step)_(?:brk_)?handler
    | arm(?:64)?_(?:notify_die|\w*serror\w*|enter_nmi|exit_nmi) | do_serror""",
    # of riscv, powerpc, s390, mips and loongarch
    r"""(?:data|instruction)_access_(?:slb_)?(?:common|exception)\w*
    | program_check_(?:common|exception)\w*
    | (?:alignment|decrementer|hardware_interrupt)_(?:common|exception)\w*
    | (?:hash__)?do_(?:hash|page)_fault | bad_page_fault | interrupt_(?:enter|exit)_\w+
    | (?:do_)?pgm_check\w* | do_(?:dat|protection)_exception | (?:ext|io|mcck)_int_handler
    | do_(?:io|ext)_irq | do_irq_async | illegal_op | kernel_stack_invalid
    | (?:addressing|data|divide|monitor_event|overflow|privileged|specification|transaction
    |translation)_exception | unrecoverable_exception | tlb_do_page_fault_\d
    | handle_(?:adel?|ades|bp|tr|ri|fpe|tlb[lms]|sys|int|reserved)(?:_int)?
    | do_(?:ade|ale|ri|fpe|bp|tr_or_bp|be) | (?:do|handle)_vint""",
    # names of addresses between functions: labels of the linker script
    r"""(?:\w+_)?text_(?:start|end) | [se]text | rela_dyn_\w+ | (?:init|kernel|end)_(?:begin|end)""",
    # interrupts, up to the function that was registered for them
    r"""irq_(?:enter|exit|forced|thread|wait|work)\w*
    | (?:generic_)?handle_(?:(?:arch|bad|domain|edge|fasteoi|level|nested|percpu|percpu_devid|simple
    |untracked)_)?irq (?:_desc|_event\w*|_safe)? | gic_\w+ | riscv_intc_irq | common_interrupt | do_IRQ
    | handle_(?:IPI|cpu_irq) | do_interrupt_handler
    | (?:smp_)?(?:call_function\w*|irq_work|reschedule)_interrupt
    | instr_sysvec_\w+""",
    # the switch to the interrupts' own stack
    r"""call_on_irq_?stack | call_softirq | do_softirq_own_stack | run_on_irqstack\w* | call_with_stack
    | invoke_softirq""",
)
