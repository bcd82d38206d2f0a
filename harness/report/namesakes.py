"""Which result of one run is which of another: tests of one name under several configurations.

Owns what tells namesakes apart: the architecture, properties of suites, names of suites, parts of paths. What
differs among them and is the same in both runs is what they ran on; what is new in every run is not. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from rustbed.arch import arch_in
from rustbed.report.result import Result

# properties that say what a test ran on, whatever else is known of it
_CONFIGURATION = re.compile(r"section|config(?:uration)?|variant|flavou?r", re.IGNORECASE)
# properties of suites that belong to a run, its host or its outcome
_OF_THE_RUN = re.compile(
    r"time|date|stamp|duration|second|host|node$|worker|user|pid|port|seed|uuid|commit|revision|build|url"
    r"|result|status|outcome|verdict|count|total|fail|error|skip|pass|log|shard|release|confirm|known",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[^A-Za-z0-9]+")
# a file that is the second may hold what the first one held in another run
_COUNTER = re.compile(r"(?:part|shard|run|job|chunk|worker|gw|host|node|box)?\d{1,2}", re.IGNORECASE)

# name and value of everything that may tell a test from its namesakes
Facets = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Namesakes:
    """Results of one test: at most one of each run, or several if nothing tells which is which."""

    befores: tuple[Result, ...]
    afters: tuple[Result, ...]
    # what tells them from others of the name, as it is shown; "" if nothing needs to
    variant: str = ""
    # the same as facets
    facets: tuple[tuple[str, str], ...] = ()

    @property
    def is_clear(self) -> bool:
        """Whether it is known which result is which."""
        return len(self.befores) <= 1 and len(self.afters) <= 1


def pair(old: Sequence[Result], new: Sequence[Result]) -> list[Namesakes]:
    """Return the results of two runs, those of one test together, in the order of names."""
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
    """Return all that may tell a result from those of its name; `place` if the result does not have it."""
    place = result.place or place
    settings = {
        name: value
        for name, value in {**result.settings, **_configuration(result)}.items()
        if not _OF_THE_RUN.search(name)
    }
    facets = {**settings, "suite": ".".join(result.suites), "file": result.file}
    tokens = _TOKEN.split("/".join(place).removesuffix(".xml"))
    # names of different length have what tells them apart at one of their ends
    places = {f"path {index}": token for index, token in enumerate(tokens)}
    places |= {f"path -{index}": token for index, token in enumerate(reversed(tokens), start=1)}
    return facets | {name: token for name, token in places.items() if token and not _COUNTER.fullmatch(token)}


def _by_arch(group: Namesakes) -> Iterator[Namesakes]:
    """Divide by architectures; those that only paths or suites tell count if all results have one."""
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
    """Return the architecture of a result; where it has none a path or a suite's name may tell it."""
    if result.arch:
        return result.arch
    words = [*reversed(result.place or place), *reversed(result.suites)]
    return next((arch for word in words if (arch := arch_in(word))), "")


def _by_configuration(group: Namesakes) -> Iterator[Namesakes]:
    """Divide by what properties call a configuration, if all results have the same ones."""
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
    """Divide by all that differs among namesakes and is the same in both runs, unless they disagree."""
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
    """Return the names of facets that differ, and whose values in one run are among those of the other."""
    names = dict.fromkeys(name for facets in (*befores, *afters) for name in facets)
    telling = []
    for name in names:
        old, new = ({facets.get(name, "") for facets in side} for side in (befores, afters))
        if len(old | new) > 1 and (old <= new or new <= old) and old and new:
            telling.append(name)
    return tuple(telling)


def _show(label: Sequence[tuple[str, str]]) -> str:
    """Return what a person needs of a label: properties say most, then suites, then paths."""
    settings = [
        f"{name}={value}" for name, value in label if name not in ("suite", "file") and " " not in name
    ]
    suites = [value for name, value in label if name == "suite"]
    paths = dict.fromkeys(value for name, value in label if name.startswith("path ") and value)
    return ", ".join(settings or suites or paths)
