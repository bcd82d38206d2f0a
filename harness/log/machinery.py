"""Functions that are in a report because something is being reported. Data only.

One regular expression per reason; leading underscores of a name need not be in it.
"""

from __future__ import annotations

# never to blame, whatever the report
REPORTING = (
    # who prints reports
    r"""dump_(?:stack|backtrace|page)\w* | show_(?:stack|trace|regs|mem|state|registers)\w* | c_backtrace
    | print_(?!page_owner\b)\w+ | (?:start|end|complete)_report\w*
    | report_(?:bug|cfi|enabled|filterlist|invalid|matches|suppress|type|usage)\w*
    | describe_(?:address|object)\w* | object_err | slab_(?:err|bug|fix) | \w*panic_on_\w+
    | v?panic(?:_\w+)? | nmi_panic | warn\w* | \w*_warn_report | die(?:_\w+)?
    | (?:handle_|fixup_)?bug(?:_\w+)? | oops_\w+ | \w*printk\w*
    | (?:dynamic_)?(?:net|ib)?dev_(?:emerg|alert|crit|err|warn|notice|info|dbg)(?:_probe)?
    | dynamic_pr_debug | console_\w+ | devkmsg_\w+ | sched_show_task""",
    # the way from a failed check in Rust to BUG(): rust/helpers/bug.c, rust/kernel/lib.rs, library/core
    r"""(?:rustc::)?rust_begin_unwind | <?core::.* | <?&?alloc::.* | rust_helper_\w+""",
    # indirect calls and returns with mitigations, code made at run time and the way into it
    r"""x86_(?:indirect|return)_\w+ | srso_\w+ | zen_untrain_ret | (?:retbleed|call_depth|its_return)_\w+
    | bpf_prog_(?:run\w*|[0-9a-f]{16}\w*) | bpf_trampoline_\d\w* | bpf_dispatcher_\w+_func | ftrace_\w+
    | fentry__ | fexit__ | (?:arch|kprobe)_ftrace_\w+ | cfi_\w+ | handle_cfi_failure | efistub_\w+""",
    # trace points, and what listens to them
    r"""perf_trace_\w+ | trace_event_\w+ | traceiter_\w+ | trace_(?:hardirqs|softirqs|preempt)_\w+
    | trace_call_bpf | perf_(?:tp|swevent)_\w+ | bpf_trace_\w+ | trace_lock_\w+""",
    # detectors of hangs, and the clock tick they hang on
    r"""rcu_\w*(?:stall|sched_clock|dump|check_callbacks|check_gp)\w* | check_(?:cpu_stall|hung_\w+)
    | rcu_gp_(?:kthread|fqs_loop|fqs) | nmi_\w+ | (?:arch_)?trigger_\w*backtrace\w* | arch_trigger_\w+
    | dump_cpu_task | watchdog(?:_(?:timer_fn|overflow|hardlockup|buddy)\w*)? | touch_\w+watchdog
    | debug_show_\w+ | tick_\w+ | update_process_times | hrtimer_(?:interrupt|run_\w+)
    | (?:smp_)?apic_\w*interrupt | local_apic_\w+ | sysvec_\w+ | arch_timer_handler_\w+
    | riscv_timer_interrupt | timer_interrupt""",
)

# the same; these call nothing but parts of their own
CHECKING = (
    # who walks the stack for a report
    r"""walk_stackframe | unwind_backtrace | arch_stack_walk\w* | stack_(?:trace|depot)_\w+
    | save_(?:stack|trace)\w*""",
    # sanitizers, their shadow accesses and what the compiler calls for them
    r"""(?:kasan|kfence|kmsan|kcsan|asan|hwasan|msan|tsan|ubsan|sanitizer)_\w+ | handle_overflow
    | val_to_string | check_(?:memory_region|region_inline|canary\w*|slab_allocation) | memory_is_\w+
    | qlist_\w+ | quarantine_\w+ | poison_\w+ | (?:re)?set_(?:track|page_owner) | usercopy_(?:abort|warn)
    | check_(?:heap_object|object_size|stack_object)\w* | fortify_\w+ | (?:read|write|copy)_overflow\w*
    | stack_chk_fail | should_fail\w* | fail_dump""",
    # lockdep and other checks of locks and contexts
    r"""(?:rcu_)?lockdep_\w+
    | lock_(?:acquire|release|contended|is_held|downgrade|(?:re|un)?pin|set|class|sync)\w* | validate_chain
    | add_(?:lock_to_list|chain_cache)\w* | lookup_chain_cache\w* | (?<=__)bfs\w* | match_held_lock
    | (?:register|look_up)_lock_class | (?:find|reacquire)_held_locks? | assign_lock_key
    | check_(?:irq_usage|usage\w*|prevs?_add\w*|noncircular|deadlock|wait_context|redundant|lock_\w+)
    | mark_(?:lock|held|usage)\w* | hlock_class | might_\w+ | cant_\w+
    | debug_(?:check_no|lockdep|spin|write|read|mutex|rt_mutex|rwsem|locks)_\w+
    | (?:debug_)?smp_processor_id | check_preemption_disabled | this_cpu_preempt_check
    | (?:spin|rwlock)_(?:bug|dump) | preempt_count_\w+ | schedule_bug""",
    # debugging of objects and leaks
    r"""kmemleak_\w+ | create_object | debug_object\w* | debug_(?:print_object|check_no_obj\w*)
    | debug_(?:work|timer|assert|hrtimer|rcu)_\w+ | (?:timer|work)_(?:is_static|fixup)_\w+ | sysfs_warn_dup
    | ref_tracker_\w+ | print_unreferenced""",
)

