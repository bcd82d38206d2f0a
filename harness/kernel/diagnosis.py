"""Errors of compilers, modpost and make for a module that does not build, prepared for its author. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from rustbed.kernel.make import parse_step
from rustbed.log.record import strip_ansi

# make's own lines: directories, and the errors of the levels above the first error
_CHATTER = re.compile(
    r"make(\[\d+\])?: (Entering directory|Leaving directory|\*\*\* \[|\*\*\* Waiting for unfinished)"
)
_ESCAPES = r"(?:\x1b\[[\d;]*m)*"
# a place: after rustc's arrow, or at the beginning of a line of clang or make
_PLACE = re.compile(
    rf"^(?P<before>{_ESCAPES} *{_ESCAPES}(?:-->|:::) {_ESCAPES}|{_ESCAPES})"
    r"(?P<path>[^\s:\x1b]+)(?=:\d+[: \x1b\n]|:\d+$)",
    re.MULTILINE,
)
# a compiler's message ends with a blank line; rustc's summary at the end is not a warning
_SUMMARY = re.compile(r"(warning: \d+ warnings? emitted|\d+ warnings? (and \d+ errors? )?generated\.)")
# what rustc thinks of the features that the kernel's own build names for powerpc; a blank line ends it
_FEATURE = re.compile(r"warning: (?:unknown and )?unstable feature specified for `-Ctarget-feature`")
# the beginning of the first error of each tool, with the groups `where` and `message`
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
    # in the tool's own form, "outside.rs:19"; "" if it gave none
    where: str

    def placed(self, known: Callable[[str], str | None]) -> Failure:
        """Return it with its path replaced by the result of `known`, unless that is None."""
        path, colon, line = self.where.rpartition(":")
        return replace(self, where=f"{known(path) or path}{colon}{line}")

    def __str__(self) -> str:
        """Render message and place."""
        return f"{self.message}, {self.where}" if self.where else self.message


def find_failure(text: str) -> Failure:
    """Return the first error in a build's output, or its last line if there is no known error."""
    plain = strip_ansi(text)
    found = [match for pattern in _FIRST if (match := pattern.search(plain))]
    if not found:
        lines = [line for line in keep_tools(plain).splitlines() if line.strip()]
        return Failure(message=lines[-1].strip() if lines else "make printed nothing", where="")
    first = min(found, key=lambda match: match.start())
    return Failure(message=first["message"].strip(), where=first.groupdict().get("where") or "")


def keep_tools(text: str) -> str:
    """Return the tools' output unchanged, but without make's progress and remarks on the kernel's flags."""
    lines = []
    skips = False
    for line in text.splitlines():
        plain = strip_ansi(line)
        skips = bool(plain.strip()) if skips else _FEATURE.match(plain) is not None
        if not (skips or _CHATTER.match(line) or parse_step(line) or _SUMMARY.fullmatch(plain.strip())):
            lines.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def place_paths(text: str, known: Callable[[str], str | None]) -> str:
    """Return the text with its paths replaced by the results of `known`, unless these are None."""

    def placed(match: re.Match[str]) -> str:
        return match["before"] + (known(match["path"]) or match["path"])

    return _PLACE.sub(placed, text)


def find_gates(text: str) -> tuple[str, ...]:
    """Return the options, without CONFIG_, with which rustc says that a missing item would exist."""
    return tuple(dict.fromkeys(first or second for first, second in _GATES.findall(strip_ansi(text))))


def find_undefined(text: str) -> tuple[str, ...]:
    """Return the undefined symbols in modpost's errors."""
    return tuple(dict.fromkeys(_UNDEFINED.findall(strip_ansi(text))))
