"""Moves the paths of a kernel and a machine to their places in a bundle. Pure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rustbed.kernel.artifact import Kernel, Module
from rustbed.machine.spec import MachineSpec

_INITRAMFS = Path("initramfs.cpio")
_DTB = Path("firmware/machine.dtb")


def relocate_machine(spec: MachineSpec, *, debug_info: bool) -> tuple[MachineSpec, dict[str, Path]]:
    """Return a machine with paths inside a bundle, and the bundle's files by these paths.

    With `debug_info`, the files include vmlinux and the modules with their symbols.
    """
    kernel, files = relocate_kernel(spec.kernel, debug_info=debug_info)
    tables = {f"firmware/table-{number}.aml": path for number, path in enumerate(spec.acpi_tables)}
    files |= {str(_INITRAMFS): spec.initramfs} | tables
    if spec.dtb is not None:
        files[str(_DTB)] = spec.dtb
    relocated = replace(
        spec,
        kernel=kernel,
        initramfs=_INITRAMFS,
        acpi_tables=tuple(map(Path, tables)),
        dtb=None if spec.dtb is None else _DTB,
    )
    return relocated, files


def relocate_kernel(kernel: Kernel, *, debug_info: bool) -> tuple[Kernel, dict[str, Path]]:
    """Return a kernel with paths inside a bundle, and the bundle's files by these paths."""
    modules = {
        module.name: Module(
            name=module.name, path=Path(f"kernel/modules/{module.name}.ko"), depends=module.depends
        )
        for module in kernel.modules.values()
    }
    files = {"kernel/image": kernel.image}
    if kernel.config is not None:
        files["kernel/config"] = kernel.config
    if debug_info:
        files |= {str(modules[module.name].path): module.path for module in kernel.modules.values()}
        if kernel.vmlinux is not None:
            files["kernel/vmlinux"] = kernel.vmlinux
    relocated = replace(
        kernel,
        image=Path("kernel/image"),
        modules=modules,
        vmlinux=None if kernel.vmlinux is None else Path("kernel/vmlinux"),
        config=None if kernel.config is None else Path("kernel/config"),
        source_dir=None,
        build_dir=None,
    )
    return relocated, files
