"""Frames of a report to functions, files and lines, which people read instead of offsets.

Owns the parsing of a frame, the choice of the place to blame, and
how both are shown. harness/symbols/ looks places up. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rustbed.log.decoded import as_printed, parse_decoded
from rustbed.log.families.places import is_of_tree
from rustbed.log.formats.panics import CLOSING_QUOTE
from rustbed.log.formats.row import SYMBOL, Kind
from rustbed.log.frame import LINE, Frame, match_counter, read_frames
from rustbed.log.headline import find_headline
from rustbed.log.occurrence import order_lines
from rustbed.log.record import Record
from rustbed.log.splat import Splat, find_splats
from rustbed.log.traces import readable

# places that reports themselves give: a Rust panic, WARN() and BUG() (CONFIG_DEBUG_BUGVERBOSE)
_PANICKED = re.compile(r"rust_kernel: panicked at (?P<file>[^'\n]*?):(?P<line>\d+):\d+:?(?:\n|$)")
_WARNED = re.compile(
    r"(?:WARNING: (?:CPU: \d+ PID: \d+ )?(?:at )?(?:\[.*?\] )?|kernel BUG at |UBSAN: [\w -]+? in )"
    r"(?P<file>[^\s:]+):(?P<line>\d+)\b"
)

# kinds that a timer finds, in any code that runs
_LOOPS = frozenset({Kind.SOFT_LOCKUP, Kind.HARD_LOCKUP, Kind.RCU_STALL})

_RELEASE = re.compile(r"CPU: \d+ .*(?:Not tainted|Tainted: [A-Z ]+?) +(\d+\.\d+\S*) #")

# files of libraries: the kernel's in Rust and C, and Rust's own
LIBRARY = re.compile(
    r"(?:.*/)?(?:library/(?:core|alloc|std)|include|rust/(?:kernel|helpers|pin-init|macros|ffi|bindings))/"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A function and where in its source it is."""

    # demangled
    function: str
    # relative to the kernel's or the module's directory, "" if unknown
    file: str
    # 0 if unknown
    line: int
    # the same file on this host, "" if unknown
    path: str = ""

    @property
    def is_rust(self) -> bool:
        """Whether it is in Rust."""
        return self.file.endswith(".rs")

    def __str__(self) -> str:
        """Return file and line as compilers print them."""
        return f"{self.file}:{self.line}" if self.file else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Located:
    """A frame that was looked up."""

    # the symbol it is in, as in the file, and the offset from there to the frame's address
    symbol: str
    offset: int
    # innermost inlined function first, the function of `symbol` last
    places: tuple[Place, ...]


@dataclass(frozen=True, kw_only=True)
class Build:
    """The kernel that wrote a log; "" where the log does not say."""

    # "Linux version ...", to the end of the line
    banner: str = ""
    # uname -r
    release: str = ""


@dataclass(frozen=True, kw_only=True)
class Symbols:
    """The places of a report's frames."""

    found: Mapping[Frame, Located] = field(default_factory=dict)
    # the function with the line that a Rust panic names, if no frame is in that function
    panicked: Place | None = None
    # why some frames were not looked up, a line each
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Blame:
    """The place that a report points at."""

    function: str
    # "" and 0 if unknown
    file: str
    line: int
    path: str = ""
    # number and text of each line around it; empty without the source
    source: tuple[tuple[int, str], ...] = ()


def find_build(records: Iterable[Record]) -> Build:
    """Return the kernel that wrote the records."""
    banner = release = ""
    for record in records:
        if record.text.startswith("Linux version "):
            banner = record.text.strip()
        elif "ainted" in record.text and (match := _RELEASE.search(record.text)):
            release = match[1]
    return Build(banner=banner, release=release)


def find_frames(records: Iterable[Record]) -> dict[Frame, None]:
    """Return the frames in the records, each once, in their order."""
    lines = [line for record in records for line in record.text.split("\n")]
    return dict.fromkeys(frame for line, frame in zip(lines, read_frames(lines), strict=True) if frame)


# -- blame -------------------------------------------------------------------------


def refine(splat: Splat, records: Sequence[Record], symbols: Symbols) -> tuple[Splat, Blame | None]:
    """Return a splat with the function to blame by debug information, and the function's place.

    `records` are those in which the splat was found. The place is None if neither the
    debug information nor the report itself has it.
    """
    own = tuple(records[splat.first : splat.last + 1])
    corrected = _correct(own, symbols)
    files = _find_files(symbols)
    again = find_splats(corrected, files) if files or corrected != own else ()
    if again and again[0].kind is splat.kind:
        splat = replace(splat, title=again[0].title, function=again[0].function)
    blame = _find_blame(splat, own, symbols)
    if blame is None:
        return splat, None
    splat = replace(splat, file=blame.file or None, line=blame.line or None)
    if not blame.function:
        return splat, blame
    title = splat.title
    if splat.function:
        title = re.sub(rf" in {re.escape(splat.function)}(?=/|$)", lambda _: f" in {blame.function}", title)
    elif splat.kind is Kind.RUST_PANIC:
        title = f"{title} in {blame.function}"
    return replace(splat, title=title, function=blame.function), blame


def _find_files(symbols: Symbols) -> dict[str, str]:
    """Return the file of each function by this kernel's debug information, without loadable modules."""
    return {
        readable(located.symbol): located.places[-1].file
        for frame, located in symbols.found.items()
        if not frame.module and located.places and is_of_tree(located.places[-1].file)
    }


