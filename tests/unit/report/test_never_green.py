"""Pairs of results in which something broke: the gate is never green by accident.

Each form has one name for two tests. It is written as a producer of JUnit might write it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from rustbed.errors import UsageError
from rustbed.report.gate import Comparison, compare
from rustbed.report.results import load_results

PASS, FAIL, SKIP = "", '<failure message="torn page"/>', '<skipped message="no device"/>'
ERROR = '<error message="qemu is gone"/>'
Files = dict[str, str]


def case(end: str, name: str = "remount", classname: str = "fs.toy", inside: str = "") -> str:
    return f'<testcase classname="{classname}" name="{name}">{inside}{end}</testcase>'


def suite(*cases: str, name: str = "suite", attributes: str = "", **properties: str) -> str:
    given = "".join(f'<property name="{key}" value="{value}"/>' for key, value in properties.items())
    head = f"<properties>{given}</properties>" if given else ""
    return f'<testsuite name="{name}" {attributes}>{head}{"".join(cases)}</testsuite>'


def suites(*inner: str, name: str = "all") -> str:
    return f'<testsuites name="{name}">{"".join(inner)}</testsuites>'


def gate(tmp_path: Path, old: Files, new: Files) -> Comparison:
    for side, files in (("old", old), ("new", new)):
        (tmp_path / side).mkdir()
        for name, text in files.items():
            path = tmp_path / side / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    loaded = (load_results([tmp_path / side]) for side in ("old", "new"))
    return compare(*loaded, today=date(2026, 11, 30))


# how the two tests ended to files of results
Form = Callable[[str, str], Files]
FORMS: dict[str, Form] = {
    "sanitizer in a property": lambda a, b: {
        "1.xml": suite(case(a), sanitizer="kasan"),
        "2.xml": suite(case(b), sanitizer="none"),
    },
    "property of a test": lambda a, b: {
        "r.xml": suite(
            *(
                case(end, inside=f'<properties><property name="mount" value="{mount}"/></properties>')
                for end, mount in ((a, "ro"), (b, "rw"))
            )
        )
    },
    "compiler's directory": lambda a, b: {"gcc-14/r.xml": suite(case(a)), "llvm-19/r.xml": suite(case(b))},
    "directory in the middle": lambda a, b: {
        "out/debug/junit/r.xml": suite(case(a)),
        "out/release/junit/r.xml": suite(case(b)),
    },
    "host of a suite": lambda a, b: {
        "1.xml": suite(case(a), attributes='hostname="board-rpi4"'),
        "2.xml": suite(case(b), attributes='hostname="board-imx8"'),
    },
    "package of a suite": lambda a, b: {
        "r.xml": suites(
            suite(case(a), attributes='package="ext4"'), suite(case(b), attributes='package="btrfs"')
        )
    },
    "name of all suites": lambda a, b: {
        "1.xml": suites(suite(case(a)), name="boot-preempt"),
        "2.xml": suites(suite(case(b)), name="boot-voluntary"),
    },
    "suite in a suite": lambda a, b: {
        "r.xml": suites(
            suite(suite(case(a), name="inner"), name="nvme"), suite(suite(case(b), name="inner"), name="scsi")
        )
    },
    "case of a letter": lambda a, b: {"r.xml": suite(case(a, "write[1M]"), case(b, "write[1m]"))},
    "blank at the end": lambda a, b: {"r.xml": suite(case(a, "write"), case(b, "write "))},
    "class that differs": lambda a, b: {
        "r.xml": suite(case(a, classname="toy.A"), case(b, classname="toy.B"))
    },
    "order only": lambda a, b: {"r.xml": suite(case(a), case(b))},
    "order of suites only": lambda a, b: {"r.xml": suites(suite(case(a)), suite(case(b)))},
    "numbers of jobs": lambda a, b: {"job-31.xml": suite(case(a)), "job-32.xml": suite(case(b))},
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((FAIL, PASS), (PASS, FAIL)),
        ((FAIL, PASS), (FAIL, FAIL)),
        ((PASS, FAIL), (PASS, SKIP)),
        ((PASS, PASS), (SKIP, PASS)),
        ((FAIL, PASS), (PASS, ERROR)),
    ],
    ids=["swapped", "both now", "skipped", "one skipped", "error"],
)
def test_one_of_two_namesakes_that_broke_is_seen(
    form: Form, old: tuple[str, str], new: tuple[str, str], tmp_path: Path
) -> None:
    assert gate(tmp_path, form(*old), form(*new)).status in (1, 2)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_namesakes_that_all_pass_are_green(form: Form, tmp_path: Path) -> None:
    assert gate(tmp_path, form(FAIL, PASS), form(PASS, PASS)).status == 0


# names that changed between the runs: files as they were called before, and as they are called now
RENAMED: dict[str, tuple[Form, Form]] = {
    "runs have dates": (
        lambda a, b: {"2026-11-29/4k/r.xml": suite(case(a)), "2026-11-29/1k/r.xml": suite(case(b))},
        lambda a, b: {"2026-11-30/4k/r.xml": suite(case(a)), "2026-11-30/1k/r.xml": suite(case(b))},
    ),
    "architectures have two names": (
        lambda a, b: {"r-ppc64le.xml": suite(case(a)), "r-x86_64.xml": suite(case(b))},
        lambda a, b: {"r-powerpc64le.xml": suite(case(a)), "r-amd64.xml": suite(case(b))},
    ),
    "files are called otherwise": (
        lambda a, b: {"a.xml": suite(case(a)), "b.xml": suite(case(b))},
        lambda a, b: {"left.xml": suite(case(a)), "right.xml": suite(case(b))},
    ),
    "files became suites": (
        lambda a, b: {"usb.xml": suite(case(a)), "pci.xml": suite(case(b))},
        lambda a, b: {"r.xml": suites(suite(case(a), name="usb"), suite(case(b), name="pci"))},
    ),
}


@pytest.mark.parametrize(("before", "after"), RENAMED.values(), ids=RENAMED)
def test_namesakes_that_were_called_otherwise_are_not_mixed_up(
    before: Form, after: Form, tmp_path: Path
) -> None:
    assert gate(tmp_path, before(FAIL, PASS), after(PASS, FAIL)).status in (1, 2)


WHOLE = suite(case(PASS), case(PASS, "umount"))


@pytest.mark.parametrize(
    ("new", "status"),
    [
        ({"r.xml": WHOLE}, 0),
        ({"r.xml": suite(case(PASS))}, 2),
        ({"r.xml": suite(case(ERROR), case(PASS, "umount"))}, 1),
        ({"r.xml": suite(case(FAIL), case(PASS), case(PASS, "umount"))}, 1),
        ({"r.xml": suite(attributes='tests="0" errors="1"')}, 1),
        ({"r.xml": suite(case(PASS), case(PASS, "umount"), attributes='tests="2" failures="1"')}, 1),
        ({"r.xml": WHOLE, "2.xml": suite(case(FAIL))}, 1),
    ],
    ids=["whole", "vanished", "error", "tried twice", "no test", "failures counted", "another file"],
)
def test_results_that_lost_something_are_not_green(new: Files, status: int, tmp_path: Path) -> None:
    assert gate(tmp_path, {"r.xml": WHOLE}, new).status == status


@pytest.mark.parametrize("new", [{}, {"r.xml": ""}, {"r.xml": WHOLE[:-9]}, {"r.xml": WHOLE, "2.xml": "<"}])
def test_results_that_are_not_whole_are_refused(new: Files, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        gate(tmp_path, {"r.xml": WHOLE}, new)
