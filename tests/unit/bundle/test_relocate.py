"""Where a bundle has the files of a machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.repro.scenes import real_spec

from rustbed.bundle.relocate import relocate_machine
from rustbed.kernel.artifact import Module


@pytest.mark.parametrize("debug_info", [False, True])
def test_every_file_of_the_machine_is_in_the_bundle(tmp_path: Path, debug_info: bool) -> None:
    table, dtb = tmp_path / "ssdt.aml", tmp_path / "board.dtb"
    plain = real_spec(tmp_path)
    toy = Module(name="toy", path=tmp_path / "build/toy.ko", depends=())
    kernel = replace(plain.kernel, modules={"toy": toy}, vmlinux=tmp_path / "vmlinux")
    spec = replace(plain, kernel=kernel, acpi_tables=(table,), dtb=dtb)
    moved, files = relocate_machine(spec, debug_info=debug_info)
    assert moved.acpi_tables == (Path("firmware/table-0.aml"),)
    assert {files[str(path)] for path in (*moved.acpi_tables, moved.dtb)} == {table, dtb}
    assert files[str(moved.initramfs)] == spec.initramfs
    assert files[str(moved.kernel.image)] == spec.kernel.image
    assert not any(Path(name).is_absolute() for name in files)
    assert ("kernel/modules/toy.ko" in files) == debug_info
    assert ("kernel/vmlinux" in files) == debug_info
