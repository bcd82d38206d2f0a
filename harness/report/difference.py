"""The differences between two runs of one test: on two architectures, or two kernels.

Owns which parts of a run are compared, and in which form. Does not know files. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from rustbed.log.record import parse_console
from rustbed.log.splat import find_splats
from rustbed.report.verdict import Outcome

# addresses, and numbers as large as addresses, differ in every run
_ADDRESS = re.compile(r"\b(?:0x[0-9a-fA-F]{5,}|[0-9a-f]{8,}|\d{8,})\b")
# windows of bridges and BARs: their addresses differ by machine, and those of I/O ports are short
_RANGE = re.compile(r"\[(?P<space>io|mem|bus) +[^\]]*\]")
# the same in a device's trace: the registers of BARs in its config space
_BAR = re.compile(r"(?P<register>\bconfig\+0x(?:1[048c]|2[04]) width 4 value) 0x\w+")
# host bridges of a device tree are platform devices, those of ACPI are not
_BRIDGE = re.compile(r"/sys/devices/(?:platform/(?:soc/)?)?[\w.]*?/?pci\d{4}:\d\d\b")
# PCI devices: machines number them differently, and on s390x each has a domain of its own
_PLACE = re.compile(r"\b[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f](?P<function>\.[0-7])\b")
# the number of a process in a kernel record
_PID = re.compile(r"\b(?P<word>process |pid:|PID: )\d+\b")
# the number of a session of system calls
_SESSION = re.compile(r"/run/rbctl-\d+")
# the kernel log after this record belongs to drivers and tests
_BOOTED = "Run /init as init process"
# its lines: arguments and environment of the process, among them words of the machine's command line
_OF_BOOTED = "  "
# commands in the transcript of harness/guest/shell.py; the output of a command may be anything
_ANSWER = re.compile(
    r"^\$ rbctl (?P<command>(?P<verb>\w+)[^\n]*)\n(?P<output>.*?)\n\[(?P<status>\d+)\]$",
    re.DOTALL | re.MULTILINE,
)
# rbctl prints the number, value and errno of a system call, and bytes that were read, which depend on the
# byte order of the machine unless they are text
_CALLS, _LOADS = ("sys", "ask"), ("insmod", "rmmod")
_TOLD = 3
# steps whose value is a pid
_PROCESS = re.compile(r" (?:pid|exit)$")
# files of the kernel's whose contents are compared if they are text: sysfs, debugfs, configfs
_SYSFS = re.compile(r" open:r:/sys/")
# reads by the harness itself, when it loads a module
_OURS = re.compile(r"open:r:/sys/module/\w+/sections/")
# the kernel calibrates and chooses its clock seconds after the boot, at a random point of the test
_CLOCK = re.compile(r"^(?:tsc: Refined TSC|clocksource: )")
# outcomes that a mark of the test declares, with the reason
_MARKED = frozenset({Outcome.SKIP, Outcome.XFAIL})
# beginning of the header lines of a device's trace
_HEADER = "#"


@dataclass(frozen=True, kw_only=True)
class Ran:
    """One run of a test, in the form in which it is compared."""

    # the test's id, without the architecture
    test: str
    arch: str
    # lines by part: the outcome, a machine's answers or records, a device's trace
    parts: Mapping[str, tuple[str, ...]]
    # why it did not run to its end or failed as expected: the reason that its mark gives, else ""
    excuse: str = ""

    @property
    def outcome(self) -> str:
        """How the test ended, as in its verdict."""
        return " ".join(self.parts.get("outcome", ()))


def name_test(nodeid: str, arch: str) -> str:
    """Return a test's id without the architecture that is one of its parameters."""
    test, bracket, parameters = nodeid.removesuffix("]").partition("[")
    left = "-".join(word for word in parameters.split("-") if word != arch)
    return f"{test}[{left}]" if bracket and left else test


def comparable_records(log: str) -> tuple[str, ...]:
    """Return the records with text of a log after the boot, without addresses; a splat becomes one line."""
    records = parse_console(log)
    begin = max((index + 1 for index, record in enumerate(records) if record.text == _BOOTED), default=0)
    while begin and begin < len(records) and records[begin].text.startswith(_OF_BOOTED):
        begin += 1
    lines = {index: _normal(record.text) for index, record in enumerate(records) if index >= begin}
    lines = {index: line for index, line in lines.items() if line.strip() and not _CLOCK.search(line)}
    for splat in find_splats(records):
        for index in range(splat.first, splat.last + 1):
            lines.pop(index, None)
        lines[splat.first] = f"splat: {splat.kind} in {splat.function or 'an unknown function'}"
    return tuple(_PID.sub(r"\g<word>PID", lines[index]) for index in sorted(lines))


