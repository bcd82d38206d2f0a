"""One test's result: what the plugin writes into a results file, and what is read from any. Pure."""

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

    # dotted class or module; the names of the suites where a case has none
    classname: str
    # without the architecture
    name: str
    outcome: Outcome
    # "" where neither a property nor the name tells
    arch: str = ""
    # the name as it is in the file, with the architecture: test_probe[arm64]; "" if that is `name`
    label: str = ""
    # of the test's source, relative to the root of the tests; "" if the producer does not say
    file: str = ""
    # None where the file has none
    seconds: float | None = None
    # one line: why it is what it is
    message: str = ""
    # the failure's text; of one that was read its beginning
    details: str = ""
    # `outcome` is written, too, if it is not among them
    properties: dict[str, str] = field(default_factory=dict)
    # the kernel log window; is not read
    system_out: str = ""
    # results of its own, as those of a KUnit suite; JUnit has no nesting, so they follow it in the file
    children: tuple[Result, ...] = ()
    # those of its suites alone
    settings: dict[str, str] = field(default_factory=dict)
    # names of the suites that it is in, the outermost first
    suites: tuple[str, ...] = ()
    # when its suite began, as the file says it; "" if it does not
    started: str = ""
    # the results file, and the end of its path that may tell what the test ran on
    source: Path = Path()
    place: tuple[str, ...] = ()

    def written(self) -> Iterator[Result]:
        """Yield what stands in the file: a result that is what its children are is left to them."""
        within = [result for child in self.children for result in child.written()]
        if not within or (self.is_red and not any(result.is_red for result in within)):
            yield self
        yield from within

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
