"""What modprobe in the guest reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.kernel.artifact import Module
from rustbed.repro.console import render_modules_dep


def modules(**depends: tuple[str, ...]) -> dict[str, Module]:
    return {
        name: Module(name=name, path=Path(f"/host/{name}.ko"), depends=needed)
        for name, needed in depends.items()
    }


@pytest.mark.parametrize(
    ("known", "text"),
    [
        ({}, ""),
        ({"a": ()}, "/lib/modules/a.ko:\n"),
        (
            {"a": ("b", "c"), "b": ("c",), "c": ()},
            "/lib/modules/a.ko: /lib/modules/b.ko /lib/modules/c.ko\n"
            "/lib/modules/b.ko: /lib/modules/c.ko\n/lib/modules/c.ko:\n",
        ),
        # built into the kernel, or absent: modprobe says so itself
        ({"a": ("absent",)}, "/lib/modules/a.ko:\n"),
        (
            {"a": ("b",), "b": ("a",)},
            "/lib/modules/a.ko: /lib/modules/b.ko\n/lib/modules/b.ko: /lib/modules/a.ko\n",
        ),
    ],
)
def test_each_module_has_its_file_and_all_that_it_depends_on(
    known: dict[str, tuple[str, ...]], text: str
) -> None:
    assert render_modules_dep(modules(**known)) == text
