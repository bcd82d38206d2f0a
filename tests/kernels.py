"""Kernels that nobody built, for tests of what only passes them on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from rustbed.arch import require_arch
from rustbed.kernel.artifact import Kernel


def make_kernel(**fields: Any) -> Kernel:
    """Return a kernel for x86_64; `fields` are those of Kernel that matter to the test."""
    kernel = Kernel(
        arch=require_arch("x86_64"),
        release="7.3.4",
        image=Path("/kernel/image"),
        modules={},
        vmlinux=None,
        config=None,
        source_dir=None,
        build_dir=None,
        source="debian:latest",
        profile="default",
        key="fake",
    )
    return replace(kernel, **fields)
