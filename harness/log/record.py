"""One printk is one record: from /dev/kmsg or from console text, and back to text.

Owns the two input formats and how a record is shown. Does not know what
the messages mean or where the bytes come from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

# level or time of a record that the source does not have
UNKNOWN = -1

# a line without an end that is longer than this is not a record: printk stops at a few KiB
_LONGEST = 64 * 1024

# Documentation/ABI/testing/dev-kmsg: priority,sequence,microseconds,flags[,more];text
# netconsole can put the kernel's release before it
_KMSG = re.compile(
    rb"(?:\d{1,2}\.\d{1,3}[^,;\s]{0,60},)?"
    rb"(\d{1,6}),(\d{1,20}),(\d{1,20}),[^;\n]*?(?:,caller=(\w+)[^;\n]*)?;(.*)",
    re.DOTALL,
)
_FIELD = re.compile(rb" ([^=\s]+)=(.*)", re.DOTALL)
_ESCAPE = re.compile(rb"\\x([0-9a-fA-F]{2})")

# CSI sequences with their parameters, and the two-character ones (firmware resets the terminal)
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[ -Z\\^-~])")
_LEVELS = ("emerg", "alert", "crit", "err", "warn", "notice", "info", "debug")
_DATE = (
    r"(?:(?:[A-Z][a-z]{2} )?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d\S{0,16}|\d{10}\.\d{6}(?= \S+ kernel: )"
    r"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}\]) "
)
# what printk puts before a message, each part if configured: syslog priority, seconds since boot,
# caller (CONFIG_PRINTK_CALLER: a task or, in interrupts, a processor). journalctl -o short-monotonic has the
# host behind the time
_PRINTED = (
    r"(?=[<\[])(?:<(\d{1,6}+)>|)(?:\[ *+(\d{1,12}+\.\d{3,6}+)\])?(?:\[ *+([TC]\d{1,10}+)\])?(?: |$|(?<=>))"
    r"(?:[\w.-]{1,64}+ kernel: |)"
)
# what others put before that: facility and level (dmesg -x), date, host and program (dmesg -T, syslog)
_LOGGED = (
    rf"(?:(kern|user|daemon|syslog) *:({'|'.join(_LEVELS)}) *: )?"
    rf"({_DATE}(?:(?:[\w.-]{{1,64}} ){{0,2}}kernel(?:\[\d+\])?: )?)?"
)
# a whole line, so that a text is split in one pass. The beginning of printk's own lines differs from those
# of loggers. `(?:...|)` replaces `(?:...)?+`, which fails in Debian 12's Python (gh-106052, fixed in 3.11.5)
_LINE = re.compile(rf"^(?:(?!\[[^A-Z]| ){_LOGGED}|)(?:{_PRINTED}|)(.*+)", re.MULTILINE)
# what stands before the message in most lines: only time and caller, or only the time
_PLAIN = re.compile(r"\n\[ *+(\d{1,12}+\.\d{3,6}+)\](?:\[ *+([TC]\d{1,10}+)\])? ")
_TIMED = re.compile(r"\n\[ *+(\d{1,12}+\.\d{3,6}+)\] ")
_KNOWN = re.compile(rf"(?:(?!\[[^A-Z]| ){_LOGGED})?(?:{_PRINTED})?")
_LOGGER = re.compile(_LOGGED)
# a time in the middle of a line: another task or processor had not finished its line
_TORN = re.compile(r"\[(?<=[^\n]\[)(?<!\d>\[) {0,4}\d{1,12}\.\d{6}\](?:\[ *[TC]\d{1,10}\])? ")
# the groups of _LINE: facility, level's name, date, priority, seconds since boot, caller, message
Parts = tuple[str, ...]
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One message of the kernel log."""

    # sequence number in the kernel's ring; the line's number (from 0) in console text
    seq: int
    # 0 (emergency) to 7 (debug), UNKNOWN from a console
    level: int
    # 0 is the kernel, 1 a user space that wrote to /dev/kmsg
    facility: int
    # microseconds since boot, UNKNOWN if the line had no time
    time_us: int
    # the message with escapes decoded; may hold newlines
    text: str
    # fields that drivers add to their messages: SUBSYSTEM, DEVICE
    fields: tuple[tuple[str, str], ...] = ()
    # who printed it: "T298" a task, "C0" an interrupt on a processor; "" if the source does not have it
    caller: str = ""


