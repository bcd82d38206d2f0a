"""The table of drivers: what its cells say, and that the one of the documentation is whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from rustbed.arch import ARCHES
from rustbed.kernel.rustdrivers import RustDriver
from rustbed.report.coverage import CoveredFile
from rustbed.report.driverpage import Page, parse_page
from rustbed.report.drivertable import (
    Evidence,
    Row,
    find_built,
    find_needed,
    find_suites,
    make_rows,
    render_drivers,
)
from rustbed.report.result import Result
from rustbed.report.verdict import Outcome

PAGE = Path(__file__).parent.parent.parent.parent / "docs/drivers.md"
TOY = RustDriver(name="toy", option="SAMPLE_TOY", source="samples/rust/toy.rs")
OTHER = RustDriver(name="other", option="SAMPLE_OTHER", source="samples/rust/other.rs")
NOVA = RustDriver(name="nova_core", option="NOVA", source="drivers/gpu/nova-core/core.rs")


def result(outcome: Outcome, arch: str = "arm64", message: str = "", **properties: str) -> Result:
    return Result(classname="t", name="n", outcome=outcome, arch=arch, message=message, properties=properties)


def table(text: str, of: str = "driver") -> dict[str, list[str]]:
    """Return the cells of a page's table of drivers, by driver, or of suites; the first row is called so."""
    start = text.find(f"| {of} |")
    lines = text[start:].partition("\n\n")[0].splitlines() if start >= 0 else []
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): row[1:] for row in rows if row[0] == of or row[0].startswith("`")}


def cells(results: Sequence[Result], evidence: Evidence | None = None) -> dict[str, list[str]]:
    rows = make_rows([TOY, OTHER, NOVA], results, evidence or Evidence())
    return table(render_drivers(rows, ["x86_64", "arm64"], ["7.3.4-rc1", ""], is_tree=True))


def test_outcomes_are_counted_by_architecture() -> None:
    passed, bug = result(Outcome.PASS, needs="toy other"), result(Outcome.XFAIL, needs="CONFIG_SAMPLE_TOY")
    assert cells([passed, passed, bug]) == {
        "driver": ["x86_64", "arm64", "life", "lines", "mutants"],
        "toy": ["not run", "2 passed, 1 xfail", "", "", ""],
        "other": ["not run", "2 passed", "", "", ""],
        "nova_core": ["no test", "no test", "", "", ""],
    }


@pytest.mark.parametrize("outcome", [Outcome.CRASH, Outcome.HANG, Outcome.LOST, Outcome.FAIL, Outcome.ERROR])
def test_a_driver_that_turns_red_shows_red(outcome: Outcome) -> None:
    results = [result(Outcome.PASS, needs="toy"), result(outcome, message="it <broke>", needs="toy")]
    assert cells(results)["toy"][1] == f"**1 {outcome}**, 1 passed"
    rows = make_rows([TOY, OTHER], results, Evidence())
    assert [row.is_red for row in rows] == [True, False]
    assert f"- `toy`, {outcome} on arm64: it &lt;broke>" in render_drivers(rows, ["arm64"], [], is_tree=True)


def test_steps_of_a_life_are_counted_by_themselves() -> None:
    step = result(Outcome.PASS, needs="toy", life="toy")
    skipped = result(Outcome.SKIP, message="it has no parameters", life="toy")
    assert cells([step, step, skipped])["toy"] == ["not run", "not run", "2 passed, 1 skipped", "", ""]


def test_lines_and_mutants_stand_beside_the_tests() -> None:
    covered = [
        CoveredFile(
            name="", path=Path(path), lines=dict.fromkeys(range(lines), 0) | dict.fromkeys(range(ran), 1)
        )
        for path, ran, lines in [
            ("/cache/linux/samples/rust/toy.rs", 1, 3),
            ("/cache/linux/samples/rust/other.rs", 1, 1),
            ("/cache/linux/drivers/gpu/nova-core/core.rs", 2, 4),
            ("/cache/linux/drivers/gpu/nova-core/gsp/boot.rs", 4, 4),
            ("/cache/linux/drivers/gpu/nova-core/c.c", 0, 4),
        ]
    ]
    found = cells([], Evidence(covered=covered, mutants={"toy.rs": (8, 12)}))
    assert {name: row[-2:] for name, row in found.items()} == {
        "driver": ["lines", "mutants"],
        "toy": ["33 %", "8 of 12"],
        "other": ["100 %", ""],
        "nova_core": ["75 %", ""],
    }


