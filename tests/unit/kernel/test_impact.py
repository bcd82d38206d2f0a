"""Which edits touch modules alone, told from what kbuild noted."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.kernel.impact import find_users, module_objects, touches_modules_only

COMMANDS = {
    "samples/rust/.rust_minimal.o.cmd": "source_x := /src/samples/rust/rust_minimal.rs\n",
    "drivers/block/rnull/.rnull.o.cmd": "source_x := /src/drivers/block/rnull/rnull.rs\n\n"
    "deps_x := \\\n  /src/drivers/block/rnull/configfs.rs \\\n  /src/include/linux/shared.h \\\n",
    "lib/.sort.o.cmd": "savedcmd_x := clang -c /src/lib/sort.c\n\n/src/include/linux/shared.h \\\n",
    "rust/.kernel.o.cmd": "deps_x := \\\n  /src/rust/kernel/lib.rs \\\n",
}


@pytest.fixture
def build(tmp_path: Path) -> Path:
    files = {
        **COMMANDS,
        "modules.order": "samples/rust/rust_minimal.o\ndrivers/block/rnull/rnull_mod.o\n",
        "samples/rust/rust_minimal.mod": "samples/rust/rust_minimal.o\n",
        "drivers/block/rnull/rnull_mod.mod": "drivers/block/rnull/rnull.o\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_modules_are_made_of_the_objects_they_list(build: Path) -> None:
    assert module_objects(build) == {
        "samples/rust/rust_minimal.o",
        "drivers/block/rnull/rnull_mod.o",
        "drivers/block/rnull/rnull.o",
    }


def test_a_file_is_found_in_all_that_was_made_of_it(build: Path) -> None:
    assert find_users(build, ["/src/include/linux/shared.h", "/src/include/linux/share"]) == [
        {"drivers/block/rnull/rnull.o", "lib/sort.o"},
        set(),
    ]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (["samples/rust/rust_minimal.rs"], True),
        (["drivers/block/rnull/rnull.rs", "drivers/block/rnull/configfs.rs"], True),
        (["samples/rust/rust_minimal.rs", "rust/kernel/lib.rs"], False),
        (["include/linux/shared.h"], False),
        (["lib/sort.c"], False),
        (["samples/rust/Makefile"], False),
        (["samples/rust/rust_minimal.rs"] * 41, False),
        ([], False),
    ],
)
def test_in_doubt_it_is_the_kernel(build: Path, changed: list[str], expected: bool) -> None:
    assert touches_modules_only(build, "/src", changed) is expected
