"""Functions that serve others: the mistake is made by who calls them, or made what they are given. Data only.

One regular expression per reason; leading underscores of a name need not be in it.
"""

from __future__ import annotations

# these call nothing but parts of their own
SEALED = (
    # memory: slabs, pages, areas, per processor
    r"""k[cmvz]*(?:re)?alloc\w* | k[vz]*free\w* | kmem_(?!cache_(?:create|destroy))\w+ | k?slab_\w+ | ksize
    | k(?:str|mem)n?dup\w* | (?:v?memdup|strndup)_user\w* | memdup_\w+ | devm_k\w+
    | (?:alloc|allocate|free|new|discard|deactivate)_slab\w* | freelist_\w+ | object_\w+
    | (?:setup|init)_object\w* | (?:get|put|unfreeze)_(?:cpu_)?partials?\w* | fallback_alloc
    | cache_free\w* | cache_\w*(?:alloc|grow|flusharray)\w*
    | (?:alloc|free)_(?:debug_processing|consistency_checks)\w*
    | (?:alloc|free)_(?:to_partial_list|from_pcs|to_pcs)\w* | do_(?:kmalloc|slab_free|krealloc)\w*
    | check_(?:bytes_and_report|object|slab|new_pages?|free_page\w*) | memcg_\w+_post_alloc\w*
    | obj_cgroup_\w+ | should_failslab | alloc_(?:pages?|frozen_pages|contig|percpu)\w*
    | (?:get_)?free_(?:pages?|unref|one_page|frozen)\w* | free_(?:pcppages|pcp|the_page|compound_page)\w*
    | get_page_from_freelist | get_zeroed_page | rmqueue\w* | prep_new_page | post_alloc_hook | bad_page\w*
    | (?:folio|page)s?_put\w* | put_page\w* | release_pages | page_cache_(?:alloc|release)
    | (?:vma_|filemap_)?(?:folio_alloc|alloc_folio)\w* | page_frag_\w+ | destroy_large_folio | phys_addr\w*
    | virt_(?:to|addr)_\w+ | v[mz]*alloc(?!_fault)\w* | vfree\w* | vunmap\w* | remove_vm_area
    | pcpu_(?:alloc|free(?!list))\w* | free_percpu | percpu_\w*alloc\w* | mempool_\w+ | dma_pool_\w+""",
    # bytes, strings, formatted text
    r"""mem(?:cpy|set|move|cmp|chr|scan|zero)(?:\d+|_(?:erms|orig|fast|generic|flushcache|mcsafe\w*|inv
    |page|and_pad|(?:from|to)?io|noalign|explicit))?
    | bcmp | mmio(?:cpy|set)
    | (?:fortify_)?str(?:n?len|n?cpy|[ls]cpy|scpy_\w+|[nl]*cat|n?(?:case)?cmp|n?r?chr(?:nul)?|n?str|sep
    |c?spn|pbrk|im|replace|ncpy\w*|nlen\w*|toul\w*)
    | sized_strscpy | stpcpy | skip_spaces | v?s[nc]*printf | kv?asprintf\w* | v?sscanf | put_dec\w*
    | number | pointer | string(?:_nocheck)? | format_decode | widen_string | va_format
    | (?:\w*hex|symbol|resource|uuid|escaped|mac_address|ip[46]\w*|bitmap\w*)_(?:string|number)
    | (?:seq|trace_seq|seq_buf|bstr)_(?:v?printf|put\w*|write|escape\w*) | sysfs_(?:emit\w*|streq)
    | match_string | kstrto\w+ | simple_strto\w+ | hex_\w+ | hex2bin | bin2hex""",
    # bits, atomic variables, and arithmetic that the compiler calls
    r"""(?:arch_)?(?:test|set|clear|change)_(?:and_\w+_)?bit\w* | (?:arch_)?(?:find|for)_(?!inode)\w*bit\w*
    | bitmap_(?!ip|port)\w+ | (?:arch_|raw_|generic_|instrument_)?atomic(?!_open)\w* | instrument_\w+
    | (?:this_cpu_)?(?:cmp)?xchg\w* | read_word_at_a_time | (?:read|write)_once_size\w*
    | (?:ash[lr]|lshr|mul|u?div|u?mod|u?cmp|clz|ctz|bswap)[sdt]i\d | aeabi_\w+ | do_div64
    | sw_hweight\d+""",
    # whole pages, and memory of processes: raw copies of every architecture
    r"""(?:clear|copy)_pages?_\w*(?:rep|erms|orig|regs|unrolled) | rep_(?:movs|stos)\w*
    | (?:raw_|arch_|arm_|asm_)?_?copy_(?:from|to|in)_user(?:_(?:n|in|flush|p|i|real|kernel|std|sum)\w*)?
    | copy_user_\w+ | (?:arch_|arm_|asm_)?clear_user\w* | fallback_scalar_usercopy\w*
    | asm_vector_usercopy\w* | copy_mc_\w+ | copy_(?:from|to)_(?:kernel_nofault\w*|sockptr\w*|bpfptr\w*)
    | strncpy_from_\w+ | strn\w+_user | (?:get|put)_user(?:_(?:\d|asm|bad|no\w+|size))? | copyin | copyout
    | iov_iter_(?:copy|zero)\w*
    | (?:simple_copy|memcpy|copy_user|copy(?:_mc|_page|_folio)?)_(?:to|from)_(?:user_)?iter\w*
    | iterate_(?:ubuf|iovec|bvec|kvec|folioq|xarray|and_advance\w*) | csum_and_copy_\w+ | copy_folio_\w+
    | simple_(?:read_from|write_to)_buffer | import_\w*iovec\w*""",
    # registers of devices
    r"""(?:raw_)?(?:read|write)s?[bwlq](?:_relaxed)? | (?:logic_)?(?:in|out)s?(?:[bwl]|8|16|32)
    | io(?:read|write)(?:8|16|32|64)\w*""",
    # lists, trees, maps
    r"""list_(?:add|del|move|splice|cut|replace)(?!_event)\w* | (?<=__)list_(?!set|lru|lookup)\w+
    | hlist_\w+ | llist_\w+ | plist_\w+ | klist_\w+ | rb_(?!alloc|free|(?:find|insert)_bss)\w+ | rbtree_\w+
    | idr_\w+ | radix_tree_\w+ | genradix_\w+ | xas?_\w+ | ida_\w+ | mas_\w+ | mtree_\w+ | sbitmap_\w+
    | assoc_array_\w+ | interval_tree_\w+ | kfifo_\w+""",
)

