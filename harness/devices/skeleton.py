"""The skeleton of a device for a driver: Python with a line for each register to fill in; pure.

Aliases are those of a module's .modinfo section, in the format of the kernel's scripts/mod/file2alias.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rustbed.devices.recording import Shape, Touched
from rustbed.errors import UsageError

# pci:v00001B36d00000005sv*sd*bc*sc*i*; a * is appended to an alias without one, so that more fields may
# follow
_PCI = re.compile(
    r"pci:v(\*|[0-9A-F]{8})d(\*|[0-9A-F]{8})sv\S*?bc(\*|[0-9A-F]{2})sc(\*|[0-9A-F]{2})i(\*|[0-9A-F]{2}\*)"
)
# ids in place of wildcards: Red Hat's vendor id, and a device id that QEMU does not use
_ANY_VENDOR, _ANY_DEVICE = 0x1B36, 0xCAFE


@dataclass(frozen=True, kw_only=True)
class Ids:
    """The ids of a device that a driver supports."""

    vendor_id: int
    device_id: int
    # 24 bits
    class_code: int


def find_ids(aliases: Iterable[str]) -> list[Ids]:
    """Return the PCI devices of a module's aliases; wildcards are filled in."""
    return [_ids(*match.groups()) for match in filter(None, map(_PCI.fullmatch, aliases))]


def _ids(vendor: str, device: str, *kind: str) -> Ids:
    base, *rest = kind
    code = base.replace("*", "FF") + "".join(each.rstrip("*") or "00" for each in rest)
    return Ids(
        vendor_id=_ANY_VENDOR if vendor == "*" else int(vendor, 16),
        device_id=_ANY_DEVICE if device == "*" else int(device, 16),
        class_code=int(code, 16),
    )


def require_ids(aliases: Sequence[str], driver: str) -> list[Ids]:
    """Return the PCI devices of a module. Raises UsageError if there are none."""
    if not (found := find_ids(aliases)):
        raise UsageError(
            f"{driver} is not a driver of PCI devices",
            aliases=", ".join(aliases) or "none",
            wanted="pci:v...d...",
        )
    return found


def render_skeleton(driver: str, ids: Ids, bars: Sequence[Shape], registers: Sequence[Touched]) -> str:
    """Render a test file with a model of the device: known facts, and places to fill in."""
    name = "".join(word.capitalize() for word in re.split(r"\W|_", driver)) + "Device"
    lines = [
        f'"""A model of the device that {driver} drives, and a test of the driver."""',
        "",
        "from rustbed import Bar, PciDevice, Vm",
        "",
        "",
        f"class {name}(PciDevice):",
        f"    vendor_id, device_id = {ids.vendor_id:#06x}, {ids.device_id:#06x}",
        f"    class_code = {ids.class_code:#08x}",
        "    # if the driver asks for interrupts: intx = True, msi = 1 or msix = 1",
    ]
    for bar in bars:
        lines.append(f"    bar{bar.index} = Bar({bar.index}, size={bar.size:#x}{_more(bar)})")
        lines += [f"    {_register(each)}" for each in registers if each.bar == bar.index]
    written = [each for each in registers if each.is_written]
    for each in written:
        lines += [
            "",
            f"    def on_write_{_name(each)}(self, value: int) -> None:",
            "        pass  # what does it do?",
        ]
    lines += [
        "",
        "",
        "def test_driver_takes_the_device(vm: Vm) -> None:",
        f"    device = {name}()",
        f'    with vm.module("{driver}"), vm.plugged(device) as plugged:',
        '        driver = f"/sys/bus/pci/devices/{plugged.address}/driver"',
        '        vm.wait_for(lambda: vm.run(f"test -e {driver}").status == 0, "the driver")',
        "        assert device.trace == []  # what does it do first?",
    ]
    return "\n".join(lines) + "\n"


def _more(bar: Shape) -> str:
    return (", io=True" if bar.io else "") + (", bits=64" if bar.bits == 64 else "")


def _name(register: Touched) -> str:
    return f"register_{register.bar}_{register.offset:x}"


def _register(register: Touched) -> str:
    width = "" if register.width == 4 else f", width={register.width}"
    read_only = "" if register.is_written else ", read_only=True"
    reset = f", reset={register.first:#x}" if register.first else ""
    done = " and ".join(
        word for word, is_done in (("read", register.is_read), ("written", register.is_written)) if is_done
    )
    where = f"bar{register.bar}.register({register.offset:#04x}{width}{reset}{read_only})"
    return f"{_name(register)} = {where}  # {done}: what is it?"
