"""KASAN's checks can be left out of one module, as they can in C."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rustbed import Vm
from rustbed.errors import BuildError

_FINDING = pytest.mark.xfail(
    strict=True, raises=BuildError, reason="docs/findings/kasan-cannot-be-left-out-of-rust.md"
)

_SOURCE = """// SPDX-License-Identifier: GPL-2.0

//! Reads.

use kernel::{bindings, prelude::*};

module! {
    type: Quiet,
    name: "quiet",
    authors: ["The rustbed authors"],
    description: "reads",
    license: "GPL",
}

struct Quiet;

impl kernel::Module for Quiet {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        // SAFETY: Always there to be read.
        pr_info!("now {}\\n", unsafe { (&raw const bindings::jiffies).read_volatile() });
        Ok(Self)
    }
}
"""

# what a read becomes that KASAN checks
_CHECK = b"__asan_load"


@pytest.mark.needs("CONFIG_KASAN")
@pytest.mark.parametrize(
    ("kbuild", "is_checked"),
    [
        pytest.param("", True, id="checked"),
        pytest.param("KASAN_SANITIZE_quiet.o := n", False, marks=_FINDING, id="left-out"),
        pytest.param(
            "KASAN_SANITIZE_quiet.o := n\nRUSTFLAGS_quiet.o := -Cunsafe-allow-abi-mismatch=sanitizer",
            False,
            id="left-out-by-force",
        ),
    ],
)
def test_module_is_left_out(
    kbuild: str, is_checked: bool, build_modules: Callable[[Path], dict[str, Path]], vm: Vm, tmp_path: Path
) -> None:
    (tmp_path / "quiet.rs").write_text(_SOURCE)
    (tmp_path / "Kbuild").write_text(f"obj-m := quiet.o\n{kbuild}\n")
    module = build_modules(tmp_path)["quiet"]
    assert (_CHECK in module.read_bytes()) is is_checked
    with vm.module(module):
        assert vm.log.matching("quiet: now [0-9]+$")
