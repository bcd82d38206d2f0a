"""Firmware tables from their sources: device trees and ACPI.

On a machine that QEMU describes by a device tree, a test's source is merged
into QEMU's own tree; on one with ACPI it is a tree of its own beside it.
Compiled tables are cache entries.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rustbed import process
from rustbed.arch import Firmware
from rustbed.cache import Cache, Facts, hash_text
from rustbed.errors import UsageError
from rustbed.host import Qemu, program_in
from rustbed.machine.argv import Channels, render_argv
from rustbed.machine.spec import MachineSpec
from rustbed.process import ProgramError

__all__ = ["Firmware", "Source", "compile_acpi", "compile_device_tree"]

_QUIET = Channels(console="null", shell="null", records="null", monitor=None)

# seconds for a compiler, and for a QEMU that only dumps its device tree
_COMPILE_S = 30.0

# x86 boot protocol (Linux, Documentation/arch/x86/boot.rst): offsets of the image's magic number and of its
# count of setup sectors (the image has one more; 0 means 4); the address to which the rest of an image is
# loaded; the header of a piece of setup data: next, type, length
_MAGIC, _MAGIC_AT, _SECTORS_AT = b"HdrS", 0x202, 0x1F1
_LOADED_AT = 0x100000
_SETUP_DATA = struct.Struct("<QII")
_SETUP_NONE, _SETUP_DTB = 0, 2
# bytes behind the image's end that it may overwrite while it unpacks itself
_BEHIND = 0x100000

# the cells are the specification's defaults, but without them the kernel warns while it boots
_BARE_TREE = "/dts-v1/;\n/ { #address-cells = <2>; #size-cells = <1>; };\n"


@dataclass(frozen=True, kw_only=True)
class Source:
    """The source of a table."""

    # file name in the compiler's messages
    name: str
    text: str


def _compile(argv: Sequence[str], source: Source, directory: Path) -> None:
    try:
        process.run(argv, attempted=f"compiling {source.name}", timeout_s=_COMPILE_S, cwd=directory)
    except ProgramError as error:
        said = error.completed.stderr or error.completed.stdout
        complaint = said.decode(errors="replace").strip()[:2000]
        raise UsageError(f"{source.name} does not compile", complaint=complaint) from error


def compile_acpi(source: Source, *, root: Path | None, cache: Cache) -> Path:
    """Compile an ACPI table (ASL) and return the path of its AML. Raises UsageError with iasl's complaint."""

    def fill(directory: Path) -> Facts:
        (directory / source.name).write_text(source.text)
        iasl = program_in(root, "iasl", "acpica-tools")
        # no banner, no remarks; the prefix is the name of the output file
        _compile([*iasl, "-vs", "-vr", "-p", "table", source.name], source, directory)
        return {}

    key = hash_text("acpi", source.name, source.text)
    cache.publish("firmware", key, fill)
    return cache.path("firmware", key) / "table.aml"


def compile_device_tree(
    source: Source, spec: MachineSpec, qemu: Qemu, *, root: Path | None, cache: Cache
) -> Path:
    """Compile a device tree for a machine and return the blob's path. Raises UsageError with dtc's complaint.

    `source` has root nodes (`/ { ... };`) only; /dts-v1/ is put before it.
    """
    merged = spec.arch.firmware is Firmware.DEVICE_TREE
    image = None if merged else spec.kernel.image

    def fill(directory: Path) -> Facts:
        dtc = (*program_in(root, "dtc", "device-tree-compiler"), "-q")
        head = _machine_tree(spec, qemu, dtc, directory) if merged else _BARE_TREE
        # a line directive, so that messages give lines of the test's source
        (directory / "tree.dts").write_text(f'{head}\n# 1 "{source.name}"\n{source.text}\n')
        _compile([*dtc, "-I", "dts", "-O", "dtb", "-o", "tree.dtb", "tree.dts"], source, directory)
        blob = directory / "tree.dtb"
        if image is not None:
            blob.write_bytes(_beside_acpi(blob.read_bytes(), image))
        return {}

    # QEMU's own tree depends on everything on its command line
    machine = render_argv(replace(spec, initramfs=Path("-")), qemu.program, _QUIET) if merged else ()
    kernel = "" if image is None else f"{image.stat().st_size} {_setup_bytes(image)}"
    key = hash_text("device-tree", _BARE_TREE, source.name, source.text, kernel, qemu.identity, *machine)
    cache.publish("firmware", key, fill)
    return cache.path("firmware", key) / "tree.dtb"


def _machine_tree(spec: MachineSpec, qemu: Qemu, dtc: Sequence[str], directory: Path) -> str:
    """Return the source of the device tree that QEMU makes for a machine."""
    blob = directory / "machine.dtb"
    process.run(
        render_argv(spec.appended(machine_options=[f"dumpdtb={blob}"]), qemu.program, _QUIET),
        attempted=f"asking QEMU for the device tree of {spec.arch}",
        env=dict(qemu.env),
        timeout_s=_COMPILE_S,
    )
    return process.run(
        [*dtc, "-I", "dtb", "-O", "dts", str(blob)],
        attempted="reading QEMU's device tree",
        timeout_s=_COMPILE_S,
    ).text


def _setup_bytes(image: Path) -> int:
    """Return how many bytes of setup code an x86 kernel image has; 0 for other images."""
    with image.open("rb") as stream:
        head = stream.read(_MAGIC_AT + len(_MAGIC))
    if not head.endswith(_MAGIC) or len(head) != _MAGIC_AT + len(_MAGIC):
        return 0
    return ((head[_SECTORS_AT] or 4) + 1) * 512


def _beside_acpi(blob: bytes, image: Path) -> bytes:
    """Return a file for QEMU's -dtb with which an x86 kernel finds the blob.

    QEMU places the file behind the kernel, after a header of setup data, and gives
    the kernel that header's address. The address is too high by the size of the setup code,
    since QEMU loads the kernel as one piece (seen in 11.1.3; right in 7.2). So the file has a second
    header at the wrong address, which points to a copy of the blob. It can go when
    QEMU_MINIMUM is a version without the error.
    """
    setup_bytes = _setup_bytes(image)
    if setup_bytes == 0:
        return blob
    told = setup_bytes - _SETUP_DATA.size
    if len(blob) > told:
        raise UsageError(f"the device tree has {len(blob)} bytes; beside ACPI there is room for {told}")
    # QEMU aligns to 16
    address = _LOADED_AT + (image.stat().st_size + 15) // 16 * 16 + _BEHIND
    signpost = _SETUP_DATA.pack(address, _SETUP_NONE, 0)
    copy = _SETUP_DATA.pack(0, _SETUP_DTB, len(blob)) + blob
    return blob.ljust(told, b"\0") + signpost.ljust(_BEHIND, b"\0") + copy
