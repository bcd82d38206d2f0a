"""Matches the results of two runs, also if tests of one name ran under several configurations.

Owns what distinguishes results of one name: the architecture, properties and names of suites, parts of paths.
Values that differ among them and occur in both runs are configurations; values that are new in every run are
not. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from rustbed.report.archwords import arch_in
from rustbed.report.result import Result

# properties that name a configuration
_CONFIGURATION = re.compile(r"section|config(?:uration)?|variant|flavou?r", re.IGNORECASE)
# properties of suites that belong to a run, its host or its outcome
_OF_THE_RUN = re.compile(
    r"time|date|stamp|duration|second|host|node$|worker|user|pid|port|seed|uuid|commit|revision|build|url"
    r"|result|status|outcome|verdict|count|total|fail|error|skip|pass|log|shard|release|confirm|known",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[^A-Za-z0-9]+")
# numbered files, directories and workers: number 2 of one run may correspond to number 1 of another
_COUNTER = re.compile(r"(?:part|shard|run|job|chunk|worker|gw|host|node|box)?\d{1,2}", re.IGNORECASE)

# names and values of everything that may distinguish results of one name
Facets = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Namesakes:
    """Results of one test: at most one from each run, or several that are indistinguishable."""

    befores: tuple[Result, ...]
    afters: tuple[Result, ...]
    # text that distinguishes them from other results of the name; "" if there are none
    variant: str = ""
    # the same as facets
    facets: tuple[tuple[str, str], ...] = ()

    @property
    def is_clear(self) -> bool:
        """Whether there is at most one result from each run."""
        return len(self.befores) <= 1 and len(self.afters) <= 1


def pair(old: Sequence[Result], new: Sequence[Result]) -> list[Namesakes]:
    """Return the results of two runs, grouped by test, in the order of names."""
    groups: dict[tuple[str, str], tuple[list[Result], list[Result]]] = {}
    for side, results in enumerate((old, new)):
        for result in results:
            groups.setdefault((result.classname, result.name), ([], []))[side].append(result)
    found = [
        Namesakes(befores=tuple(befores), afters=tuple(afters))
        for _, (befores, afters) in sorted(groups.items())
    ]
    for divide in (_by_arch, _by_configuration, _by_facets):
        found = [part for group in found for part in divide(group)]
    return found


def find_facets(result: Result, place: Sequence[str] = ()) -> Facets:
    """Return everything that may distinguish a result from others of its name; `place` is its path's end."""
    place = result.place or place
    settings = {
        name: value
        for name, value in {**result.settings, **_configuration(result)}.items()
        if not _OF_THE_RUN.search(name)
    }
    facets = {**settings, "suite": ".".join(result.suites), "file": result.file}
    tokens = _TOKEN.split("/".join(place).removesuffix(".xml"))
    # counted from both ends, because paths may have different lengths
    places = {f"path {index}": token for index, token in enumerate(tokens)}
    places |= {f"path -{index}": token for index, token in enumerate(reversed(tokens), start=1)}
    return facets | {name: token for name, token in places.items() if token and not _COUNTER.fullmatch(token)}


def _by_arch(group: Namesakes) -> Iterator[Namesakes]:
    """Divide by architecture. Architectures in paths and suites count only if all results have one."""
    everything = (*group.befores, *group.afters)
    if any(not arch_of(result) for result in everything):
        yield from _divided(group, lambda result: result.arch)
        return
    befores, afters = (
        tuple(replace(result, arch=arch_of(result)) for result in side)
        for side in (group.befores, group.afters)
    )
    yield from _divided(replace(group, befores=befores, afters=afters), lambda result: result.arch)


def arch_of(result: Result, place: Sequence[str] = ()) -> str:
    """Return the architecture of a result, if necessary from its path or the name of a suite."""
    if result.arch:
        return result.arch
    words = [*reversed(result.place or place), *reversed(result.suites)]
    return next((arch for word in words if (arch := arch_in(word))), "")


def _by_configuration(group: Namesakes) -> Iterator[Namesakes]:
    """Divide by properties that name a configuration, if all results have the same properties."""
    everything = (*group.befores, *group.afters)
    names = {tuple(sorted(_configuration(result))) for result in everything}
    if len(names) != 1 or not any(names):
        yield group
        return

    def shown(result: Result) -> str:
        return ", ".join(f"{name}={value}" for name, value in sorted(_configuration(result).items()))

    several = len({shown(result) for result in everything}) > 1
    for part in _divided(group, shown):
        first = (*part.befores, *part.afters)[0]
        facets = tuple(sorted(_configuration(first).items()))
        yield replace(part, variant=shown(first), facets=facets) if several else part


def _configuration(result: Result) -> Facets:
    return {name: value for name, value in result.properties.items() if _CONFIGURATION.fullmatch(name)}


def _divided(group: Namesakes, key: Callable[[Result], object]) -> Iterator[Namesakes]:
    keys = dict.fromkeys(key(result) for result in (*group.befores, *group.afters))
    for each in keys:
        befores, afters = (
            tuple(result for result in side if key(result) == each) for side in (group.befores, group.afters)
        )
        yield replace(group, befores=befores, afters=afters)


def _by_facets(group: Namesakes) -> Iterator[Namesakes]:
    """Divide by all facets that differ among the results and occur in both runs, unless they disagree."""
    if group.is_clear:
        yield group
        return
    befores, afters = ([find_facets(result) for result in side] for side in (group.befores, group.afters))
    telling = _telling(befores, afters)
    old, new = ({_label(facets, telling) for facets in side} for side in (befores, afters))
    if not telling or not (old <= new or new <= old):
        yield group
        return
    for part in _divided(group, lambda result: _label(find_facets(result), telling)):
        facets = find_facets((*part.befores, *part.afters)[0])
        label = tuple((name, facets.get(name, "")) for name in telling)
        variant = ", ".join(dict.fromkeys([group.variant, _show(label)])).removeprefix(", ")
        yield replace(part, variant=variant, facets=(*group.facets, *label))


def _label(facets: Facets, telling: Sequence[str]) -> tuple[str, ...]:
    return tuple(facets.get(name, "") for name in telling)


def _telling(befores: Sequence[Facets], afters: Sequence[Facets]) -> tuple[str, ...]:
    """Return the names of facets that differ, and whose values in one run all occur in the other."""
    names = dict.fromkeys(name for facets in (*befores, *afters) for name in facets)
    telling = []
    for name in names:
        old, new = ({facets.get(name, "") for facets in side} for side in (befores, afters))
        if len(old | new) > 1 and (old <= new or new <= old) and old and new:
            telling.append(name)
    return tuple(telling)


def _show(label: Sequence[tuple[str, str]]) -> str:
    """Render the most readable part of a label: properties, else suites, else paths."""
    settings = [
        f"{name}={value}" for name, value in label if name not in ("suite", "file") and " " not in name
    ]
    suites = [value for name, value in label if name == "suite"]
    paths = dict.fromkeys(value for name, value in label if name.startswith("path ") and value)
    return ", ".join(settings or suites or paths)
