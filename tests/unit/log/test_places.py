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
    assert not find_roles("lib/test_toy.c")


def test_table_is_files_and_their_functions() -> None:
    table = read_table("# of a kernel\nlib/toy.c\n toy_sort toy_find\n toy_add\ndrivers/toy.c\n toy_probe\n")
    assert set(table) == {"toy_sort", "toy_find", "toy_add", "toy_probe"}
    assert table["toy_add"] == {"services"}
    assert not table["toy_probe"]
