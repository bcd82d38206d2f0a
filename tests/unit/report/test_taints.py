"""A taint counts unless the log has a report of what sets it."""

from __future__ import annotations

import pytest

from rustbed.log.splat import Kind, Splat
from rustbed.log.taints import new_taints
from rustbed.report.taints import EXPLAINS, find_unexplained


def splat(kind: Kind, *, title: str = "machine check", fatal: bool = False) -> Splat:
    return Splat(kind=kind, title=title, function="", fatal=fatal, first=0, last=1)


def unexplained(taint: str, *splats: Splat) -> list[str]:
    return [found.title for found in find_unexplained([taint], splats)]


def test_every_taint_of_a_failure_has_a_row() -> None:
    assert set(EXPLAINS) == set(new_taints(0, (1 << 32) - 1))


@pytest.mark.parametrize("taint", EXPLAINS)
def test_taint_without_a_report_counts(taint: str) -> None:
    assert unexplained(taint) == [f"new taint: {taint}"]


@pytest.mark.parametrize(
    ("taint", "kind"), [(taint, kind) for taint in EXPLAINS for kind in sorted(EXPLAINS[taint])]
)
def test_taint_is_explained_by_a_report_of_what_sets_it(taint: str, kind: Kind) -> None:
    assert unexplained(taint, splat(kind)) == []


# what a declared report used to hide
@pytest.mark.parametrize(
    ("taint", "kind"),
    [
        ("machine check", Kind.WARNING),
        ("bad page", Kind.WARNING),
        ("died", Kind.WARNING),
        ("warned", Kind.HUNG_TASK),
        ("soft lockup", Kind.WARNING),
    ],
)
def test_taint_is_not_explained_by_a_report_of_something_else(taint: str, kind: Kind) -> None:
    assert unexplained(taint, splat(kind)) == [f"new taint: {taint}"]


@pytest.mark.parametrize("taint", EXPLAINS)
def test_each_taint_has_kinds_that_do_not_explain_it(taint: str) -> None:
    others = [splat(kind) for kind in Kind if kind not in EXPLAINS[taint]]
    assert unexplained(taint, *others) == [f"new taint: {taint}"]


def test_any_fatal_report_explains_that_the_kernel_died() -> None:
    assert unexplained("died", splat(Kind.KASAN, fatal=True)) == []


@pytest.mark.parametrize(
    ("title", "explained"),
    [
        ("Internal error: synchronous external abort in toy_read", True),
        ("kernel panic: Asynchronous SError Interrupt in toy_go", True),
        ("BUG: unable to handle kernel NULL pointer dereference in toy_read", False),
        ("general protection fault in toy_read", False),
    ],
)
def test_an_oops_explains_a_machine_check_only_if_the_hardware_was_at_fault(
    title: str, explained: bool
) -> None:
    assert unexplained("machine check", splat(Kind.OOPS, title=title)) == (
        [] if explained else ["new taint: machine check"]
    )
