"""A test's request for a machine, and the machine spec for it.

A request comes from `@pytest.mark.machine` and the arguments of `boot`; with
a platform it becomes a MachineSpec.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from rustbed.arch import Arch
from rustbed.cache import Cache
from rustbed.devices.device import Device, model_of
from rustbed.devices.models import find_device
from rustbed.errors import UsageError
from rustbed.machine.firmware import Firmware, Source, compile_acpi, compile_device_tree
from rustbed.machine.platformdevice import PlatformDevice, render_nodes, render_table, unfit
from rustbed.machine.spec import NUMBERS, WORDS, Hardware, MachineSpec
from rustbed.machine.vm import Vm
from rustbed.prepare import Platform

# the fixture `boot`: takes the keywords of the machine marker
Booter = Callable[..., AbstractContextManager[Vm]]

_TUPLES = (*WORDS, "acpi")
_TEXTS = ("profile", "device_tree")


@dataclass(frozen=True, kw_only=True)
class MachineRequest:
    """The requirements for a machine; its fields, and those of its hardware, are the marker's keywords."""

    hardware: Hardware = field(default_factory=Hardware)
    # None: the session's
    profile: str | None = None
    # device tree source (a file beside the test, or text) merged into the machine's own tree
    device_tree: str | None = None
    # ACPI sources (files beside the test, or text), each a table
    acpi: tuple[str, ...] = ()
    # described by the firmware that the machine has
    platform_devices: tuple[PlatformDevice, ...] = ()

    def updated(self, wanted: Mapping[str, object]) -> MachineRequest:
        """Return the request with some fields replaced. Raises UsageError for one that does not exist."""
        if unknown := sorted(set(wanted) - set(KEYWORDS)):
            raise UsageError(f"a machine has no {', '.join(unknown)}", choices=", ".join(sorted(KEYWORDS)))
        checked: dict[str, Any] = {name: _checked(name, value) for name, value in wanted.items()}
        hardware = {name: checked.pop(name) for name in _OF_HARDWARE if name in checked}
        return replace(self, hardware=replace(self.hardware, **hardware), **checked)


_OF_HARDWARE = tuple(each.name for each in fields(Hardware))
# keywords of the machine marker
KEYWORDS = (*_OF_HARDWARE, *(each.name for each in fields(MachineRequest) if each.name != "hardware"))


def _checked(name: str, value: object) -> object:
    if name == "devices":
        return _checked_devices(value)
    if name == "platform_devices":
        return _checked_platform_devices(value)
    if name in _TUPLES:
        if isinstance(value, str):
            return (value,)
        if isinstance(value, (list, tuple)) and all(isinstance(word, str) for word in value):
            return tuple(value)
        raise UsageError(f"{name} takes a string or a list of strings", given=repr(value))
    if name in _TEXTS:
        if value is None or isinstance(value, str):
            return value
        raise UsageError(f"{name} takes a string", given=repr(value))
    allowed = NUMBERS[name]
    if isinstance(value, int) and not isinstance(value, bool) and value in allowed:
        return value
    raise UsageError(
        f"{name} takes a number, at least {allowed[0]} and at most {allowed[-1]}", given=repr(value)
    )


def _checked_devices(value: object) -> tuple[str | Device, ...]:
    listed = value if isinstance(value, (list, tuple)) else (value,)
    given = [find_device(device) or device for device in listed]
    if not all(isinstance(device, (str, Device)) for device in given):
        raise UsageError(
            "devices takes arguments of -device, Device values and devices written in Python",
            given=repr(value),
        )
    return tuple(given)


def _checked_platform_devices(value: object) -> tuple[PlatformDevice, ...]:
    listed = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    if not all(isinstance(device, PlatformDevice) for device in listed):
        raise UsageError("platform_devices takes PlatformDevice values", given=repr(value))
    return listed


def _lacks_firmware(request: MachineRequest, arch: Arch) -> str | None:
    """Return why an architecture's firmware cannot describe the requested devices, None if it can."""
    if request.acpi and arch.firmware is not Firmware.ACPI:
        return f"{arch}'s machine has no ACPI"
    if request.device_tree is not None and arch.firmware is Firmware.NONE:
        return f"{arch}'s machine takes no device tree"
    return next((why for device in request.platform_devices if (why := unfit(device, arch))), None)


def incapable(request: MachineRequest, arch: Arch) -> str | None:
    """Return why an architecture's machine cannot fulfil the request, None if it can."""
    if why := _lacks_firmware(request, arch):
        return why
    served = [device for device in request.hardware.devices if isinstance(device, Device)]
    ports = sum(device.is_serial_port for device in served)
    if ports and ports >= arch.serial_ports:
        return f"{arch}'s machine has serial ports: {arch.serial_ports}, and the console has the first"
    if len(served) > ports and not arch.has_pci:
        return f"{arch}'s machine has no PCI"
    if arch.only_msix and not all(device.has_msix or device.is_serial_port for device in served):
        return f"{arch}'s machine takes PCI devices with MSI-X only"
    models = {model_of(each) for each in request.hardware.devices if isinstance(each, str)}
    models.update(*(device.models for device in served))
    if lacking := sorted(models & set(arch.lacks)):
        return f"QEMU for {arch} has no {', '.join(lacking)}"
    return None


def _source(given: str, base: Path) -> Source:
    """Return firmware source: of a file beside the test, or the text itself."""
    if "\n" in given or "{" in given:
        return Source(name="text-in-the-test", text=given)
    path = base / given
    try:
        return Source(name=path.name, text=path.read_text())
    except FileNotFoundError as error:
        raise UsageError(f"no such firmware source: {path}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the firmware source {path}: {error}") from error


def _tables(request: MachineRequest, arch: Arch, base: Path) -> list[Source]:
    """Return the sources of the ACPI tables that a request asks for."""
    tables = [_source(given, base) for given in request.acpi]
    if request.platform_devices and arch.firmware is Firmware.ACPI:
        tables.append(Source(name="platform-devices.dsl", text=render_table(request.platform_devices)))
    return tables


def _tree(request: MachineRequest, arch: Arch, base: Path) -> Source | None:
    """Return the device tree source that a request asks for, None if it asks for none."""
    given = None if request.device_tree is None else _source(request.device_tree, base)
    if not request.platform_devices or arch.firmware is not Firmware.DEVICE_TREE:
        return given
    nodes = render_nodes(request.platform_devices, arch)
    return (
        replace(given, text=f"{given.text}\n{nodes}")
        if given
        else Source(name="platform-devices.dts", text=nodes)
    )


def resolve_spec(platform: Platform, request: MachineRequest, *, base: Path, cache: Cache) -> MachineSpec:
    """Return the machine spec for a request on a platform, compiling firmware if necessary.

    `base` is the directory for firmware source files. Memory is rounded up to what the machine takes.
    """
    spec = platform.spec()
    unit = spec.arch.memory_unit_mib
    memory_mib = -(-request.hardware.memory_mib // unit) * unit
    spec = replace(spec, hardware=replace(request.hardware, memory_mib=memory_mib))
    tables, tree = _tables(request, spec.arch, base), _tree(request, spec.arch, base)
    # the toolchain is only needed for compiling firmware
    if not tables and tree is None:
        return spec
    root = platform.toolchain.root
    compiled = tuple(compile_acpi(source, root=root, cache=cache) for source in tables)
    spec = replace(spec, acpi_tables=compiled)
    if tree is None:
        return spec
    return replace(spec, dtb=compile_device_tree(tree, spec, platform.qemu, root=root, cache=cache))
