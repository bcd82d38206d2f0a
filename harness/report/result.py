"""One test's result: written to a results file by the plugin, or read from any results file. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rustbed.arch import ARCHES
from rustbed.report.verdict import RED, Outcome

_PARAMETERS = re.compile(r"\[(?P<parts>[^\[\]]*)\]$")


@dataclass(frozen=True, kw_only=True)
class Result:
    """One test on one architecture."""

    # dotted class or module; the names of the suites if a case has none
    classname: str
    # without the architecture
    name: str
    outcome: Outcome
    # "" if neither a property nor the name has it
    arch: str = ""
    # the name in the file, with the architecture: test_probe[arm64]; "" if that is `name`
    label: str = ""
    # path of the test's source, relative to the root of the tests; "" if unknown
    file: str = ""
    # None if the file does not have it
    seconds: float | None = None
    # one line: the reason of the outcome
    message: str = ""
    # the failure's text; only its beginning if the result was read from a file
    details: str = ""
    # when written, `outcome` is added
    properties: dict[str, str] = field(default_factory=dict)
    # the kernel log of the test; not read from files
    system_out: str = ""
    # child results, such as those of a KUnit suite; they follow it in the file: JUnit has no nesting
    children: tuple[Result, ...] = ()
    # properties of its suites only
    settings: dict[str, str] = field(default_factory=dict)
    # names of its suites, the outermost first
    suites: tuple[str, ...] = ()
    # when its suite began, in the file's own words; "" if unknown
    started: str = ""
    # the results file, and the end of its path, which may name a configuration
    source: Path = Path()
    place: tuple[str, ...] = ()

    def written(self) -> Iterator[Result]:
        """Yield the results for the file; a result without facts of its own is replaced by its children."""
        within = [result for child in self.children for result in child.written()]
        if not within or (self.is_red and not any(result.is_red for result in within)):
            yield self
        yield from within

    @property
    def key(self) -> tuple[str, str, str]:
        """The key of the same test in another file."""
        return self.classname, self.name, self.arch

    @property
    def test(self) -> str:
        """The test's name for people: file::name, or classname::name."""
        return "::".join(part for part in (self.file or self.classname, self.name) if part)

    @property
    def is_red(self) -> bool:
        """Whether it failed. An error of the harness is not red: it is not evidence about the driver."""
        return self.outcome in RED

    @property
    def splats(self) -> tuple[str, ...]:
        """Titles of the splats that make it red, the one that decided first."""
        return tuple(self.properties.get("splat", "").splitlines())

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Fingerprints of the splats, in their order; without splats that of the failure."""
        return tuple(self.properties.get("fingerprint", "").splitlines())

    @property
    def title(self) -> str:
        """One line: the message; without one the splats' titles; without these the outcome."""
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
