"""Where gdb finds symbols."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.unit.repro.scenes import scene, told

from rustbed.kernel.artifact import Module
from rustbed.repro.symbols import (
    Symbols,
    describe_symbols,
    find_symbols,
    keep_symbols,
    parse_symbols,
)
from rustbed.symbols.debugfiles import DebugFile, DebugFiles, render_files


def test_modules_are_the_kernels_and_those_that_were_pushed() -> None:
    plain = scene((told("mkdir -p /x && exec rbctl put /tmp/rustbed/my-toy.ko 5 644", stdin="a" * 64),))
    modules = {"loop": Module(name="loop", path=Path("/k/loop.ko"))}
    kernel = replace(
        plain.spec.kernel, modules=modules, vmlinux=Path("/k/vmlinux"), source_dir=Path("/home/me/linux")
    )
    assert find_symbols(replace(plain, spec=replace(plain.spec, kernel=kernel))) == Symbols(
        vmlinux=Path("/k/vmlinux"),
        modules={"loop": Path("/k/loop.ko"), "my_toy": Path(f"/nowhere/inputs/{'a' * 64}")},
        trees=(("/src", Path("/home/me/linux")),),
    )


def test_sources_of_authors_are_found_in_the_copies_that_a_run_names(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    of_author = DebugFile(path=tmp_path / "a.ko", copy=copy)
    gone = DebugFile(path=tmp_path / "b.ko", copy=tmp_path / "gone")
    files = {"a": of_author, "b": gone, "again": of_author, "loop": DebugFile(path=Path("/k/loop.ko"))}
    (tmp_path / "symbols.json").write_text(render_files(DebugFiles(symbolizer=("x",), files=files)))
    plain = replace(scene(), directory=tmp_path)
    kernel = replace(plain.spec.kernel, vmlinux=Path("/k/vmlinux"))
    found = find_symbols(replace(plain, spec=replace(plain.spec, kernel=kernel)))
    assert found is not None
    assert found.copies == (copy,)


def test_a_kernel_without_vmlinux_has_none() -> None:
    plain = scene()
    kernel = replace(plain.spec.kernel, vmlinux=None)
    assert find_symbols(replace(plain, spec=replace(plain.spec, kernel=kernel))) is None


def test_what_is_kept_survives_its_origin(tmp_path: Path) -> None:
    (tmp_path / "vmlinux").write_text("kernel")
    (tmp_path / "toy.ko").write_text("module")
    symbols = Symbols(
        vmlinux=tmp_path / "vmlinux",
        modules={"toy": tmp_path / "toy.ko", "gone": tmp_path / "gone.ko"},
        trees=(("/src", Path("/linux")),),
    )
    kept = keep_symbols(symbols, tmp_path / "kept")
    (tmp_path / "vmlinux").unlink()
    assert kept.vmlinux.read_text() == "kernel"
    assert {name: path.read_text() for name, path in kept.modules.items()} == {"toy": "module"}
    assert kept.trees == symbols.trees


def test_symbols_survive_a_file() -> None:
    symbols = Symbols(vmlinux=Path("/v"), modules={"a": Path("/a.ko")}, trees=(("/src", Path("/s")),))
    assert parse_symbols(describe_symbols(symbols)) == symbols