class Line(NamedTuple):
    """A record for fast reading: a tuple is made in a quarter of the time of a frozen dataclass."""

    # line number in the log, from 0
    number: int
    text: str
    caller: str
    level: int
    facility: int
    # seconds since boot as printed, "" if the line had no time
    stamp: str

    @property
    def time_us(self) -> int:
        """Microseconds since boot, UNKNOWN if the line had no time."""
        seconds, _, fraction = self.stamp.partition(".")
        return int(seconds + fraction.ljust(6, "0")) if self.stamp else UNKNOWN


def is_known_prefix(text: str) -> bool:
    """Whether a text consists only of prefixes of a message."""
    return _KNOWN.fullmatch(text) is not None or _saved_line(0, text) is not None


def strip_ansi(text: str) -> str:
    """Return the text without terminal control sequences."""
    return _ANSI.sub("", text) if "\x1b" in text else text


def parse_kmsg(data: bytes) -> tuple[tuple[Record, ...], bytes]:
    r"""Parse a stream of /dev/kmsg records; return them and the bytes to put before the next chunk.

    Records end with their newline. One whose text or fields are cut off is held back; fields
    (lines ` KEY=value`) that arrive apart from their record are dropped, as are lines
    that are not records. Never raises.
    """
    whole, rest = _split_complete(data)
    records: list[Record] = []
    header: re.Match[bytes] | None = None
    fields: list[tuple[str, str]] = []
    for line in whole.split(b"\n"):
        if line.startswith(b" "):
            if field := _FIELD.match(line):
                fields.append((_decode(field[1]), _decode(field[2])))
            continue
        if header is not None:
            records.append(_kmsg_record(header, fields))
        header, fields = _KMSG.fullmatch(line), []
    return tuple(records), rest


def _split_complete(data: bytes) -> tuple[bytes, bytes]:
    """Cut before the last record that is not whole; what comes first ends in a newline or is empty."""
    end = data.rfind(b"\n") + 1
    if end == len(data):
        return data, b""
    if data[end : end + 1] == b" ":
        # a cut-off field: back to the record it belongs to
        while end > 0 and data[end : end + 1] == b" ":
            end = data.rfind(b"\n", 0, end - 1) + 1
    rest = data[end:]
    return data[:end], rest if len(rest) <= _LONGEST else b""


def _kmsg_record(header: re.Match[bytes], fields: list[tuple[str, str]]) -> Record:
    priority = int(header[1])
    return Record(
        seq=int(header[2]),
        level=priority & 7,
        facility=priority >> 3,
        time_us=int(header[3]),
        text=_decode(header[5]),
        fields=tuple(fields),
        caller=(header[4] or b"").decode(),
    )


def _decode(data: bytes) -> str:
    r"""Undo the kernel's \xNN escapes, then decode UTF-8, replacing invalid bytes."""
    if b"\\" in data:
        data = _ESCAPE.sub(lambda match: bytes.fromhex(match[1].decode()), data)
    return data.decode(errors="replace")


def parse_console(text: str) -> tuple[Record, ...]:
    """Parse a console, dmesg or syslog: each line that is not empty is a record. Never raises."""
    return tuple(parse_lines(text))


def parse_lines(text: str, first: int = 0) -> Iterator[Record]:
    """Parse lines of a console or of a saved log one by one; `first` is the number of the first line.

    Also accepts saved output of /dev/kmsg. Never raises.
    """
    for line in split_lines(text, first):
        yield Record(
            seq=line.number,
            level=line.level,
            facility=line.facility,
            time_us=line.time_us,
            text=line.text,
            caller=line.caller,
        )


def split_lines(text: str, first: int = 0) -> Iterator[Line]:
    """Do as parse_lines, for callers that read much and keep little."""
    table = split_table(text, first)
    return filter(None, map(table.line, range(len(table.numbers))))


