"""How make is called in a kernel's tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from rustbed.arch import require_arch
from rustbed.kernel.buildtree import BuildTree
from rustbed.kernel.source import Source
from rustbed.toolroot.toolchain import Toolchain


@pytest.mark.parametrize(("only_read", "option"), [(False, "--bind"), (True, "--ro-bind")])
def test_what_is_built_outside_of_a_kernels_tree_cannot_write_into_it(only_read: bool, option: str) -> None:
    tree = BuildTree(
        directory=Path("/cache/builds/1"),
        source=Source(name="tree:/linux", directory=Path("/linux"), version=(7, 3), identity="x"),
        arch=require_arch("x86_64"),
        toolchain=Toolchain(root=Path("/cache/root"), versions=(), identity="x"),
        options=(),
        family="",
        log=Path("/cache/logs/x.log"),
        only_read=only_read,
    )
    argv = tree.command(["modules"], binds=[(Path("/cache/outoftree/1"), "/module")])
    places = {inside: how for how, _, inside in zip(argv, argv[1:], argv[2:], strict=False) if "bind" in how}
    assert places["/build"] == option
    assert places["/module"] == "--bind"