def comparable_answers(shell: str) -> tuple[str, ...]:
    """Return the commands for modules and system calls, each with its status, values and errnos.

    What was read from a file below /sys is told, too, if it is text. A command that was repeated until its
    answer changed occurs once.
    """
    lines: list[str] = []
    for answer in _ANSWER.finditer(shell):
        told = ""
        if _PROCESS.search(answer["command"]) or _OURS.search(answer["command"]):
            continue
        if answer["verb"] in _CALLS:
            is_sysfs = _SYSFS.search(answer["command"]) is not None
            told = ", ".join(_told(line, is_sysfs) for line in answer["output"].splitlines() if line)
        elif answer["verb"] not in _LOADS:
            continue
        line = _normal(f"{answer['command']} [{answer['status']}] {told}".rstrip())
        if lines[-1:] != [line]:
            lines.append(line)
    return tuple(lines)


def _told(line: str, is_sysfs: bool) -> str:
    words = line.split()
    said = " ".join(words[:_TOLD])
    try:
        text = bytes.fromhex("".join(words[_TOLD:])).decode() if is_sysfs else ""
    except ValueError:  # nothing was read, or no text
        return said
    is_text = bool(text) and all(char.isprintable() or char.isspace() for char in text)
    # before its ends of lines become letters
    return f"{said} {_normal(text)!r}" if is_text else said


def comparable_trace(trace: str) -> tuple[str, ...]:
    """Return the events between a driver and its device, without their times."""
    return tuple(
        _normal(line.partition(" ")[2]) for line in trace.splitlines() if not line.startswith(_HEADER)
    )


def _normal(line: str) -> str:
    line = _BAR.sub(r"\g<register> ADDRESS", _RANGE.sub(r"[\g<space> RANGE]", line))
    line = _PLACE.sub(r"PCI\g<function>", _BRIDGE.sub("/sys/devices/pci", line))
    return _SESSION.sub("/run/rbctl", _ADDRESS.sub("ADDRESS", line))


def name_sides(left: Ran, right: Ran) -> tuple[str, str]:
    """Return names for two runs: their architectures, or "left" and "right"."""
    return (left.arch, right.arch) if left.arch != right.arch else ("left", "right")


def explained_end(left: Ran, right: Ran) -> str:
    """Return how the two ended, if a mark of the test says why they ended differently, else "".

    Such a test was skipped, or failed as expected, on one side: what it left behind is not compared.
    """
    ends = {left.outcome, right.outcome}
    # two that differ, none of them red: at least one has a mark
    if len(ends) < 2 or not ends <= {*_MARKED, Outcome.PASS}:
        return ""
    return "; ".join(
        f"{ran.outcome} on {name}" + (f": {ran.excuse}" if ran.outcome in _MARKED and ran.excuse else "")
        for name, ran in zip(name_sides(left, right), (left, right), strict=True)
    )


def find_differences(left: Ran, right: Ran, ignored: Sequence[re.Pattern[str]] = ()) -> list[str]:
    """Render the differences, by part; empty if there are none.

    Lines that match one of `ignored` are not compared. Parts of several machines with the same
    differences are rendered once.
    """
    names = name_sides(left, right)
    width = max(map(len, names))
    parts: dict[tuple[str, ...], list[str]] = {}
    for part in dict.fromkeys((*left.parts, *right.parts)):
        before, after = (_kept(ran.parts.get(part, ()), ignored) for ran in (left, right))
        if before == after:
            continue
        lines = tuple(
            f"  {name:<{width}}  {line}"
            for unequal in _unequal(before, after)
            for name, lines in zip(names, unequal, strict=True)
            for line in lines
        )
        parts.setdefault(lines, []).append(part)
    return [
        line
        for lines, (first, *others) in parts.items()
        for line in (f"{first}, and {len(others)} more like it" if others else first, *lines)
    ]


def _kept(lines: Sequence[str], ignored: Sequence[re.Pattern[str]]) -> list[str]:
    return [line for line in lines if not any(pattern.search(line) for pattern in ignored)]


def _unequal(before: list[str], after: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    for kind, first, last, begin, end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind != "equal":
            yield before[first:last], after[begin:end]
