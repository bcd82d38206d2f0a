"""Firmware tables from their sources: device trees and ACPI.

On a machine that QEMU describes by a device tree, a test's source is merged
into QEMU's own tree; on one with ACPI it is a tree of its own beside it.
Compiled tables are cache entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness import process
from harness.arch import Firmware
from harness.cache import Cache, Facts, hash_text
from harness.errors import UsageError
from harness.host import Qemu, program_in
from harness.machine.argv import Channels, render_argv
from harness.machine.spec import MachineSpec
from harness.process import ProgramError

__all__ = ["Firmware", "compile_acpi", "compile_device_tree"]

_QUIET = Channels(console="null", shell="null", records="null", monitor=None)

# a tree of its own needs these to be one
_TREE_HEAD = "/dts-v1/;\n"


def _compile(argv: Sequence[str], what: str, source: str) -> None:
    try:
        process.run(argv, attempted=f"compiling {what}", timeout_s=30)
    except ProgramError as error:
        output = (error.completed.stdout + error.completed.stderr).decode(errors="replace").strip()
        raise UsageError(f"{what} does not compile", output=output[-2000:], source=source) from error


def compile_acpi(source: str, *, root: Path | None, cache: Cache) -> Path:
    """Compile an ACPI table (ASL) and return the path of its AML. Raises UsageError with iasl's complaint."""

    def fill(directory: Path) -> Facts:
        (directory / "table.dsl").write_text(source)
        iasl = program_in(root, "iasl", "acpica-tools")
        _compile([*iasl, "-p", str(directory / "table"), str(directory / "table.dsl")], "the ACPI table", source)
        return {}

    key = hash_text("acpi", source)
    cache.publish("firmware", key, fill)
    return cache.path("firmware", key) / "table.aml"


def compile_device_tree(source: str, spec: MachineSpec, qemu: Qemu, *, root: Path | None, cache: Cache) -> Path:
    """Compile a device tree for a machine and return the blob's path. Raises UsageError with dtc's complaint.

    `source` has root nodes (`/ { ... };`) only; /dts-v1/ is put before it.
    """
    merged = spec.arch.firmware is Firmware.DEVICE_TREE

    def fill(directory: Path) -> Facts:
        dtc = program_in(root, "dtc", "device-tree-compiler")
        text = _machine_tree(spec, qemu, dtc, directory) if merged else _TREE_HEAD
        (directory / "tree.dts").write_text(text + source)
        argv = [*dtc, "-q", "-I", "dts", "-O", "dtb", "-o", str(directory / "tree.dtb"), str(directory / "tree.dts")]
        _compile(argv, "the device tree", source)
        return {}

    # what QEMU's own tree depends on: everything on its command line
    machine = render_argv(replace(spec, initramfs=Path("-")), qemu.program, _QUIET) if merged else ()
    key = hash_text("device-tree", source, qemu.identity, *machine)
    cache.publish("firmware", key, fill)
    return cache.path("firmware", key) / "tree.dtb"


def _machine_tree(spec: MachineSpec, qemu: Qemu, dtc: Sequence[str], directory: Path) -> str:
    """Return the source of the tree QEMU itself makes for a machine."""
    blob = directory / "machine.dtb"
    dumping = replace(spec, machine_options=(*spec.machine_options, f"dumpdtb={blob}"))
    process.run(
        render_argv(dumping, qemu.program, _QUIET),
        attempted=f"asking QEMU for the device tree of {spec.arch}",
        env=dict(qemu.env),
        timeout_s=30,
    )
    return process.run(
        [*dtc, "-q", "-I", "dtb", "-O", "dts", str(blob)], attempted="reading QEMU's device tree", timeout_s=30
    ).text
