"""Platform devices as device tree source and as ASL, and those that no firmware can describe."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rustbed.arch import ARCHES, Arch, Firmware
from rustbed.errors import UsageError
from rustbed.machine.platformdevice import Ints, PlatformDevice, render_nodes, render_table, unfit

DEVICE = PlatformDevice(
    name="toy",
    compatible="acme,toy",
    properties={
        "ready": True,
        "silent": False,
        "label": 'a "b" \\',
        "limit": 16,
        "below": -1,
        "pair": [1, 2],
        "names": ["x", "y"],
        "raw": b"\x00\xff",
        "wide": Ints((1 << 40,), bits=64),
    },
    regs=[(0x1_2000_0000, 0x1000)],
    irqs=[13, 14],
)


def test_node_of_a_device_tree() -> None:
    assert render_nodes([DEVICE], ARCHES["arm64"]) == (
        "/ {\n"
        "\ttoy@120000000 {\n"
        '\t\tcompatible = "acme,toy";\n'
        "\t\treg = <0x1 0x20000000 0x0 0x1000>;\n"
        "\t\tinterrupts-extended = <&{/intc@8000000} 0 13 4>, <&{/intc@8000000} 0 14 4>;\n"
        "\t\tready;\n"
        '\t\tlabel = "a \\"b\\" \\\\";\n'
        "\t\tlimit = /bits/ 32 <0x10>;\n"
        "\t\tbelow = /bits/ 32 <0xffffffff>;\n"
        "\t\tpair = /bits/ 32 <0x1 0x2>;\n"
        '\t\tnames = "x", "y";\n'
        "\t\traw = [00 ff];\n"
        "\t\twide = /bits/ 64 <0x10000000000>;\n"
        "\t};\n"
        "};\n"
    )


def test_device_of_an_acpi_table() -> None:
    table = render_table([DEVICE])
    for line in (
        'Name (_HID, "PRP0001")',
        "0, 0x120000000, 0x120000fff, 0, 0x1000)",
        "Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive) { 14 }",
        'Package () { "compatible", Package () { "acme,toy" } }',
        'Package () { "ready", 1 }',
        'Package () { "label", "a \\"b\\" \\\\" }',
        'Package () { "limit", 0x10 }',
        'Package () { "below", 0xffffffff }',
        'Package () { "pair", Package () { 0x1, 0x2 } }',
        'Package () { "names", Package () { "x", "y" } }',
        'Package () { "raw", Buffer () { 0x0, 0xff } }',
        'Package () { "wide", Package () { 0x10000000000 } }',
    ):
        assert line in table
    assert "silent" not in table


def test_id_of_acpi_needs_no_other() -> None:
    table = render_table(
        [PlatformDevice(name="a", acpi_id="LNUXBEEF"), PlatformDevice(name="b", compatible="x,y")]
    )
    assert table.count("compatible") == 1
    assert [line.strip() for line in table.splitlines() if "_HID" in line or "_UID" in line] == [
        'Name (_HID, "LNUXBEEF")',
        "Name (_UID, 0)",
        'Name (_HID, "PRP0001")',
        "Name (_UID, 1)",
    ]


@pytest.mark.parametrize(
    ("arch", "device", "why"),
    [
        ("x86_64", DEVICE, "x86_64's machine has an ACPI with numbers of 32 bits"),
        ("x86_64", replace(DEVICE, properties={"wide": Ints((5,), bits=64)}), None),
        ("riscv64", DEVICE, None),
        ("arm", replace(DEVICE, regs=[(0xFFFF_F000, 0x1000)], irqs=()), None),
        ("arm", replace(DEVICE, regs=[(0xFFFF_F000, 0x1001)]), "arm's kernel has addresses of 32 bits"),
        ("arm64", PlatformDevice(name="a", acpi_id="LNUXBEEF"), "arm64's machine has no ACPI"),
        ("loongarch64", DEVICE, "loongarch64's machine has no firmware that describes devices"),
        ("s390x", DEVICE, "s390x's machine has no firmware that describes devices"),
    ],
)
def test_machine_that_cannot_have_it_is_named(arch: str, device: PlatformDevice, why: str | None) -> None:
    assert unfit(device, ARCHES[arch]) == why


@pytest.mark.parametrize("row", ARCHES.values(), ids=str)
def test_a_device_tree_has_an_interrupt_controller(row: Arch) -> None:
    assert ("LINE" in row.tree_interrupt) == (row.firmware is Firmware.DEVICE_TREE)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"name": "a b"}, "'a b' is not a valid name of a device"),
        ({"name": ""}, "'' is not a valid name of a device"),
        ({"compatible": ()}, "toy has no id"),
        ({"acpi_id": 'X"'}, "is not an ACPI id"),
        ({"properties": {'a"': 1}}, "is not a valid name of a property"),
        ({"properties": {"compatible": "x"}}, "compatible is an argument, not a property"),
        ({"properties": {"a": 1 << 32}}, "0x100000000 does not fit in 32 bits"),
        ({"properties": {"a": -(1 << 31) - 1}}, "does not fit in 32 bits"),
        ({"properties": {"a": "line\nline"}}, "text for firmware must be printable ASCII"),
        ({"properties": {"a": "gr\u00fcn"}}, "text for firmware must be printable ASCII"),
        ({"properties": {"a": [1, "x"]}}, "a has strings or numbers, not both"),
        ({"properties": {"a": 1.5}}, "a: not a value of a property: 1.5"),
        ({"properties": {"a": None}}, "a: not a value of a property: None"),
        ({"regs": [(0, 0)]}, "toy: regs takes pairs of address and size"),
        ({"regs": [(1 << 64, 1)]}, "toy: regs takes pairs of address and size"),
        ({"regs": (0x1000, 0x100)}, "toy: regs takes pairs of address and size"),
        ({"regs": 5}, "toy: regs takes pairs of address and size"),
        ({"irqs": [-1]}, "toy: no such interrupt line"),
        ({"irqs": "13"}, "toy: no such interrupt line"),
    ],
)
def test_what_no_firmware_can_describe_is_refused(wrong: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        PlatformDevice(**{"name": "toy", "compatible": "acme,toy", **wrong})


def test_one_is_as_good_as_a_list_of_one() -> None:
    one = PlatformDevice(name="toy", compatible="acme,toy", irqs=[13])
    assert one == PlatformDevice(name="toy", compatible=["acme,toy"], irqs=(13,))


def test_numbers_of_other_widths_are_refused() -> None:
    with pytest.raises(UsageError, match="numbers cannot have 24 bits"):
        Ints((1,), bits=24)
