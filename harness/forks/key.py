"""A template's cache key, and which machines are never forked.

Knows nothing of how machines are saved.
"""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path

from rustbed import cache as caching
from rustbed.checked import hash_unchanged
from rustbed.errors import ForkError
from rustbed.host import Qemu
from rustbed.machine.argv import Channels, render_argv
from rustbed.machine.spec import MachineSpec

# raised when templates are made or used differently: older ones are not found then
_RECIPE = "4"

# a placeholder for paths that differ from run to run and do not influence the machine
_ANY = Path("-")
_SOME_CHANNELS = Channels(console="null", shell="null", records="null", monitor="null")


def refusal(spec: MachineSpec) -> str | None:
    """Return why a machine is never forked; None if forking may be tried."""
    if spec.hardware.qemu_args:
        return "qemu_args: they may name files and sockets that a saved machine does not know"
    if any("memory-backend" in option for option in spec.hardware.machine_options):
        return "its memory is chosen by machine_options"
    if served := [device.name for device in spec.served_devices if not device.forkable]:
        return f"{served[0]} is served by the host, and its state is not saved"
    if paths := [device for device in spec.hardware.devices if isinstance(device, str) and "/" in device]:
        return f"{paths[0].partition(',')[0]} uses a file of the host"
    return None


def _hash_file(path: Path) -> str:
    """Return a file's hash. Raises ForkError if it cannot be read."""
    try:
        return hash_unchanged(path)
    except OSError as error:
        raise ForkError(f"{path} cannot be read: {error.strerror}") from error


def _qemu_build(qemu: Qemu) -> list[str]:
    """Return facts that differ between two builds of one version of QEMU."""
    files = [Path(word) for word in qemu.program]
    stats = [path.stat() for path in files if path.is_file()]
    return [qemu.identity, *(f"{each.st_size} {each.st_mtime_ns}" for each in stats)]


def _host_cpu() -> str:
    """Return what a guest under KVM gets from this host: the CPU, and the host's kernel."""
    wanted = ("vendor_id", "model name", "flags", "Features", "CPU part", "microcode", "isa")
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return "\n".join([platform.release(), *sorted({line for line in lines if line.startswith(wanted)})])


def template_key(spec: MachineSpec, qemu: Qemu) -> str:
    """Return the key of a template: a hash of everything that determines its contents.

    Raises ForkError if kernel, image or a table cannot be read.
    """
    files = [spec.kernel.image, spec.initramfs, *([spec.dtb] if spec.dtb else []), *spec.acpi_tables]
    plain = replace(
        spec,
        kernel=replace(spec.kernel, image=_ANY),
        initramfs=_ANY,
        dtb=_ANY if spec.dtb else None,
        acpi_tables=tuple(_ANY for _ in spec.acpi_tables),
    )
    return caching.hash_text(
        "template",
        _RECIPE,
        *_qemu_build(qemu),
        *render_argv(plain, qemu.program, _SOME_CHANNELS),
        *(device.name for device in spec.served_devices),
        *(_hash_file(path) for path in files),
        _host_cpu() if spec.accel == "kvm" else "",
    )