# these may call back those who registered something
SERVICES = (
    # maps that are given functions for their keys
    r"""rht_\w+ | rhashtable_\w+ | rhltable_\w+""",
    # references
    r"""refcount_\w+ | rcuref_\w+ | kref_\w+ | kobject_\w+ | kset_\w+ | (?:get|put)_(?:device|pid)
    | put_\w*_struct | percpu_ref_\w+ | lockref_\w+ | (?:drop|inc|clear|set)_nlink | dev_(?:put|hold)\w*
    | netdev_(?:put|hold) | sk_(?:free|destruct)\w* | sock_(?:hold|put) | mntget | fput | fget\w*
    | (?:cleanup|init)_srcu_struct | (?:try_)?module_(?:get|put)""",
    # the driver core, and registrations through it
    r"""device_(?:add|attach|bind|create|del|destroy|driver|find|for_each|initial|link|match|move|pm
    |register|release|remove|rename|unbind|unregister)\w*
    | (?:bus|class|driver)_(?:add|remove|probe|for_each|find|register|unregister|create|destroy|detach
    |attach|bound|deferred|dev_iter)\w*
    | devres_\w+ | devm_action_release | dpm_sysfs_\w+
    | platform_(?:device|driver)_(?:add|del|put|register|unregister)\w* | really_probe | get_device_parent
    | add_uevent_var | dev_set_name | component_(?:add|del|bind_all|unbind_all)
    | sysfs_(?:do_)?(?:remove|create|add|update|merge)_\w+ | internal_create_groups?
    | (?:create|remove)_files | proc_(?:register|create\w*|mkdir\w*|remove) | remove_proc_\w+
    | rollback_registered\w* | (?:un)?register_netdev(?:ice)?(?:_many|_queue)?(?:_notify)?
    | cdev_(?:add|del|device_add|device_del) | tty_(?:port_)?(?:un)?register_device\w*
    | misc_(?:de)?register | i2c_(?:add|del)_\w*adapter | (?:i2c_)?unregister_(?:client|device)""",
    # messages of USB, on their way to the host controller
    r"""usb_(?:\w+_)?(?:urbs?|msg)(?:_\w+)? | usb_(?:free|put)_\w+ | \w+_urb_(?:en|de)queue""",
    # buffers of the network
    r"""skb_(?:push|put|pull|over_panic|under_panic|panic|trim|reserve|put_data)\w* | pskb_may_pull\w*
    | (?:un)?lock_sock\w* | release_sock""",
    # work, timers, threads and callbacks that are put off
    r"""(?:start_)?(?:flush|cancel|queue|mod|disable|enable)_(?:delayed_|rcu_)?work(?:queue)?\w*
    | (?:drain|destroy)_workqueue | (?:schedule|init|insert)_(?:delayed_)?work\w* | delayed_work_\w+
    | (?:try_to|work)_grab_pending | (?:try_to_)?del_timer\w* | timer_(?:delete|shutdown|reduce|init)\w*
    | mod_timer\w* | (?:add|init|detach|internal_add)_\w*timer\w* | lock_timer_base
    | hrtimer_(?:start|cancel|init|setup|forward|try_to_cancel)\w* | call_s?rcu\w* | tasklet_\w+
    | task_work_add | irq_work_queue\w* | kthread_(?:stop|park|flush|queue|cancel|mod|destroy)\w*""",
)