# the processor's way from a failure to the report: to blame only if nothing else is there
EXCEPTIONS = (
    # exceptions and the entry from them
    r"""(?:asm_)?exc_\w+ | asm_(?!copy_)\w+ | do_(?:error_)?trap\w* | (?:do_)?invalid_op | math_error
    | (?:do_)?(?:divide_error|int3|stack_segment|segment_not_present|alignment_check|overflow|bounds)
    | (?:simd_)?coprocessor_error | (?:error|paranoid)_(?:entry|exit|return) | (?:gp_try_)?fixup_exception
    | ex_handler_\w+ | irqentry_\w+ | (?:do_|async_)?page_fault | do_user_addr_fault | bad_area\w*
    | no_context | page_fault_oops | kernelmode_fixup_or_oops | (?:do_)?general_protection | df_debug
    | error_code | (?:do_)?double_fault | vmalloc_fault | retint_\w+ | restore_\w+_regs\w*
    | entry_(?:SYS|INT)\w* | entry_\w*32\w* | interrupt_return\w* | ret_from_\w+ | (?:handle_)?bad_stack
    | handle_stack_overflow | do_(?:debug_exception|kernel_fault|bad_area)
    | handle_(?:exception|break|page_fault) | do_page_fault_\w+""",
    # of arm and arm64
    r"""el[01]\w*_\w+ | do_mem_abort | do_(?!(?:read|cow|shared)_)\w*(?:_fault|_abort|_sea) | do_sea
    | (?:call_)?brk_\w+ | call_break_hook | do_el\w+_brk\w* | do_undef(?:instr)? | und_fault
    | do_el[01]_\w+ | (?:irq|dabt|pabt|und)_(?:svc|usr|invalid) | do_(?:DataAbort|PrefetchAbort)
    | \w*_trampoline | (?:bug|kasan|ubsan|cfi|single_step)_(?:brk_)?handler
    | arm(?:64)?_(?:notify_die|serror_panic|enter_nmi|exit_nmi)""",
    # of riscv, powerpc, s390, mips and loongarch
    r"""(?:data|instruction)_access_(?:slb_)?(?:common|exception)\w*
    | program_check_(?:common|exception)\w*
    | (?:alignment|decrementer|hardware_interrupt)_(?:common|exception)\w*
    | (?:hash__)?do_(?:hash|page)_fault | bad_page_fault | interrupt_(?:enter|exit)_\w+
    | (?:do_)?pgm_check\w* | do_(?:dat|protection)_exception | (?:ext|io|mcck)_int_handler
    | do_(?:io|ext)_irq | illegal_op | addressing_exception | tlb_do_page_fault_\d
    | handle_(?:adel?|ades|bp|tr|ri|fpe|tlb[lms]|sys|int|reserved)(?:_int)?
    | do_(?:ade|ri|fpe|bp|tr_or_bp|be)""",
    # what an address between functions is named after: labels of the linker script
    r"""(?:\w+_)?text_(?:start|end) | [se]text | rela_dyn_\w+ | (?:init|kernel|end)_(?:begin|end)""",
    # interrupts, up to the function that was registered for them
    r"""irq_(?:enter|exit|forced|thread|wait|work)\w* | (?:generic_)?handle_(?:\w+_)?irq(?:_\w+)? | gic_\w+
    | riscv_intc_irq | common_interrupt | do_IRQ""",
)