def test_each_reason_is_given_once_and_what_an_untried_driver_needs() -> None:
    skips = [result(Outcome.SKIP, arch, "kernel has no toy", needs="toy") for arch in ("x86_64", "arm64")]
    rows = make_rows([TOY], skips, Evidence(depends={"SAMPLE_TOY": ("PCI", "A || B")}))
    assert render_drivers(rows, ["arm64"], [], is_tree=True).partition("## Why\n\n")[2].splitlines() == [
        "- `toy`, skipped on arm64, x86_64: kernel has no toy",
        "- `toy` was not tried: CONFIG_SAMPLE_TOY depends on `PCI`, `A || B`",
    ]


def test_reasons_do_not_stand_in_the_order_of_the_results() -> None:
    results = [
        result(Outcome.SKIP, arch=arch, message=reason, needs="toy")
        for arch, reason in (
            ("s390x", "no PCI"),
            ("arm64", "no tree"),
            ("arm64", "no PCI"),
            ("arm64", "no ACPI"),
        )
    ]
    pages = {
        render_drivers(make_rows([TOY], order, Evidence()), ["arm64", "s390x"], [], is_tree=True)
        for order in (results, results[::-1])
    }
    assert [page.partition("## Why\n\n")[2].splitlines()[:3] for page in pages] == [
        [
            "- `toy`, skipped on arm64: no ACPI",
            "- `toy`, skipped on arm64: no tree",
            "- `toy`, skipped on arm64, s390x: no PCI",
        ]
    ]


def test_a_driver_that_tests_had_built_has_their_results_on_every_architecture() -> None:
    built = Result(
        classname="t", name="a", outcome=Outcome.PASS, arch="x86_64", properties={"built": "mine h"}
    )
    unbuilt = Result(
        classname="t", name="a", outcome=Outcome.ERROR, arch="arm64", message="it does not build"
    )
    step = Result(classname="t", name="life[load]", outcome=Outcome.PASS, arch="arm64",
                  properties={"built": "mine", "life": "driver"})  # fmt: skip
    other = Result(classname="u", name="a", outcome=Outcome.FAIL, arch="arm64")
    covered = [CoveredFile(name="", path=Path("/home/me/p/driver", name), lines={1: 1, 2: ran})
               for name, ran in (("mine.rs", 1), ("regs.rs", 0))]  # fmt: skip
    results = [built, unbuilt, step, other]
    drivers = find_built(results, covered)
    assert drivers == (
        RustDriver(name="h", option="", source="h.rs"),
        RustDriver(name="mine", option="", source="home/me/p/driver/mine.rs"),
    )
    rows = make_rows(drivers, results, Evidence(covered=covered))
    page = render_drivers(rows, ["x86_64", "arm64"], ["7.3.4"], is_tree=False)
    assert table(page) == {
        "driver": ["x86_64", "arm64", "life", "lines", "mutants"],
        "h": ["1 passed", "**1 error**", "", "", ""],
        "mine": ["1 passed", "**1 error**", "1 passed", "75 %", ""],
    }
    assert page.splitlines()[-2:] == [
        f"- `{name}`, error on arm64: it does not build" for name in ("h", "mine")
    ]


def test_of_a_tree_those_are_found_that_tests_need_or_a_life_is_of() -> None:
    needed, life = (
        result(Outcome.PASS, needs="toy PCI"),
        result(Outcome.PASS, needs="other", life="nova-core"),
    )
    assert find_needed([TOY, OTHER, NOVA], [needed, life]) == (TOY, NOVA)
    assert "## Why" not in render_drivers(
        make_rows([TOY], [needed], Evidence()), ["arm64"], [], is_tree=False
    )


def kunit(name: str, arch: str, outcome: Outcome = Outcome.PASS) -> Result:
    return Result(
        classname="rust_kvec", name=name, outcome=outcome, arch=arch, properties={"kunit": "rust_kvec"}
    )


def test_suites_of_kunit_are_counted_by_architecture() -> None:
    results = [
        kunit("a", "arm64"),
        kunit("b", "arm64"),
        kunit("c", "arm64", Outcome.FAIL),
        result(Outcome.PASS),
    ]
    rows = make_rows([TOY], results, Evidence())
    text = render_drivers(rows, ["x86_64", "arm64"], [], is_tree=True, suites=find_suites(results))
    lines = text.splitlines()
    assert lines[lines.index("## The kernel's own tests") :] == [
        "## The kernel's own tests",
        "",
        "| suite | x86_64 | arm64 |",
        "| --- | --- | --- |",
        "| `rust_kvec` | not run | **1 fail**, 2 passed |",
        "",
        "## Why",
        "",
        "- `toy` was not tried: CONFIG_SAMPLE_TOY depends on nothing that is unusual",
    ]


