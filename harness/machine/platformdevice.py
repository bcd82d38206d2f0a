"""Platform devices, described once for all machines: rendered as device tree nodes or as an ACPI table.

A device without an ACPI id is described in ACPI by the id PRP0001, with its device tree ids as the
property `compatible` (Linux, Documentation/firmware-guide/acpi/enumeration.rst). Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rustbed.arch import Arch, Firmware
from rustbed.errors import UsageError

# node names, without an address, and property names (Devicetree Specification 0.4, 2.2.1 and 2.2.4)
_NODE_NAME = re.compile(r"[A-Za-z][\w,.+-]{0,30}", re.ASCII)
_PROPERTY_NAME = re.compile(r"[A-Za-z0-9,._+?#-]{1,31}", re.ASCII)
# ACPI ids: three or four characters for the vendor, four for the device
_ACPI_ID = re.compile(r"[A-Z0-9]{7,8}", re.ASCII)
_WIDTHS = (8, 16, 32, 64)
# the ACPI id that makes Linux match by `compatible`
_BY_COMPATIBLE = "PRP0001"
# _DSD's format of properties (the same directory's DSD-properties-rules.rst)
_PROPERTIES = "daffd814-6eba-4d8c-8a91-bc9bbf4aa301"
_CELL = 1 << 32


@dataclass(frozen=True)
class Ints:
    """Numbers of a property, each of `bits` bits; negative ones are stored as two's complement."""

    values: tuple[int, ...]
    bits: int = 32

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(self.values))
        if self.bits not in _WIDTHS:
            raise UsageError(f"numbers cannot have {self.bits} bits", choices=", ".join(map(str, _WIDTHS)))
        for value in self.values:
            if not -(1 << (self.bits - 1)) <= value < 1 << self.bits:
                raise UsageError(f"{value:#x} does not fit in {self.bits} bits", fix="Ints((...), bits=64)")

    @property
    def unsigned(self) -> Iterator[int]:
        """The values as unsigned numbers, which is how firmware stores them."""
        return (value % (1 << self.bits) for value in self.values)


# True is a property without a value; a plain int has 32 bits
Value = bool | int | str | bytes | Ints | Sequence[str] | Sequence[int]


@dataclass(frozen=True, kw_only=True)
class PlatformDevice:
    """A device on a bus that cannot be probed, so that firmware describes it.

    Raises UsageError for a device that no firmware can describe.
    """

    # of the node; the kernel's name of the device is this, after its address if it has registers
    name: str
    # device tree ids, the most specific one first
    compatible: str | Sequence[str] = ()
    # ACPI id; "": machines with ACPI describe it by `compatible`
    acpi_id: str = ""
    properties: Mapping[str, Value] = field(default_factory=dict, hash=False)
    # address and size in bytes of each of its register blocks
    regs: Sequence[tuple[int, int]] = ()
    # lines of the machine's interrupt controller, level-triggered: with ACPI GSIs, else SPIs of a GIC or
    # sources of an APLIC
    irqs: Sequence[int] = ()

    def __post_init__(self) -> None:
        # people write lists, but a frozen value needs tuples
        object.__setattr__(self, "compatible", _several(self.compatible))
        object.__setattr__(self, "regs", _pairs(self.name, self.regs))
        object.__setattr__(self, "irqs", _several(self.irqs))
        _require(bool(_NODE_NAME.fullmatch(self.name)), f"{self.name!r} is not a valid name of a device")
        named = bool(self.compatible or self.acpi_id)
        _require(named, f"{self.name} has no id", fix="compatible= or acpi_id=")
        is_id = not self.acpi_id or _ACPI_ID.fullmatch(self.acpi_id)
        _require(bool(is_id), f"{self.acpi_id!r} is not an ACPI id")
        has_ids = "compatible" in self.properties
        _require(not has_ids, "compatible is an argument, not a property", fix="compatible=")
        for name, value in {"compatible": self.compatible, **self.properties}.items():
            _require(bool(_PROPERTY_NAME.fullmatch(name)), f"{name!r} is not a valid name of a property")
            _in_tree(name, value)
        are_lines = all(isinstance(line, int) and 0 <= line < _CELL for line in self.irqs)
        _require(are_lines, f"{self.name}: no such interrupt line", given=repr(self.irqs))


def _several(given: object) -> tuple[Any, ...]:
    return tuple(given) if isinstance(given, (list, tuple)) else (given,)


