"""What devices in Python did beside what the kernel said: rows by time, and their picture in the page."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.report.test_html import STARTED, Reader, entry

from rustbed import (
    Control,
    Direction,
    GpioInterrupt,
    GpioRead,
    GpioSetup,
    GpioWrite,
    Heard,
    I2cRead,
    I2cWrite,
    Moved,
    Said,
    SpiTransfer,
)
from rustbed.devices.history import render_timed
from rustbed.devices.serial import render_talk
from rustbed.devices.usb.events import Configured, Plug
from rustbed.report.accesses import MOST, Row, Served, lay_out, load_served
from rustbed.report.html import Entry, Session, render_page

TRACE = """\
# began 100.500000
# device 1b36:0005 class ff0000 revision 00 intx 0 msi 1 msix 0
0.100000 read config+0x0 width 4 value 0x51b36
0.200000 write bar0+0x0 width 1 value 0x0
0.300000 read bar0+0x4 width 4 value 0x10
0.310000 read bar0+0x4 width 4 value 0x10
0.500000 interrupt 0 lost
"""
LOG = "[    1.750000] pci <b>found</b>\n[    1.875000] done\nnot a record\n"


def test_rows_of_device_and_kernel_are_by_one_clock() -> None:
    assert lay_out(TRACE, LOG, kernel_began=99.0) == [
        Row(at_s=0.2, text="write bar0+0x0 width 1 value 0x0"),
        Row(at_s=0.25, text="pci <b>found</b>", is_kernel=True),
        Row(at_s=0.3, text="read bar0+0x4 width 4 value 0x10", times=2),
        Row(at_s=0.375, text="done", is_kernel=True),
        Row(at_s=0.5, text="interrupt 0 lost"),
    ]


def test_without_the_kernels_clock_the_device_stands_alone() -> None:
    assert [row.is_kernel for row in lay_out(TRACE, LOG, kernel_began=None)] == [False] * 3


def test_trace_without_a_beginning_has_no_rows() -> None:
    assert lay_out(TRACE.partition("\n")[2], LOG, kernel_began=99.0) == []


def test_events_of_each_bus_have_their_lane() -> None:
    traces = {
        "reads": [
            render_timed([I2cRead(0x30, b"1")]),
            render_talk([Said(b"1")]),
            render_timed([Control(0xC0, 1), Moved(0x81, b"1")]),
            render_timed([SpiTransfer(received=b"1")]),
            render_timed([GpioRead("busy", 1)]),
        ],
        "writes": [
            render_timed([I2cWrite(0x30, b"1")]),
            render_talk([Heard(b"1")]),
            render_timed([Control(0x40, 128), Moved(0x01, b"1")]),
            render_timed([SpiTransfer(b"1"), SpiTransfer(b"1", b"2")]),
            render_timed([GpioWrite("busy", 1)]),
        ],
        "interrupts": [render_timed([GpioInterrupt("busy")])],
        "resets": [
            render_timed([Plug(True), Configured(1)]),
            render_timed([GpioSetup("busy", Direction.IN)]),
        ],
    }
    found = {
        lane: {row.lane for text in texts for row in lay_out(f"# began 1.0\n{text}", "", kernel_began=None)}
        for lane, texts in traces.items()
    }
    assert found == {lane: {lane} for lane in traces}


def write_run(session: Path, verdict: str) -> None:
    (session / "run" / "machine-2").mkdir(parents=True)
    (session / "run" / "verdict.json").write_text(verdict)
    for place in ("run", "run/machine-2"):
        (session / place / "kernel.log").write_text(LOG)
    (session / "run" / "machine-2" / "Blinker.trace").write_text(TRACE)


def test_devices_of_all_machines_are_found(tmp_path: Path) -> None:
    machines = [{"directory": name, "kernel_began": 99.0} for name in (".", "machine-2")]
    write_run(tmp_path, json.dumps({"machines": machines}))
    (served,) = load_served(tmp_path, "run")
    assert served.name == "run/machine-2/Blinker.trace"
    assert len(served.rows) == 5


def test_verdict_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    write_run(tmp_path, '{"machines": [{"directory": "."}')
    assert load_served(tmp_path, "run") == ()


def page(rows: tuple[Row, ...]) -> str:
    served = Served(name="run/<i>.trace", rows=rows)
    tested: Entry = entry()
    entries = (Entry(result=tested.result, served=(served,)),)
    return render_page(Session(started=STARTED, asked="", entries=entries))


def test_page_draws_each_row_in_its_lane_and_escapes_it() -> None:
    reader = Reader(page(tuple(lay_out(TRACE, LOG, kernel_began=99.0))))
    marks = [attributes for tag, attributes in reader.elements if tag == "rect"]
    assert [(mark["class"], mark["y"]) for mark in marks] == [
        *(("amber", "18"), ("green", "82"), ("amber", "2"), ("green", "82"), ("amber", "34")),
    ]
    assert "read bar0+0x4 width 4 value 0x10 (2 times)" in reader.text
    assert "pci <b>found</b>" in reader.text
    assert not [tag for tag, _ in reader.elements if tag in ("b", "i")]


def test_page_shows_the_last_rows_of_many() -> None:
    rows = tuple(Row(at_s=number, text=f"read bar0+{number:#x}") for number in range(MOST + 7))
    reader = Reader(page(rows))
    assert "7 earlier rows are in the trace." in reader.text
    assert len([tag for tag, _ in reader.elements if tag == "rect"]) == MOST


def test_page_without_devices_does_not_mention_them() -> None:
    assert "Devices in Python" not in render_page(Session(started=STARTED, asked="", entries=(entry(),)))
