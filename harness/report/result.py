"""One test's result, as a results file has it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from rustbed.arch import ARCHES
from rustbed.report.verdict import RED, Outcome

_PARAMETERS = re.compile(r"\[(?P<parts>[^\[\]]*)\]$")


@dataclass(frozen=True, kw_only=True)
class Result:
    """One test on one architecture, as a results file has it."""

    # dotted class or module; the names of the suites where a case has none
    classname: str
    # without the architecture
    name: str
    # "" where neither a property nor the name tells
    arch: str
    outcome: Outcome
    # of the test's source, "" if the producer does not say
    file: str = ""
    # None where the file has none
    seconds: float | None = None
    # first line of the failure's or skip's message
    message: str = ""
    # the failure's text, its beginning
    details: str = ""
    properties: dict[str, str] = field(default_factory=dict)
    # those of its suites alone
    settings: dict[str, str] = field(default_factory=dict)
    # names of the suites that it is in, the outermost first
    suites: tuple[str, ...] = ()
    # when its suite began, as the file says it; "" if it does not
    started: str = ""
    # the results file, and the end of its path that may tell what the test ran on
    source: Path = Path()
    place: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it the same test in another file."""
        return self.classname, self.name, self.arch

    @property
    def test(self) -> str:
        """The test as people name it: file::name, or classname::name."""
        return "::".join(part for part in (self.file or self.classname, self.name) if part)

    @property
    def is_red(self) -> bool:
        """Whether it failed; an error of the harness says nothing of the driver and is not red."""
        return self.outcome in RED

    @property
    def splats(self) -> tuple[str, ...]:
        """Titles of the splats that make it red, the one that decided first."""
        return tuple(self.properties.get("splat", "").splitlines())

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Of the splats, in their order; without splats that of the failure."""
        return tuple(self.properties.get("fingerprint", "").splitlines())

    @property
    def title(self) -> str:
        """One line: the message, else the splats' titles, else the outcome."""
        return self.message or "; ".join(self.splats) or self.outcome.value


def split_arch(name: str) -> tuple[str, str]:
    """Return a test's name without its architecture, and the architecture: test_probe, arm64."""
    if (match := _PARAMETERS.search(name)) is None:
        return name, ""
    parts = match["parts"].split("-")
    arch = next((part for part in parts if part in ARCHES), "")
    if not arch:
        return name, ""
    parts.remove(arch)
    return name[: match.start()] + (f"[{'-'.join(parts)}]" if parts else ""), arch
