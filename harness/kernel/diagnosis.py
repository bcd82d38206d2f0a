"""What compilers, modpost and make say of a module that does not build, for the person who wrote it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from rustbed.kernel.make import parse_step
from rustbed.log.record import strip_ansi

# make's own lines: where it is, and that each level above an error gives up, too
_CHATTER = re.compile(
    r"make(\[\d+\])?: (Entering directory|Leaving directory|\*\*\* \[|\*\*\* Waiting for unfinished)"
)
_ESCAPES = r"(?:\x1b\[[\d;]*m)*"
# rustc's arrow before a place, or the place with which clang and make begin a line
_PLACE = re.compile(
    rf"^(?P<before>{_ESCAPES} *{_ESCAPES}(?:-->|:::) {_ESCAPES}|{_ESCAPES})"
    r"(?P<path>[^\s:\x1b]+)(?=:\d+[: \x1b\n]|:\d+$)",
    re.MULTILINE,
)
# a compiler's block of lines ends with a blank one; what rustc counts at its end is no warning by itself
_SUMMARY = re.compile(r"(warning: \d+ warnings? emitted|\d+ warnings? (and \d+ errors? )?generated\.)")
# how each tool begins its first error; `where` and `message` as they are there
_FIRST = (
    re.compile(r"^error(?:\[E\d+\])?: (?P<message>.+)(?:\n *--> (?P<where>\S+?:\d+))?", re.MULTILINE),
    re.compile(r"^(?P<where>[^\s:]+:\d+)(?::\d+)?: (?:fatal )?error: (?P<message>.+)", re.MULTILINE),
    re.compile(r"^ERROR: modpost: (?P<message>.+)", re.MULTILINE),
    re.compile(r"^(?:ld\.lld|llvm-\w+|objtool): error: (?P<message>.+)", re.MULTILINE),
    re.compile(
        r"^make\[?\d*\]?: \*\*\* (?P<message>No rule to make target .+?)(?:\.  Stop\.)?$", re.MULTILINE
    ),
    re.compile(r"^(?P<where>[^\s:]+:\d+): \*\*\* (?P<message>.+?)(?:\.  Stop\.)?$", re.MULTILINE),
    re.compile(
        r"^.*?(?P<message>\S+: (?:not found|Permission denied|No such file or directory))$", re.MULTILINE
    ),
)
_GATES = re.compile(r"cfg\(CONFIG_(\w+)\)|gated (?:here|behind).*?CONFIG_(\w+)")
_UNDEFINED = re.compile(r"""["'](\w+)["'] (?:\[\S+\] )?undefined!""")


@dataclass(frozen=True, kw_only=True)
class Failure:
    """The first error of a build."""

    # one line, without the place
    message: str
    # as the tool gave it, "outside.rs:19"; "" if it gave none
    where: str

    def placed(self, known: Callable[[str], str | None]) -> Failure:
        """Return it with its path given as `known` has it; None leaves it alone."""
        path, colon, line = self.where.rpartition(":")
        return replace(self, where=f"{known(path) or path}{colon}{line}")

    def __str__(self) -> str:
        """Return message and place."""
        return f"{self.message}, {self.where}" if self.where else self.message


def find_failure(text: str) -> Failure:
    """Return the first error in what the programs of a build printed; its last line if none is known."""
    plain = strip_ansi(text)
    found = [match for pattern in _FIRST if (match := pattern.search(plain))]
    if not found:
        lines = [line for line in keep_tools(plain).splitlines() if line.strip()]
        return Failure(message=lines[-1].strip() if lines else "make printed nothing", where="")
    first = min(found, key=lambda match: match.start())
    return Failure(message=first["message"].strip(), where=first.groupdict().get("where") or "")


def keep_tools(text: str) -> str:
    """Return what tools printed, as they did, without the lines of make's progress."""
    lines = [
        line
        for line in text.splitlines()
        if not (_CHATTER.match(line) or parse_step(line) or _SUMMARY.fullmatch(strip_ansi(line).strip()))
    ]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def place_paths(text: str, known: Callable[[str], str | None]) -> str:
    """Return the text with the paths that lead to lines given as `known` has them; None leaves one alone."""

    def placed(match: re.Match[str]) -> str:
        return match["before"] + (known(match["path"]) or match["path"])

    return _PLACE.sub(placed, text)


def find_gates(text: str) -> tuple[str, ...]:
    """Return the options, without CONFIG_, that rustc says an item is there with."""
    return tuple(dict.fromkeys(first or second for first, second in _GATES.findall(strip_ansi(text))))


def find_undefined(text: str) -> tuple[str, ...]:
    """Return the symbols that modpost found nowhere."""
    return tuple(dict.fromkeys(_UNDEFINED.findall(strip_ansi(text))))
