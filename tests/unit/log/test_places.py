"""Blame by where code lives: a function of a file that serves others is not at fault."""

from __future__ import annotations

import pytest

from rustbed.log.families.places import find_roles, read_table, roles_of
from rustbed.log.record import parse_console
from rustbed.log.splat import find_splats

SERVICES = ["sha256_update", "lockdep_init_map_type", "device_links_flush_sync_list"]
_OOPS = """\
BUG: unable to handle page fault for address: ffffc90000000000
Oops: 0000 [#1] SMP
RIP: 0010:{inner}+0x1/0x20
Call Trace:
 {outer}+0x1/0x20
 vfs_write+0x4e/0xe0
"""


@pytest.mark.parametrize("service", SERVICES)
def test_function_of_a_serving_file_is_not_blamed(service: str) -> None:
    (found,) = find_splats(parse_console(_OOPS.format(inner=service, outer="toy_store")))
    assert found.function == "toy_store"


def test_function_that_a_dispatcher_entered_serves_nobody_that_shows() -> None:
    text = _OOPS.format(inner="process_srcu", outer="process_one_work")
    assert find_splats(parse_console(text))[0].function == "process_srcu"


def test_function_of_a_file_that_stands_for_itself_has_no_role() -> None:
    assert not roles_of("ext4_fill_super")
    assert not find_roles("drivers/net/toy.c")
    assert find_roles("lib/toy.c") == {"services"}
    for test in ("lib/test_toy.c", "lib/tests/toy.c", "mm/kfence/kfence_test.c", "lib/toy_kunit.c"):
        assert not find_roles(test)


def test_table_is_files_and_their_functions() -> None:
    table = read_table("# of a kernel\nlib/toy.c\n toy_sort toy_find\n toy_add\ndrivers/toy.c\n toy_probe\n")
    assert set(table) == {"toy_sort", "toy_find", "toy_add", "toy_probe"}
    assert table["toy_add"] == {"services"}
    assert not table["toy_probe"]


_LEAK = """\
BUG: memory leak
unreferenced object 0xffff888104a8d000 (size 2048):
  comm "toy", pid 301, jiffies 4294944325 (age 9.130s)
  backtrace:
    kmem_cache_alloc_node+0x1/0x20
    __alloc_skb+0x1/0x20
    toy_send+0x1/0x20
"""


def test_leaked_buffer_is_its_requesters() -> None:
    assert find_splats(parse_console(_LEAK))[0].function == "toy_send"
    oops = _OOPS.format(inner="__alloc_skb", outer="toy_send")
    assert find_splats(parse_console(oops))[0].function == "__alloc_skb"


def test_helper_beside_its_dispatcher_is_a_part_of_it() -> None:
    text = _OOPS.format(inner="lock_timer_base", outer="__mod_timer\n toy_arm".replace("\n", "+0x1/0x20\n"))
    assert find_splats(parse_console(text))[0].function == "toy_arm"


_HUNG = """\
INFO: task toy:31 blocked for more than 120 seconds.
      Not tainted 7.3.4 #1
task:toy             state:D stack:0     pid:31    tgid:31    ppid:1      flags:0x00004000
Call Trace:
 toy_label_start+0x1/0x20 (unreliable)
 __switch_to+0x1/0x20
 __schedule+0x1/0x20
 schedule+0x1/0x20
 toy_drain+0x1/0x20
 toy_release+0x1/0x20
"""


def test_task_that_sleeps_is_blamed_for_what_stands_behind_the_scheduler() -> None:
    assert find_splats(parse_console(_HUNG))[0].function == "toy_drain"


def test_stack_is_full_of_the_function_that_calls_itself() -> None:
    stack = ["toy_leaf", *["toy_set"] * 9, "toy_entry", "__sys_setsockopt", "do_syscall_64"]
    lines = [
        "BUG: TASK stack guard page was hit at ffffc90000e1bff8 (stack is ffffc90000e1c000..)",
        "Call Trace:",
        *(f" {name}+0x1/0x20" for name in stack),
    ]
    text = "\n".join(f"[    1.{number:06d}] {line}" for number, line in enumerate(lines))
    assert find_splats(parse_console(text))[0].function == "toy_set"
