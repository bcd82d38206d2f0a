"""How well splats are read: the four figures over a directory of labelled kernel logs.

    .venv/bin/python -m tests.bench.corpus DIRECTORY [-v]

A file is header lines `KEY: value` (TITLE, TYPE and CORRUPTED are used), a blank line, a raw log, and
perhaps a `REPORT:` part. A file without a TITLE holds no splat. The first splat of a
log is compared with its labels:

- found: there is a splat where there should be one, and none where not;
- kind: it is one of those that the TYPE stands for;
- function: it is the one behind the last " in " of the TITLE, where that is not `corrupted`;
- corrupted: the flag is as labelled.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rustbed.log.record import parse_console
from rustbed.log.splat import Kind, Splat, find_splats

# in logs whose titles begin so, a program of user space failed, and not the kernel
_NOT_THE_KERNEL = ("SYZFAIL", "go runtime error", "panic: ", "fatal error", "SYZFATAL")

_HANGS = {Kind.RCU_STALL, Kind.SOFT_LOCKUP, Kind.HARD_LOCKUP, Kind.HUNG_TASK, Kind.WORKQUEUE_LOCKUP}
_FAULTS = {Kind.OOPS, Kind.PANIC, Kind.LIST_CORRUPTION, Kind.STACK_OVERFLOW}

# a TYPE, or its beginning up to a hyphen, and what it may be here
_KINDS: dict[str, set[Kind]] = {
    "KASAN": {Kind.KASAN},
    "KFENCE": {Kind.KFENCE},
    "KCSAN": {Kind.KCSAN},
    "KMSAN": {Kind.KMSAN},
    "UBSAN": {Kind.UBSAN},
    "MEMORY_SAFETY_UBSAN": {Kind.UBSAN},
    "LOCKDEP": {Kind.LOCKDEP},
    "ATOMIC_SLEEP": {Kind.ATOMIC_SLEEP},
    "REFCOUNT_WARNING": {Kind.REFCOUNT},
    # WARN() with a title of its own
    "WARNING": {Kind.WARNING, Kind.DEBUG_OBJECTS},
    "BUG": {Kind.BUG},
    "LEAK": {Kind.LEAK},
    "HANG": _HANGS,
    "NULL": {Kind.OOPS},
    "MEMORY_SAFETY_BUG": _FAULTS,
    "DoS": _FAULTS | {Kind.BUG_REPORT},
}


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """One file of the corpus."""

    name: str
    labels: dict[str, str]
    log: str

    @property
    def title(self) -> str:
        """The expected title, "" if the kernel did not fail."""
        title = self.labels.get("TITLE", "")
        return "" if title.startswith(_NOT_THE_KERNEL) else title

    @property
    def function(self) -> str:
        """The expected function, "" if the labels name none."""
        function = self.title.partition(" at addr ")[0].rpartition(" in ")[2] if " in " in self.title else ""
        return "" if function == "corrupted" else function

    @property
    def kinds(self) -> set[Kind]:
        """The kinds that fit, none if the labels do not tell."""
        label = self.labels.get("TYPE", "") if self.title else ""
        return _KINDS.get(label) or _KINDS.get(label.partition("-")[0]) or set()


def load(path: Path) -> Labelled:
    """Read one file."""
    text = path.read_bytes().decode(errors="replace")
    head, _, body = text.partition("\n\n") if not text.startswith("\n") else ("", "", text[1:])
    pairs = (line.split(":", 1) for line in head.split("\n") if ":" in line and line[:1].isupper())
    labels: dict[str, str] = {}
    for key, value in pairs:
        labels.setdefault(key, value.strip())
    return Labelled(name=path.name, labels=labels, log=body.partition("\n\nREPORT:\n")[0])


def judge(file: Labelled, splats: Sequence[Splat]) -> Iterator[tuple[str, bool, str, str]]:
    """Yield question, whether the answer is right, what was wanted and what came."""
    first = splats[0] if splats else None
    came = first.title if first else "-"
    yield "found", bool(file.title) == bool(first), file.title or "-", came
    if not file.title:
        return
    if file.kinds:
        wanted = file.labels["TYPE"]
        yield "kind", first is not None and first.kind in file.kinds, wanted, first.kind if first else "-"
    if file.function:
        right = first is not None and file.function in (first.function, first.title.rpartition(" in ")[2])
        yield "function", right, file.title, came
    corrupted = file.labels.get("CORRUPTED") == "Y"
    yield (
        "corrupted",
        first is not None and bool(first.corrupted) == corrupted,
        "Y" if corrupted else "N",
        f"{first.corrupted or 'N'} ({first.title})" if first else "-",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures, and with -v what is wrong."""
    parser = argparse.ArgumentParser(description="splats found in labelled logs")
    parser.add_argument("directory", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true", help="print what is wrong")
    args = parser.parse_args(argv)
    right: dict[str, list[bool]] = {"found": [], "kind": [], "function": [], "corrupted": []}
    for path in sorted(args.directory.iterdir(), key=lambda path: (len(path.name), path.name)):
        file = load(path)
        for question, is_right, wanted, came in judge(file, find_splats(parse_console(file.log))):
            right[question].append(is_right)
            if args.verbose and not is_right:
                print(f"{file.name:>5} {question:<9} wanted {wanted}\n{'':>16}came   {came}")
    for question, answers in right.items():
        share = 100 * sum(answers) / max(1, len(answers))
        print(f"{question:<10} {sum(answers):>4} of {len(answers):>4}  {share:5.1f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