# what waits for its turn by itself, and calls nothing but parts of its own
LOCKS = (
    # locks
    r"""(?:do_)?raw_(?:spin|read|write)_\w+ | (?:native_)?queued_\w+ | pv_\w+ | \w*spin_(?:un|try)?lock\w*
    | arch_spin_\w+ | ticket_\w+ | call_rwsem_\w+ | rwsem_\w+ | downgrade_write | (?:ww_)?mutex_\w+
    | (?:down|up)(?:_\w+)? | osq_\w+ | owner_on_cpu | raw_callee_save_\w+
    | rt_(?:mutex|spin|read|write)_?\w* | (?<=__)rt_\w+ | rtlock_\w+ | task_blocks_on_\w+
    | percpu_(?:down|up|rwsem)_\w+ | (?:\w+_)?(?:read|write)_(?:un|try)?lock(?:ed)?(?:_bh|_irq\w*|_nested)?
    | (?:read|write)_seq\w+ | s?rcu_read_\w+ | rcu_lock_\w+ | rcu_is_watching | rcu_dynticks_\w+
    | local_lock\w* | bit_spin_\w+ | get_user_pages\w*_lock | (?<=__)bh_\w+ | local_bh_\w+
    | rcu_note_context_switch | arch_local_\w+""",
)

# where one waits for others, or for its turn
WAITING = (
    # the scheduler
    r"""(?:io_|preempt_)?schedule(?:_(?:common|hrtimeout|idle|irq|notrace|preempt|tail|timeout|user)\w*)?
    | context_switch | switch_to\w* | cond_resched\w* | dequeue_(?:task|entity)\w* | (?:do_)?preempt_\w+
    | finish_task_switch | (?:try_to_)?wake_up\w* | ttwu_\w+ | (?:default|autoremove|woken)_wake_function
    | select_task_rq\w* | freezer_\w+ | refrigerator | ret_\w*preempt\w* | [mu]sleep(?:_\w+)?
    | (?:loop_|const_)?[mnu]?delay | delay_(?:tsc|loop|halt)\w* | (?:do|hrtimer)_nanosleep""",
    # completions, wait queues, bits and pages waited for
    r"""(?:do_)?wait_(?:for_(?:completion|common)|on_(?:page|bit|buffer|atomic|var))\w* | do_wait_intr\w*
    | bit_wait\w* | out_of_line_wait_\w+ | wait_rcu_\w+ | wait_event\w* | wait_woken | finish_s?wait
    | prepare_to_s?wait\w* | complete(?:_all)? | swake_\w+ | folio_(?:wait|lock)\w*
    | lock_(?:page\w*|buffer|folio\w*) | do_read_cache_\w+ | rcu_barrier\w* | rcuwait_\w+ | rwbase_\w+
    | futex_wait_queue\w*""",
    # where stacks begin
    r"""kthread | worker_thread | process_one_work | process_scheduled_works | do_syscall_\w+
    | x64_sys_call | invoke_syscall | start_secondary | secondary_startup\w* | cpu_startup_entry | do_idle
    | rest_init | smpboot_thread_fn | kernel_init\w* | do_fast_syscall_32 | task_work_run | irq_usr""",
)

# hands out memory in somebody else's name: whom neither a leak nor a bad page belongs to
ALLOCATES = (
    r"""sk_(?:prot_)?alloc\w* | sk_clone\w* | (?:dev_|netdev_|napi_)?(?:build|alloc)_skb\w* | dev_alloc_\w+
    | skb_(?:clone|copy)\w* | pskb_copy\w* | sock_[kw]?malloc | sget_userns | list_lru_init
    | sock_alloc_send_\w+ | sock_alloc_inode | alloc_inode | new_inode\w* | proc_create
    | alloc_(?:netdev|workqueue|etherdev|disk)\w* | alloc_skb_\w+ | \w*_node_alloc | idr_get_\w+
    | nf_ct_\w+alloc\w* | genlmsg_new | nlmsg_new | bio_alloc\w* | alloc_empty_file\w* | d_alloc\w*
    | getname\w* | acpi_os_\w*alloc\w* | acpi_ut_\w*(?:alloc|create)\w* | usb_alloc_(?!dev)\w+
    | crypto_alloc_\w+ | ptr_ring_init | kobj_map | security_\w*alloc\w* | lsm_\w*alloc\w*
    | bucket_\w*alloc\w* | sg_(?:alloc|kmalloc)\w* | filemap_get_(?:create_)?folio\w* | pagecache_get_page
    | find_or_create_page | grab_cache_page\w* | page_pool_\w*alloc\w*""",
)
