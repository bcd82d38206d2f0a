"""Recordings of devices: our format, and what the kernel's mmiotrace leaves."""

from __future__ import annotations

import re

import pytest

from rustbed.devices.recording import (
    Recording,
    Shape,
    Touched,
    find_registers,
    parse_mmiotrace,
    parse_recording,
    render_recording,
)
from rustbed.devices.trace import Dma, Interrupt, Read, Reset, Write
from rustbed.errors import SpecError

RECORDING = Recording(
    vendor_id=0x1B36,
    device_id=5,
    class_code=0x00FF00,
    revision=0x10,
    intx=True,
    msi=4,
    msix=8,
    bars=(Shape(index=0, size=4096, bits=64), Shape(index=2, size=256, io=True)),
    events=(
        Read(7, 0, 4, 0x51B36, 0.5),
        Read(0, 4, 4, 0x10, 1.25),
        Write(2, 8, 1, 0xFA, 2.0),
        Interrupt(3, delivered=False, at=2.5),
        Dma("read", 0x1000, 64, at=3.0),
        Reset(4.0),
    ),
)

MMIOTRACE = """\
VERSION 20070824
PCIDEV 0008 10de0171 0 e4000004 0 d0000008 0 e401 0 0 1000000 0 8000000 0 80 0 0 nouveau
PCIDEV 0010 1b360005 0 fb000000 e801 0 0 0 0 0 1000 100 0 0 0 0 0\x20
MARK 42.000001 probing
MAP 42.000002 1 0xfb000000 0xffffc90000000000 0x1000 0x0 0
W 1 42.000010 1 0xfb000000 0x0 0xffffffffc0001000 0
R 4 42.000020 1 0xfb000004 0x10 0x0 0
R 1 42.000030 1 0xfb000008 0xfffffffffffffffa 0x0 0
UNKNOWN 42.000035 1 0xfb000010 00,00,00 0x0 0
W 1 42.000040 1 0xfb000010 0xfa 0x0 0
UNMAP 42.000050 1 0x0 0
"""


def test_recording_survives_being_written() -> None:
    assert parse_recording(render_recording(RECORDING)) == RECORDING


def test_trace_without_a_device_is_refused() -> None:
    with pytest.raises(SpecError, match="no line says what the device is"):
        parse_recording("1.000000 reset\n")


def test_mmiotrace_gives_the_accesses_to_the_device_and_its_bars() -> None:
    found = parse_mmiotrace(MMIOTRACE)
    assert (found.vendor_id, found.device_id) == (0x1B36, 0x0005)
    assert found.bars == (Shape(index=0, size=4096), Shape(index=1, size=256, io=True))
    assert list(found.events) == [
        Write(0, 0, 1, 0),
        Read(0, 4, 4, 16),
        Read(0, 8, 1, 0xFA),
        Write(0, 16, 1, 0xFA),
    ]
    assert [round(event.at * 1e6) for event in found.events] == [0, 10, 20, 30]


def test_device_of_several_that_were_touched_is_to_be_named() -> None:
    both = MMIOTRACE + "R 4 42.1 2 0xd0000004 0x77 0x0 0\n"
    with pytest.raises(SpecError, match="accesses to 2 devices") as caught:
        parse_mmiotrace(both)
    assert caught.value.choices == ("10de:0171", "1b36:0005")
    other = parse_mmiotrace(both, "10de:0171")
    assert (other.events, other.bars[1]) == ((Read(2, 4, 4, 0x77),), Shape(index=2, size=0x8000000))
    assert [(bar.index, bar.bits, bar.io) for bar in other.bars] == [
        (0, 64, False),
        (2, 32, False),
        (4, 32, True),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "this is not an mmiotrace"),
        ("R 4 42.1 2 0xd0000004 0x77 0x0 0\n", "this is not an mmiotrace"),
        ("VERSION 20070824\n", "accesses to 0 devices"),
        (MMIOTRACE + "mmiotrace has lost 17 events\n", "incomplete: mmiotrace has lost 17 events"),
        ("VERSION 20070824\nPCIDEV 0008 10de0171 0 e4\n", "2: not a line PCIDEV"),
        ("VERSION 20070824\nPCIDEV\x20\n", "2: not a line PCIDEV"),
    ],
)
def test_other_files_are_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(SpecError, match=re.escape(said)):
        parse_mmiotrace(text)


def test_registers_are_what_the_widest_accesses_touch() -> None:
    found = find_registers(
        [
            Read(7, 0, 4, 1),
            Write(0, 8, 4, 1),
            Read(0, 9, 1, 7),
            Read(0, 0, 4, 3),
            Read(0, 0, 4, 5),
            Read(1, 0, 2, 9),
        ]
    )
    assert found == [
        Touched(bar=0, offset=0, width=4, first=3, is_read=True, is_written=False),
        Touched(bar=0, offset=8, width=4, first=None, is_read=True, is_written=True),
        Touched(bar=1, offset=0, width=2, first=9, is_read=True, is_written=False),
    ]