def blame_frame(frame: Frame, symbols: Symbols) -> Blame:
    """Return the place of a single frame: its own function and line, outside of libraries."""
    located = symbols.found.get(frame)
    if located is None or not located.places:
        return Blame(function=readable(frame.symbol), file="", line=0)
    place = _own_place(located.places)
    return Blame(function=place.function, file=place.file, line=place.line, path=place.path)


def _correct(records: tuple[Record, ...], symbols: Symbols) -> tuple[Record, ...]:
    """Return the records with names for frames that the kernel names wrongly, or not at all.

    If a call that never returns is a function's last instruction, its return address
    is the first one of the next function, which arm64 and riscv print. Code of a module that is
    gone has no name.
    """
    texts = [record.text.split("\n") for record in records]
    frames = iter(read_frames([line for lines in texts for line in lines]))
    return tuple(
        replace(record, text="\n".join(_corrected(line, next(frames), symbols) for line in lines))
        for record, lines in zip(records, texts, strict=True)
    )


def _corrected(line: str, frame: Frame | None, symbols: Symbols) -> str:
    located = symbols.found.get(frame) if frame else None
    match = LINE.match(line)
    if match is None or frame is None or located is None or located.symbol == frame.symbol:
        return line
    module = f" [{frame.module}]" if frame.module else ""
    before = line[: match.start("symbol")] if match["callee"] else match["head"] or " "
    # its size is unknown, and not 0: the processor may have stopped at its beginning
    return f"{before}{located.symbol}+{located.offset:#x}/{max(located.offset, 1):#x}{module}"


def _find_blame(splat: Splat, records: Sequence[Record], symbols: Symbols) -> Blame | None:
    lines = _in_order(records)
    located = [symbols.found[frame] for _, frame in lines if frame and frame in symbols.found]
    blamed = next((found.places for found in located if readable(found.symbol) == splat.function), ())
    place = _own_place(blamed) if blamed else None
    if blamed and splat.kind in _LOOPS:
        # the result may be any of its inlined functions
        place = blamed[-1]
    if place is None or not place.file:
        place = _decoded(splat.function, [line for line, _ in lines]) or place
    if splat.kind is Kind.RUST_PANIC and (said := said_by_panic(records)):
        # the message has the line, and the trace the function around it
        places = [place for found in located for place in found.places]
        around = next((found for found in places if _is_there(found, said)), symbols.panicked)
        if around is not None:
            place = around
        elif not LIBRARY.match(said.file) or place is None:
            place = replace(said, function=place.function if place else splat.function)
    elif said := _said(_WARNED, records):
        # for a trap the report is more precise than debug information, but what warns may be plumbing
        traps = [found for found in blamed if same_file(found.file, said.file)]
        if traps:
            place = replace(traps[0], line=said.line)
        elif not located and not LIBRARY.match(said.file) and _is_blamed_itself(splat, records):
            place = replace(said, function=splat.function)
    if place is None or not place.file:
        return None
    return Blame(function=place.function, file=place.file, line=place.line, path=place.path)


def said_by_panic(records: Sequence[Record]) -> Place | None:
    """Return the place of a Rust panic, which older kernels print behind the message."""
    return _said(_PANICKED, records) or _said(CLOSING_QUOTE, records)


def _in_order(records: Sequence[Record]) -> list[tuple[str, Frame | None]]:
    """Return the lines of a report and their frames, the most likely to blame first."""
    lines = [line for record in records for line in record.text.split("\n")]
    frames = read_frames(lines)
    printed = [as_printed(line) for line in lines]
    looks = enumerate(map(find_headline, printed))
    first, headline = next(((at, found) for at, found in looks if found), (0, None))
    order = order_lines(headline.row, printed[first:]) if headline else range(len(lines))
    return [(lines[first + number], frames[first + number]) for number in order]


def _decoded(function: str, lines: Sequence[str]) -> Place | None:
    """Return the place of a function in a decoded log."""
    frames = (frame for line in lines if (frame := parse_decoded(line)))
    found = next((frame for frame in frames if frame.places and readable(frame.name) == function), None)
    places = [Place(function=function, file=file, line=line) for file, line in found.places] if found else []
    return _own_place(places) if places else None


def _is_blamed_itself(splat: Splat, records: Sequence[Record]) -> bool:
    """Whether the blamed function is the innermost one of the report.

    If the innermost is a service, the headline's file is the service's.
    """
    texts = [as_printed(line) for record in records for line in record.text.split("\n")]
    if splat.kind is Kind.UBSAN or not splat.function:
        return True
    named = re.match(rf"WARNING: .* (?P<symbol>{SYMBOL})\+0x", "\n".join(texts[:3]), re.MULTILINE)
    stopped = next((match for text in texts if (match := match_counter(text))), named)
    return stopped is not None and readable(stopped["symbol"]) == splat.function


def _own_place(places: Sequence[Place]) -> Place:
    """Return the innermost place that is not in a library; the outermost if all are."""
    return next((place for place in places if place.file and not LIBRARY.match(place.file)), places[-1])


def _said(pattern: re.Pattern[str], records: Sequence[Record]) -> Place | None:
    """Return the place that the report itself names."""
    match = next((found for record in records if (found := pattern.match(record.text))), None)
    return match and Place(function="", file=match["file"], line=int(match["line"]))


def _is_there(place: Place, said: Place) -> bool:
    return place.line == said.line and same_file(place.file, said.file)


def same_file(one: str, other: str) -> bool:
    """Whether two paths mean one file; one of them may have more directories before it."""
    return one == other or one.endswith(f"/{other}") or other.endswith(f"/{one}")