class Table(NamedTuple):
    """Lines taken apart: a column for each part, because most lines need no object of their own."""

    # counted in the log; of a line that was not finished each part is a row
    numbers: Sequence[int]
    # seconds since boot, "" if a line had no time
    stamps: Sequence[str]
    callers: Sequence[str]
    texts: Sequence[str]
    # all parts of each line, none if no line has others than these
    parts: Sequence[Parts]

    def line(self, row: int) -> Line | None:
        """Return a line, None if its message is empty."""
        number = self.numbers[row]
        if self.parts:
            return as_line(number, self.parts[row])
        # Line() would take twice the time
        return tuple.__new__(Line, (number, self.texts[row], self.callers[row], UNKNOWN, 0, self.stamps[row]))


def split_table(text: str, first: int = 0) -> Table:
    """Take the lines of a text apart, which may end with a newline; `first` is the number of the first."""
    text = strip_ansi(text)
    # to look for a letter takes a small part of the time that replacing it does
    if "\r" in text:
        text = text.replace("\r", "")
    text = text.removesuffix("\n")
    # most texts have no torn line
    if _TORN.search(text):
        return _as_table(*zip(*_torn_parts(text, first), strict=True))
    numbers: Sequence[int] = range(first, first + text.count("\n") + 1)
    if text[:1] == "[" and " kernel: " not in text:
        count = len(numbers)
        if "][" not in text:
            plain = _TIMED.split("\n" + text)
            if len(plain) == 1 + 2 * count:
                return Table(numbers, plain[1::2], [""] * count, plain[2::2], ())
        plain = _PLAIN.split("\n" + text)
        if len(plain) == 1 + 3 * count:
            return Table(numbers, plain[1::3], [caller or "" for caller in plain[2::3]], plain[3::3], ())
    return _as_table(numbers, _LINE.findall(text))


def _as_table(numbers: Sequence[int], parts: Sequence[Parts]) -> Table:
    *_, stamps, callers, texts = zip(*parts, strict=True)
    return Table(numbers, stamps, callers, texts, parts)


def as_line(number: int, parts: Parts) -> Line | None:
    """Return the line with these parts, None if its message is empty."""
    origin, severity, date, priority, stamp, caller, message = parts
    if stamp and not origin and not priority:
        # most lines come here; Line() would take twice the time
        return tuple.__new__(Line, (number, message, caller, UNKNOWN, 0, stamp))
    if origin or date or priority or caller:
        facility = int(origin not in ("", "kern"))
        level = _LEVELS.index(severity) if severity else UNKNOWN
        if priority:
            facility, level = divmod(int(priority), 8)
        return Line(number, message, caller, level, facility, stamp)
    return (_saved_line(number, message) or Line(number, message, "", UNKNOWN, 0, "")) if message else None


def _torn_parts(text: str, first: int) -> Iterator[tuple[int, Parts]]:
    """Yield number and groups of each line, and of each part of a torn line."""
    for number, line in enumerate(text.split("\n"), first):
        starts = [torn.start() for torn in _TORN.finditer(line)]
        if starts and (before := _LOGGER.match(line)) and before.end() == starts[0]:
            # the first part was only a logger's prefix
            del starts[0]
        for start, end in pairwise((0, *starts, len(line))):
            yield number, _LINE.findall(line[start:end])[0]


def _saved_line(number: int, line: str) -> Line | None:
    """Split a line of /dev/kmsg into parts; None if it is not in that format, or only a field."""
    may_be_one = line[:1].isdecimal() and "," in line[1:64]
    header = _KMSG.fullmatch(line.encode(errors="replace")) if may_be_one else None
    if header is None:
        return None
    record = _kmsg_record(header, [])
    seconds, micros = divmod(record.time_us, 1_000_000)
    stamp = f"{seconds}.{micros:06d}"
    return Line(number, record.text, record.caller, record.level, record.facility, stamp)


def render_record(record: Record) -> str:
    """Render a record as dmesg prints it; further lines of its text stand under the first."""
    stamp = ""
    if record.time_us != UNKNOWN:
        seconds, micros = divmod(record.time_us, 1_000_000)
        stamp = f"[{seconds:5d}.{micros:06d}] "
    text = record.text.removesuffix("\n").replace("\n", "\n" + " " * len(stamp))
    return stamp + _UNPRINTABLE.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def render_records(records: Iterable[Record]) -> str:
    """Render records one below the other, without a newline at the end."""
    return "\n".join(map(render_record, records))
