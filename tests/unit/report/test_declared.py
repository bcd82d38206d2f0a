"""What may differ between architectures is declared in a file, with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.errors import SpecError
from rustbed.report.declared import Declared, load_declared
from rustbed.report.difference import Ran

SUITE = Path(__file__).parents[2] / "drivers" / "differences.yaml"


def ran(arch: str, *records: str, test: str = "test_toy.py::test_up") -> Ran:
    return Ran(test=test, arch=arch, parts={"records": records})


def load(tmp_path: Path, text: str) -> tuple[Declared, ...]:
    file = tmp_path / "differences.yaml"
    file.write_text(text)
    return load_declared(file)


ENTRY = "differences:\n  - reason: its word size\n    lines: '^toy: size'\n"


def test_an_entry_is_about_all_tests_and_architectures_unless_it_names_some(tmp_path: Path) -> None:
    (entry,) = load(tmp_path, ENTRY)
    assert entry.is_about(ran("arm"), ran("s390x"))
    (entry,) = load(tmp_path, f"{ENTRY}    arch: [arm, riscv64]\n    test: test_up\n")
    assert entry.is_about(ran("arm"), ran("s390x"))
    assert entry.is_about(ran("s390x"), ran("arm"))
    assert not entry.is_about(ran("arm64"), ran("s390x"))
    assert not entry.is_about(ran("arm", test="test_down"), ran("s390x", test="test_down"))


def test_an_entry_is_used_where_one_side_lacks_the_line_or_has_it_more_rarely(tmp_path: Path) -> None:
    (entry,) = load(tmp_path, ENTRY)
    assert entry.is_used(ran("arm", "toy: size 4"), ran("s390x", "toy: size 8"))
    assert entry.is_used(ran("arm", "toy: size 4", "toy: size 4"), ran("s390x", "toy: size 4"))
    assert not entry.is_used(ran("arm", "toy: size 4", "toy: 1"), ran("s390x", "toy: size 4", "toy: 2"))


def test_an_entry_may_have_several_patterns(tmp_path: Path) -> None:
    (entry,) = load(tmp_path, "differences:\n  - reason: stacks\n    lines: ['^RIP: ', '^PC is at ']\n")
    assert [pattern.pattern for pattern in entry.patterns] == ["^RIP: ", "^PC is at "]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("differences:\n  - reason: ' '\n    lines: toy\n", "reason is empty"),
        ("differences:\n  - reason: why\n    lines: '('\n", "is not a regular expression"),
        ("differences:\n  - reason: why\n    lines: '.*'\n", "matches every line"),
        ("differences:\n  - reason: why\n    lines: toy\n    arch: sparc\n", "sparc"),
        ("differences:\n  - lines: toy\n", "reason"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(SpecError, match="differences") as caught:
        load(tmp_path, text)
    assert problem in str(caught.value)


def test_entries_of_the_driver_tests_can_be_read() -> None:
    assert len(load_declared(SUITE)) > 1
