"""Where people keep their drivers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rustbed import UsageError, Vm

ROOT = Path(__file__).parent.parent


def test_symbols_and_sources_of_other_directories(vm: Vm, build_module: Callable[[Path], Path]) -> None:
    """The reader alone: the counter is built for its symbols, and loaded before."""
    with vm.module(build_module(ROOT / "drivers/reader"), times=8):
        assert "reader: read nothing" in vm.log
        assert [record.text for record in vm.log.matching("counter: ready")] == ["counter: ready"]


def test_kbuild_file_at_the_root(build_modules: Callable[[Path], dict[str, Path]]) -> None:
    made = build_modules(ROOT)
    assert sorted(made) == ["counter", "reader"]
    copied = {
        str(path.relative_to(copy)) for copy in [made["counter"].parents[2]] for path in copy.rglob("*")
    }
    assert {"Kbuild", "harness/numbers.py", "drivers/common/words.rs"} <= copied
    assert not [path for path in copied if path.startswith(("results", "env")) or "test_" in path]


def test_a_dependency_that_is_nowhere_is_named(
    vm: Vm, build_modules: Callable[[Path], dict[str, Path]], tmp_path: Path
) -> None:
    alone = tmp_path / "reader.ko"
    alone.write_bytes(build_modules(ROOT / "drivers")["reader"].read_bytes())
    with pytest.raises(UsageError, match=r"reader\.ko needs the module counter, which is not loaded"):
        vm.insmod(alone)


def test_a_directory_that_is_not_there(build_module: Callable[[str], Path]) -> None:
    with pytest.raises(UsageError, match=r"there is no directory .*nosuch"):
        build_module("nosuch")


def test_an_older_source_that_is_put_back_is_what_runs(
    vm: Vm, build_module: Callable[[Path], Path], tmp_path: Path
) -> None:
    driver = tmp_path / "driver"
    shutil.copytree(ROOT / "drivers", driver)
    words = driver / "common/words.rs"
    kept = words.with_suffix(".kept")
    shutil.copy2(words, kept)
    words.write_text(words.read_text().replace('"nothing"', '"nought!"'))
    edited = build_module(driver / "reader").read_bytes()
    shutil.copy2(kept, words)
    again = build_module(driver / "reader")
    assert b"nought!" in edited
    assert b"nought!" not in again.read_bytes()
    with vm.module(again, times=8):
        assert "reader: read nothing" in vm.log


DRIVER = """\
//! A driver.
use kernel::prelude::*;
%s

module! { type: Toy, name: "toy", authors: ["The author"], description: "Toy", license: "GPL", }

struct Toy;

impl kernel::Module for Toy {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("{}\\n", words());
        Ok(Self)
    }
}
"""
WORDS = 'pub(crate) fn words() -> &\'static str { "it is " }\n'
NAMED = '#[path = "../common/words.rs"]\nmod named;\nuse named::words;'
# what `make` alone does there is not ours: its own half calls kbuild
WRAPPER = """\
ifneq ($(KERNELRELEASE),)
obj-m := toy.o
else
all:
\t$(MAKE) -C /lib/modules/$(shell uname -r)/build M=$(PWD)
endif
"""
MIXED = """\
use kernel::ffi::c_int;
extern "C" { fn glue() -> c_int; }
// SAFETY: It takes nothing and always returns.
fn words() -> c_int { unsafe { glue() } }"""
CARGO = {
    "Cargo.toml": '[workspace]\nmembers = ["logic"]\n',
    "logic/Cargo.toml": '[package]\nname = "logic"\n',
    "logic/src/lib.rs": WORDS,
    "target/CACHEDIR.TAG": "Signature: 8a477f597d28d172789f06886806bc55\n",
    "target/debug/broken.rs": "",
}
LAYOUTS = {
    "a Makefile for make too": {"driver/Makefile": WRAPPER, "driver/toy.rs": DRIVER % WORDS},
    "a name with a dash": {
        "driver/Kbuild": "obj-m := the-toy.o\nthe-toy-y := toy.o\n",
        "driver/toy.rs": DRIVER % WORDS,
    },
    "C and Rust": {
        "driver/Kbuild": "obj-m := toy.o\ntoy-y := main.o glue.o\n",
        "driver/main.rs": DRIVER % MIXED,
        "driver/glue.c": "int glue(void);\nint glue(void) { return 7; }\n",
    },
    "a file of the directory above": {
        "driver/Kbuild": "obj-m := toy.o\n",
        "driver/toy.rs": DRIVER % 'fn words() -> usize { include_bytes!("../firmware.bin").len() }',
        "firmware.bin": "1234",
    },
    "an option of its own": {
        "driver/Kbuild": "CONFIG_TOY ?= m\nobj-$(CONFIG_TOY) += toy.o\n",
        "driver/toy.rs": DRIVER % WORDS,
    },
    "a workspace of cargo": {
        **{f"driver/{name}": text for name, text in CARGO.items()},
        "driver/Kbuild": "obj-m := toy.o\n",
        "driver/toy.rs": DRIVER % '#[path = "logic/src/lib.rs"]\nmod logic;\nuse logic::words;',
    },
}


def lay_out(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_other_layouts(vm: Vm, build_module: Callable[[Path], Path], tmp_path: Path, layout: str) -> None:
    lay_out(tmp_path, LAYOUTS[layout])
    module = build_module(tmp_path / "driver")
    assert not list(module.parent.rglob("broken.rs"))
    with vm.module(module):
        assert vm.log.matching("toy: (it is|7|4)")


def test_a_link_to_a_driver_elsewhere(vm: Vm, build_module: Callable[[Path], Path], tmp_path: Path) -> None:
    """As the kernel does, `../common` is looked for beside the driver, and not beside the link."""
    files = {"driver/Kbuild": "obj-m := toy.o\n", "driver/toy.rs": DRIVER % NAMED, "common/words.rs": WORDS}
    lay_out(tmp_path / "elsewhere", files)
    (tmp_path / "driver").symlink_to("elsewhere/driver")
    with vm.module(build_module(tmp_path / "driver")):
        assert "toy: it is" in vm.log
