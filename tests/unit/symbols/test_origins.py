"""Functions and their files, from what llvm-dwarfdump prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.log.families.places import read_table
from rustbed.symbols.origins import main, parse_table, read_functions, read_tags, render, select


def entry(name: str, path: str, *, external: bool = False) -> list[str]:
    lines = [
        "0x00000029:   DW_TAG_subprogram",
        f'    DW_AT_name\t("{name}")',
        f'    DW_AT_decl_file\t("{path}")',
    ]
    return [*lines, *(["    DW_AT_external\t(true)"] if external else []), "", "0x00000030:     NULL"]


def test_definition_counts_more_than_a_declaration_or_a_static_of_its_name() -> None:
    dump = [
        *entry("toy_sort", "/src/lib/toy.c", external=True),
        *entry("toy_sort", "/src/include/linux/toy.h", external=True),
        *entry("toy_sort", "/src/drivers/toy/a.c"),
    ]
    assert read_functions(dump) == {"toy_sort": {"lib/toy.c"}}


def test_checks_of_a_build_are_no_functions() -> None:
    dump = [
        *entry("__compiletime_assert_17", "/src/lib/toy.c", external=True),
        *entry("toy_sort", "lib/toy.c"),
    ]
    assert read_functions(dump) == {"toy_sort": {"lib/toy.c"}}
    assert parse_table("lib/toy.c\n __compiletime_assert_17 toy_sort\n") == {"toy_sort": {"lib/toy.c"}}


def test_table_has_what_all_kernels_agree_on() -> None:
    one = {"toy_sort": {"lib/toy.c"}, "toy_probe": {"drivers/toy.c"}, "toy_put": {"lib/toy.c"}}
    other = {"toy_sort": {"lib/toys/sort.c"}, "toy_put": {"drivers/toy.c"}}
    chosen = select([one, other])
    assert chosen == {"toy_sort": "lib/toy.c"}
    assert set(read_table(render(chosen, ["two kernels"]))) == {"toy_sort"}


def test_function_that_moved_has_the_file_that_does_what_both_do() -> None:
    chosen = select(
        [{"toy_sleep": {"kernel/time/timer.c"}}, {"toy_sleep": {"kernel/time/sleep_timeout.c"}}],
        [
            {
                "toy_die": {"arch/arm/kernel/traps.c", "kernel/panic.c"},
                "toy_put": {"lib/toy.c", "kernel/panic.c"},
            }
        ],
    )
    assert chosen == {"toy_sleep": "kernel/time/sleep_timeout.c", "toy_die": "kernel/panic.c"}


def test_table_that_was_made_before_is_read_back() -> None:
    chosen = {"toy_sort": "lib/toy.c", "toy_swap": "lib/toy.c", "toy_hash": "crypto/toy.c"}
    assert parse_table(render(chosen, ["a kernel"])) == {name: {path} for name, path in chosen.items()}


def test_tables_are_put_together_as_kernels_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables = [
        render({"toy_sort": "lib/toy.c", "toy_put": "lib/toy.c"}, ["one kernel"]),
        # elsewhere one of them is a lock's, so that its name alone does not tell what it does
        render({"toy_hash": "crypto/toy.c", "toy_put": "kernel/locking/toy.c"}, ["another", "a third"]),
    ]
    paths = [tmp_path / "one.txt", tmp_path / "other.txt"]
    for path, table in zip(paths, tables, strict=True):
        path.write_text(table)
    assert main([str(path) for path in paths]) == 0
    made = capsys.readouterr().out
    assert parse_table(made) == {"toy_hash": {"crypto/toy.c"}, "toy_sort": {"lib/toy.c"}}
    assert made.splitlines()[1:4] == ["# from one kernel", "# from another", "# from a third"]


def test_source_tells_of_functions_and_what_is_static_or_beside_the_kernel_counts_less() -> None:
    tags = [
        'toy_sort\tlib/toy.c\t/^/;"\tf',
        'toy_sort\tdrivers/toy/a.c\t/^/;"\tf\tfile:',
        'toy_sort\ttools/lib/toy.c\t/^/;"\tf',
        'toy_put\tdrivers/toy/a.c\t/^/;"\tf\tfile:',
    ]
    assert read_tags(tags) == {"toy_sort": {"lib/toy.c"}, "toy_put": {"drivers/toy/a.c"}}


def test_source_adds_only_what_no_kernel_as_built_has() -> None:
    built = {"toy_sort": {"drivers/toy.c"}}
    trees = [{"toy_sort": {"lib/toy.c"}, "toy_hash": {f"arch/toy{number}/lib/hash.c" for number in range(9)}}]
    assert select([built], trees) == {"toy_hash": "arch/toy0/lib/hash.c"}


def test_function_that_stays_blamed_is_kept_where_it_hands_out_memory() -> None:
    built = {"__alloc_skb": {"net/core/skbuff.c"}, "clear_page": {"arch/x86/lib/page.S"}}
    assert select([built]) == {"__alloc_skb": "net/core/skbuff.c"}
