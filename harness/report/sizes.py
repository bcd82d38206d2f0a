"""The sizes of modules in results files, and which modules have grown. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rustbed.report.result import Result

_SIZES = re.compile(r"(\w+) text (\d+) data (\d+) bss (\d+)")
# property of a case; a second machine's is modules_2
_PROPERTY = re.compile(r"modules(?:_\d+)?")


@dataclass(frozen=True, kw_only=True)
class Growth:
    """A module that has grown."""

    module: str
    arch: str
    # one line
    title: str


def render_sizes(modules: Iterable[tuple[str, int, int, int]]) -> str:
    """Render the sizes of modules in bytes, a line each: `toy text 1200 data 64 bss 0`."""
    return "\n".join(f"{name} text {text} data {data} bss {bss}" for name, text, data, bss in modules)


def read_sizes(results: Iterable[Result]) -> dict[tuple[str, str], tuple[int, int, int]]:
    """Return text, data and bss by module and architecture; the largest of several builds counts."""
    sizes: dict[tuple[str, str], tuple[int, int, int]] = {}
    for result in results:
        for name, value in result.properties.items():
            for found in _SIZES.finditer(value) if _PROPERTY.fullmatch(name) else ():
                size = (int(found[2]), int(found[3]), int(found[4]))
                key = found[1], result.arch
                sizes[key] = max(sizes.get(key, size), size, key=sum)
    return sizes


def find_growth(old: Iterable[Result], new: Iterable[Result], percent: float) -> Iterator[Growth]:
    """Yield the modules whose text, data and bss together have grown by more than `percent`."""
    before = read_sizes(old)
    for (module, arch), after in sorted(read_sizes(new).items()):
        was = before.get((module, arch))
        if was is None or sum(after) * 100 <= sum(was) * (100 + percent):
            continue
        grown = 100 * (sum(after) / sum(was) - 1)
        parts = ", ".join(
            f"{name} {now} instead of {then}"
            for name, now, then in zip(("text", "data", "bss"), after, was, strict=True)
            if now != then
        )
        yield Growth(module=module, arch=arch, title=f"{grown:.1f} % more: {parts}")
