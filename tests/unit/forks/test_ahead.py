"""What a session tells the next one of its machines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.kernels import make_kernel

from rustbed.cache import Cache
from rustbed.forks.hot.ahead import keep_kinds, load_kept
from rustbed.forks.hot.servers import Kind
from rustbed.host import Qemu
from rustbed.machine.spec import MachineSpec


def kind(path: Path, *, shim: Path | None = Path("shim.so")) -> Kind:
    spec = MachineSpec(kernel=make_kernel(), initramfs=path / "initramfs.cpio")
    return Kind(spec=spec, qemu=replace(Qemu(program=("qemu",), version=(11, 1, 3)), shim=shim))


def test_four_kinds_are_kept_those_wanted_last(tmp_path: Path) -> None:
    file, cache, same = tmp_path / "machines", Cache(tmp_path / "cache"), kind(tmp_path)
    assert load_kept(file) is None
    keep_kinds(file, cache, dict.fromkeys("abc", same))
    keep_kinds(file, cache, dict.fromkeys("a", same))
    keep_kinds(file, cache, dict.fromkeys("de", same))
    kept = load_kept(file)
    assert kept is not None
    assert list(kept.kinds.items()) == [(key, same) for key in "cade"]
    assert kept.cache.root == cache.root
    assert list(tmp_path.iterdir()) == [file]


def test_a_machine_that_is_never_copied_is_not_kept(tmp_path: Path) -> None:
    file = tmp_path / "machines"
    keep_kinds(file, Cache(tmp_path), {"a": kind(tmp_path, shim=None)})
    kept = load_kept(file)
    assert kept is not None
    assert kept.kinds == {}