def test_an_earlier_page_counts_where_there_are_no_results() -> None:
    arches = ["x86_64", "arm64"]
    old = [
        result(Outcome.PASS, "x86_64", needs="toy"),
        result(Outcome.SKIP, "arm64", "no PCI < 3 | more", needs="toy"),
        result(Outcome.SKIP, "arm64", "no parameters", needs="toy", life="toy"),
        kunit("a", "x86_64"),
    ]
    evidence = Evidence(mutants={"toy.rs": (3, 4)})
    before = render_drivers(
        make_rows([TOY, OTHER], old, evidence), arches, ["7.3.4"], is_tree=True, suites=find_suites(old)
    )
    again = render_drivers(
        make_rows([TOY, OTHER], [], Evidence()), arches, [], is_tree=True, earlier=parse_page(before)
    )
    assert again == before
    new = [result(Outcome.XFAIL, "x86_64", "no PCI < 3 | more", needs="toy"), kunit("a", "arm64")]
    rows = make_rows([TOY], new, Evidence())
    page = render_drivers(
        rows, arches, ["7.4"], is_tree=True, suites=find_suites(new), earlier=parse_page(before)
    )
    assert "on Linux 7.3.4, 7.4." in page
    assert table(page)["toy"] == ["1 xfail", "1 skipped", "1 skipped", "", "3 of 4"]
    assert "| `rust_kvec` | 1 passed | 1 passed |" in page
    assert page.partition("## Why\n\n")[2].splitlines() == [
        "- `toy`, life skipped on arm64: no parameters",
        "- `toy`, skipped on arm64: no PCI &lt; 3 \\| more",
        "- `toy`, xfail on x86_64: no PCI &lt; 3 \\| more",
    ]


def test_what_was_skipped_does_not_replace_what_ran_before() -> None:
    before = [result(Outcome.PASS, needs="toy"), result(Outcome.SKIP, message="no PCI", needs="other")]
    page = render_drivers(make_rows([TOY, OTHER], before, Evidence()), ["arm64"], [], is_tree=True)
    again = [result(Outcome.SKIP, message="kernel has none", needs=name) for name in ("toy", "other")]
    rows = make_rows([TOY, OTHER], again, Evidence())
    text = render_drivers(rows, ["arm64"], [], is_tree=True, earlier=parse_page(page))
    assert [table(text)[name][0] for name in ("toy", "other")] == ["1 passed", "1 skipped"]
    assert text.partition("## Why\n\n")[2].splitlines()[0] == "- `other`, skipped on arm64: kernel has none"


def test_a_page_of_the_documentation_is_read_as_it_was_written() -> None:
    page = parse_page(PAGE.read_text())
    assert page.releases == ("7.3.4",)
    assert page.cells["rust_dma"]["loongarch64"] == "3 passed, 5 skipped"
    assert {note.word for note in page.notes["rust_dma"]} <= {"skipped", "life skipped"}
    assert parse_page("| word | |\n| --- | --- |\n| xfail | fails |\n") == Page()


def wrong(text: str) -> list[str]:
    """Return what is wrong with a page that is to be published."""
    rows, suites = table(text), table(text, "suite")
    found = []
    for each, of, head in (
        (rows, "driver", [*ARCHES, "life", "lines", "mutants"]),
        (suites, "suite", [*ARCHES]),
    ):
        had = each.pop(of, head if each is suites else [])
        found += [f"{name}: {len(row)} cells" for name, row in each.items() if len(row) != len(had)]
        if had != head:
            found.append(f"columns: {had}")
        if any("**" in cell for row in each.values() for cell in row):
            found.append(f"a {of} is red")
    # each driver that has no green test is explained
    untried = {name for name, row in rows.items() if not re.search("passed|xfail", " ".join(row))}
    explained = set(re.findall(r"^- `(\w+)` was not tried: CONFIG_\w+ depends on `", text, re.M))
    return found + [f"{name}: unexplained" for name in sorted(untried ^ explained)]


def test_the_page_of_the_documentation_is_whole() -> None:
    text = PAGE.read_text()
    assert wrong(text) == []
    # the samples that a driver author reads first, and what the tree has besides
    assert {"rust_minimal", "rust_driver_pci", "rnull_mod", "rust_binder", "nova_core", "tyr"} <= set(
        table(text)
    )
    assert "rust_allocator" in table(text, "suite")


def test_a_page_that_is_not_whole_is_seen() -> None:
    head = ["x86_64"]
    rows = (Row(driver=TOY, tests=(result(Outcome.FAIL, "x86_64"),)), Row(driver=OTHER, depends=()))
    text = render_drivers(rows, head, [], is_tree=True).replace("| no test |", "|")
    assert wrong(text) == [
        "other: 3 cells",
        "columns: ['x86_64', 'life', 'lines', 'mutants']",
        "a driver is red",
        "other: unexplained",
        "toy: unexplained",
    ]
