"""The section of report.html on devices in Python: their events beside the kernel's records, by time.

Reads the traces in a run directory; the rest is pure. Text of guests is hostile, and is escaped here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from rustbed import runfiles
from rustbed.escape import html_text as escape

# limits of the page: devices, and rows of each device (its last ones)
MOST_DEVICES, MOST = 40, 200
# characters of a row's text
_LONGEST = 200
# pixels of the picture: width of the lanes' names, total width, height of a lane
_LEFT, _WIDTH, _LANE = 80, 1100, 16
# an event of USB whose endpoint or request type has bit 0x80: bytes go to the guest
_TO_GUEST = r"(Control\(request_type|Moved\(endpoint)=(12[89]|1[3-9]\d|2\d\d)\b"
# lanes of the picture from the top, and how their events begin, for all buses; kernel records have their own
_LANES = {
    "reads": re.compile(rf"read |I2cRead\(|GpioRead\(|SpiTransfer\(sent=b''|peer |{_TO_GUEST}"),
    "writes": re.compile(r"write |I2cWrite\(|GpioWrite\(|SpiTransfer\(|guest |Control\(|Moved\("),
    "interrupts": re.compile(r"interrupt|GpioInterrupt\("),
    "DMA": re.compile(r"dma-"),
    # all other events of a device, such as being plugged in or configured
    "resets": re.compile(r""),
}
_KERNEL = "kernel"
# accesses of the kernel's PCI core, not of the driver
_CONFIG = re.compile(r"(read|write) config\+")

_BEGAN = re.compile(r"^# began (\d+\.\d+)$", re.MULTILINE)
_EVENT = re.compile(r"(\d+\.\d+) (.+)")
_RECORD = re.compile(r"\[ *(\d+\.\d+)\] (.*)")


@dataclass(frozen=True, kw_only=True)
class Row:
    """An event."""

    # seconds since the device was created
    at_s: float
    text: str
    # whether it is from the kernel log; otherwise it is from the device's trace
    is_kernel: bool = False
    # how often it happened in a row
    times: int = 1

    @property
    def lane(self) -> str:
        """The name of its lane in the picture."""
        found = (lane for lane, start in _LANES.items() if start.match(self.text))
        return _KERNEL if self.is_kernel else next(found)


@dataclass(frozen=True, kw_only=True)
class Served:
    """A device of a test, with its events."""

    # path of the trace, relative to the session's directory
    name: str
    rows: tuple[Row, ...]


def load_served(session: Path, run: str) -> tuple[Served, ...]:
    """Return the devices in a test's run directory whose trace has the time of its beginning.

    Files that cannot be read are skipped.
    """
    found: list[Served] = []
    with suppress(OSError, ValueError, LookupError, TypeError):
        told = json.loads((session / run / runfiles.VERDICT).read_text(encoding="utf-8"))
        for machine in told["machines"]:
            directory = session / run / machine["directory"]
            log = (directory / runfiles.KERNEL).read_text(errors="replace")
            for path in sorted(directory.glob(f"*{runfiles.TRACE}")):
                rows = lay_out(path.read_text(errors="replace"), log, machine["kernel_began"])
                if rows:
                    found.append(Served(name=str(path.relative_to(session)), rows=tuple(rows)))
    return tuple(found)


def lay_out(trace: str, log: str, kernel_began: float | None) -> list[Row]:
    """Return the rows of a device's trace and of the kernel log, by time; none for a trace without times.

    `kernel_began` is the host's monotonic time at which the kernel's clock was 0; without it the kernel
    log is left out.
    """
    began = _BEGAN.search(trace)
    if began is None:
        return []
    lines = [match for match in map(_EVENT.fullmatch, trace.splitlines()) if match]
    rows = [
        Row(at_s=float(at), text=text) for at, text in (m.groups() for m in lines) if not _is_config(text)
    ]
    if rows and kernel_began is not None:
        shift = kernel_began - float(began[1])
        records = [match for match in map(_RECORD.fullmatch, log.splitlines()) if match]
        rows += [Row(at_s=float(m[1]) + shift, text=m[2], is_kernel=True) for m in records]
    return list(_folded(sorted(rows, key=lambda row: row.at_s)))


def _is_config(text: str) -> bool:
    return _CONFIG.match(text) is not None


def _folded(rows: Sequence[Row]) -> Iterator[Row]:
    """Yield rows, with consecutive equal ones as one row, because drivers poll."""
    for _, same in groupby(rows, key=lambda row: (row.text, row.is_kernel)):
        first, *more = same
        yield Row(at_s=first.at_s, text=first.text, is_kernel=first.is_kernel, times=1 + len(more))


def render_devices(devices: Sequence[Served]) -> str:
    """Render the first devices; "" if there are none."""
    parts = "".join(map(_device, devices[:MOST_DEVICES]))
    more = len(devices) - MOST_DEVICES
    note = (
        f'<p class="faint">And {more} more, whose traces are in the run directories.</p>' if more > 0 else ""
    )
    return f"<section><h2>Devices in Python</h2>{parts}{note}</section>" if devices else ""


def _device(served: Served) -> str:
    """Render a device: its picture, and its last rows."""
    rows = served.rows[-MOST:]
    left = len(served.rows) - len(rows)
    note = f'<p class="faint">{left} earlier rows are in the trace.</p>' if left else ""
    return (
        f"<details><summary>{escape(served.name)}</summary>{_picture(rows)}{note}"
        '<div class="wide"><table class="accesses"><thead><tr><th scope="col">seconds</th>'
        '<th scope="col">device</th><th scope="col">kernel</th></tr></thead>'
        f"<tbody>{''.join(map(_line, rows))}</tbody></table></div></details>"
    )


def _line(row: Row) -> str:
    times = f" ({row.times} times)" if row.times > 1 else ""
    text = escape(row.text[:_LONGEST] + times)
    cells = ("", text) if row.is_kernel else (text, "")
    return f'<tr><td class="seconds">{row.at_s:.6f}</td><td>{cells[0]}</td><td>{cells[1]}</td></tr>'


def _picture(rows: Sequence[Row]) -> str:
    """Render a mark for each row, by time, with a lane for each kind of event."""
    lanes = [*_LANES, _KERNEL]
    begin, end = rows[0].at_s, rows[-1].at_s
    scale = (_WIDTH - _LEFT - 10) / max(1e-6, end - begin)
    height = len(lanes) * _LANE + 18
    names = (
        f'<text x="0" y="{number * _LANE + 12}">{lane}</text>'
        f'<line x1="{_LEFT}" y1="{number * _LANE + 8}" x2="{_WIDTH}" y2="{number * _LANE + 8}"/>'
        for number, lane in enumerate(lanes)
    )
    marks = (
        f'<rect class="{"green" if row.is_kernel else "amber"}" x="{_LEFT + (row.at_s - begin) * scale:.1f}"'
        f' y="{lanes.index(row.lane) * _LANE + 2}" width="2" height="{_LANE - 4}">'
        f"<title>{row.at_s:.6f} s {escape(row.text[:_LONGEST])}</title></rect>"
        for row in rows
    )
    return (
        f'<div class="wide"><svg width="{_WIDTH}" height="{height}" role="img"'
        f' aria-label="{len(rows)} events in {end - begin:.3f} seconds">{"".join(names)}{"".join(marks)}'
        f'<text x="{_LEFT}" y="{height - 4}">{begin:.3f} s</text>'
        f'<text x="{_WIDTH}" y="{height - 4}" text-anchor="end">{end:.3f} s</text></svg></div>'
    )