def _pairs(name: str, regs: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return register blocks as a tuple. Raises UsageError for anything else."""
    try:
        pairs = tuple((int(address), int(size)) for address, size in regs)
    except (TypeError, ValueError):
        pairs = ((-1, 0),)
    for address, size in pairs:
        is_block = address >= 0 and size > 0 and address + size <= 1 << 64
        _require(is_block, f"{name}: regs takes pairs of address and size", given=repr(regs))
    return pairs


def _require(is_right: bool, complaint: str, **facts: str) -> None:
    if not is_right:
        raise UsageError(complaint, **facts)


def unfit(device: PlatformDevice, arch: Arch) -> str | None:
    """Return why an architecture's machine cannot have a device, None if it can."""
    if arch.firmware is Firmware.NONE:
        return f"{arch}'s machine has no firmware that describes devices"
    if arch.firmware is Firmware.ACPI and any(map(_is_wide, device.properties.values())):
        # QEMU's DSDT has revision 1, and it decides the width of integers in all tables (ACPI 6.5, 5.2.11.1)
        return f"{arch}'s machine has an ACPI with numbers of 32 bits"
    if arch.word_bits == 32 and any(address + size > _CELL for address, size in device.regs):
        return f"{arch}'s kernel has addresses of 32 bits"
    if arch.firmware is Firmware.DEVICE_TREE and not device.compatible:
        return f"{arch}'s machine has no ACPI"
    return None


def _is_wide(value: Value) -> bool:
    return isinstance(value, Ints) and any(number >= _CELL for number in value.unsigned)


# -- device tree -------------------------------------------------------------------


def render_nodes(devices: Iterable[PlatformDevice], arch: Arch) -> str:
    """Render devices as device tree source below the root, with two cells for an address and for a size."""
    return "\n".join(("/ {", *(_node(device, arch) for device in devices), "};", ""))


def _node(device: PlatformDevice, arch: Arch) -> str:
    name = f"{device.name}@{device.regs[0][0]:x}" if device.regs else device.name
    lines = [_tree_property("compatible", device.compatible)]
    if device.regs:
        cells = (f"{part:#x}" for reg in device.regs for number in reg for part in divmod(number, _CELL))
        lines.append(f"reg = <{' '.join(cells)}>;")
    if device.irqs:
        specifiers = ", ".join(f"<{arch.tree_interrupt.replace('LINE', str(line))}>" for line in device.irqs)
        lines.append(f"interrupts-extended = {specifiers};")
    lines += [_tree_property(name, value) for name, value in device.properties.items() if value is not False]
    body = "\n".join(f"\t\t{line}" for line in lines)
    return f"\t{name} {{\n{body}\n\t}};"


def _tree_property(name: str, value: Value) -> str:
    text = _in_tree(name, value)
    return f"{name} = {text};" if text else f"{name};"


def _in_tree(name: str, value: Value) -> str:
    """Return a value in device tree source, "" for a property without one. Raises UsageError."""
    if isinstance(value, bool):
        return ""
    if isinstance(value, bytes):
        return f"[{value.hex(' ')}]"
    if isinstance(value, str):
        return _quoted(name, value)
    listed = _listed(name, value)
    if isinstance(listed, Ints):
        return f"/bits/ {listed.bits} <{' '.join(map(hex, listed.unsigned))}>"
    return ", ".join(_quoted(name, text) for text in listed)


# -- ACPI ----------------------------------------------------------------------------

_TABLE = """\
DefinitionBlock ("", "SSDT", 2, "RSTBED", "PLATFORM", 1)
{{
    Scope (\\_SB)
    {{
{devices}
    }}
}}
"""
_MEMORY = (
    "QWordMemory (ResourceConsumer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,"
    " 0, {first:#x}, {last:#x}, 0, {size:#x})"
)
_INTERRUPT = "Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive) {{ {line} }}"


def render_table(devices: Iterable[PlatformDevice]) -> str:
    """Render devices as the source of an ACPI table."""
    lines = (line for index, device in enumerate(devices) for line in _device(index, device))
    return _TABLE.format(devices="\n".join(f"        {line}" for line in lines))


def _device(index: int, device: PlatformDevice) -> Iterator[str]:
    yield f"Device (PD{index:02X})"
    yield "{"
    yield f'    Name (_HID, "{device.acpi_id or _BY_COMPATIBLE}")'
    yield f"    Name (_UID, {index})"
    if device.regs or device.irqs:
        yield "    Name (_CRS, ResourceTemplate () {"
        yield from (
            f"        {_MEMORY.format(first=at, last=at + size - 1, size=size)}" for at, size in device.regs
        )
        yield from (f"        {_INTERRUPT.format(line=line)}" for line in device.irqs)
        yield "    })"
    ids: dict[str, Value] = {} if device.acpi_id else {"compatible": device.compatible}
    if listed := {**ids, **device.properties}:
        yield f'    Name (_DSD, Package () {{ ToUUID ("{_PROPERTIES}"), Package () {{'
        yield from (
            f'        Package () {{ "{name}", {_in_table(name, value)} }},'
            for name, value in listed.items()
            if value is not False
        )
        yield "    } })"
    yield "}"


def _in_table(name: str, value: Value) -> str:
    """Return a property's value in ASL."""
    if isinstance(value, bool):
        return "1"
    if isinstance(value, bytes):
        return f"Buffer () {{ {', '.join(f'{byte:#x}' for byte in value)} }}"
    if isinstance(value, str):
        return _quoted(name, value)
    listed = _listed(name, value)
    words = (
        map(hex, listed.unsigned) if isinstance(listed, Ints) else (_quoted(name, text) for text in listed)
    )
    # a single number is an integer; several, or texts, are a package
    return "".join(words) if isinstance(value, int) else f"Package () {{ {', '.join(words)} }}"


# -- both ----------------------------------------------------------------------------


def _listed(name: str, value: int | Ints | Sequence[str] | Sequence[int]) -> Ints | tuple[str, ...]:
    """Return a property's numbers or texts as a sequence. Raises UsageError for a mixture."""
    if isinstance(value, Ints):
        return value
    if isinstance(value, int):
        return Ints((value,))
    if not isinstance(value, (list, tuple)):
        raise UsageError(f"{name}: not a value of a property: {value!r}")
    texts = tuple(item for item in value if isinstance(item, str))
    if len(texts) == len(value):
        return texts
    numbers = tuple(item for item in value if isinstance(item, int))
    if len(numbers) == len(value):
        return Ints(numbers)
    raise UsageError(f"{name} has strings or numbers, not both", given=repr(value))


def _quoted(name: str, text: str) -> str:
    """Return a text in quotation marks, valid for dtc and iasl. Raises UsageError."""
    if not (text.isascii() and text.isprintable()):
        raise UsageError(f"{name}: text for firmware must be printable ASCII", given=repr(text))
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
