"""Real reports, with what llvm-symbolizer said of their addresses.

lines/NAME.log is a report of tests/boot/modules/pointed, registers and doubtful frames left out;
lines/NAME.json is what rustbed.symbols.symbolizer made of its frames, and where no frame shows who
panicked, what rustbed.symbols.linetable found for the line of the message.
"""

from __future__ import annotations

import json
from pathlib import Path

from rustbed.log.frame import Frame
from rustbed.log.record import Record, parse_console
from rustbed.log.splat import Splat, find_splats
from rustbed.log.symbolize import Located, Place, Symbols, find_frames

LINES = Path(__file__).parent / "lines"
NAMES = sorted(path.stem for path in LINES.glob("*.log"))
MODULE = Path(__file__).parents[2] / "boot/modules/pointed/pointed.rs"


def marked(name: str) -> int:
    """Return the number of the line that a comment of the module names."""
    (number,) = [
        number
        for number, line in enumerate(MODULE.read_text().splitlines(), start=1)
        if line.endswith(f"// line: {name}")
    ]
    return number


def place(function: str, file: str, line: int) -> Place:
    return Place(function=function, file=file, line=line)


def load(name: str) -> tuple[Splat, tuple[Record, ...], Symbols]:
    records = parse_console((LINES / f"{name}.log").read_text())
    rows = json.loads((LINES / f"{name}.json").read_text())
    told = {row["at"]: row for row in rows if "at" in row}
    found = {
        frame: Located(
            symbol=row["symbol"],
            offset=row["offset"],
            places=tuple(place(*each) for each in row["places"]),
        )
        for frame in find_frames(records)
        if (row := told.get(f"{frame.symbol}+{frame.offset:#x}/{frame.size:#x}"))
    }
    assert len(found) == len(told)
    (splat,) = find_splats(records)
    panicked = next((place(*row["panicked"]) for row in rows if "panicked" in row), None)
    return splat, records, Symbols(found=found, panicked=panicked)


def frames(*lines: str) -> list[Frame]:
    return list(find_frames(parse_console("\n".join(lines))))


def point(symbol: str, offset: int, size: int, *, module: str = "", returns: bool = True) -> Frame:
    return Frame(symbol=symbol, offset=offset, size=size, module=module, returns=returns)


def located(function: str, *places: tuple[str, str, int]) -> Located:
    return Located(
        symbol=function,
        offset=1,
        places=tuple(place(*each) for each in places),
    )


def only(text: str) -> tuple[Splat, tuple[Record, ...]]:
    records = parse_console(text)
    (splat,) = find_splats(records)
    return splat, records
