"""How well blame carries over to unseen logs: cross-validation over a directory of labelled logs.

    .venv/bin/python -m tests.bench.folds DIRECTORY [-v]

The logs are cut into five parts. For each, what the families of functions know only because of that part
is taken out: every alternative of a regular expression that decides in no log of the other four. Then the
part is judged. What directories tell (harness/log/families/places.py) stays: it was not learned from logs.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from pathlib import Path

from tests.bench.corpus import Labelled, judge, load

from rustbed.log import blame, damage
from rustbed.log.families.family import Family
from rustbed.log.families.places import roles_of
from rustbed.log.record import parse_console
from rustbed.log.splat import find_splats

_FOLDS = 5


def split_alternatives(reason: str) -> Iterator[str]:
    """Yield the alternatives of a regular expression, as far as they stand outside of brackets."""
    depth, start, in_class = 0, 0, False
    at = 0
    while at < len(reason):
        letter = reason[at]
        if letter == "\\":
            at += 1
        elif in_class or letter == "[":
            in_class = letter != "]"
        elif letter == "|" and depth == 0:
            yield reason[start:at].strip()
            start = at + 1
        else:
            depth += (letter == "(") - (letter == ")")
        at += 1
    yield reason[start:].strip()


class Ablation:
    """The families that blame asks, of which alternatives can be taken out."""

    def __init__(self) -> None:
        # alternatives that do not count, and names that were asked about
        self.off: set[str] = set()
        self.asked: set[str] = set()
        _alternatives()
        for module in (blame, damage):
            for name, family in _families(module).items():
                setattr(module, name, _Ablated(family, self))

    @staticmethod
    @cache
    def matching(name: str) -> frozenset[str]:
        """Return the alternatives that match a name, of whatever family."""
        return frozenset(one for one, alone in _alternatives().items() if alone.matches(name))


@lru_cache(maxsize=1)
def _alternatives() -> dict[str, Family]:
    """Return each alternative, and the family that it would be alone."""
    families = [one for module in (blame, damage) for one in _families(module).values()]
    reasons = [reason for one in families for reason in one.reasons]
    return {one: Family((one,)) for reason in reasons for one in split_alternatives(reason)}


def _families(module: object) -> dict[str, Family]:
    return {name: value for name, value in vars(module).items() if isinstance(value, Family)}


class _Ablated(Family):
    """A family without the alternatives that do not count."""

    def __init__(self, family: Family, ablation: Ablation) -> None:
        super().__init__(family.reasons, places=tuple(family.places))
        self._ablation = ablation
        self._own = {one for reason in family.reasons for one in split_alternatives(reason)}

    def holds(self, name: str, file: str = "") -> bool:
        self._ablation.asked.add(name)
        counting = self._own - self._ablation.off
        is_named = not counting.isdisjoint(self._ablation.matching(name))
        return is_named or not self.places.isdisjoint(roles_of(name, file))

    def __contains__(self, name: str) -> bool:
        return self.holds(name)


def is_right(file: Labelled) -> bool:
    """Whether the function that is blamed is the labelled one."""
    answers = judge(file, find_splats(parse_console(file.log)))
    return next(right for question, right, _, _ in answers if question == "function")


def validate(files: Sequence[Labelled]) -> tuple[int, list[Labelled]]:
    """Return how many logs are right with all that is known, and those that are wrong in their turn."""
    ablation = Ablation()
    right = 0
    # logs in which an alternative decides
    decides: dict[str, set[str]] = defaultdict(set)
    for file in files:
        ablation.asked.clear()
        known = is_right(file)
        right += known
        for one in frozenset().union(*map(ablation.matching, set(ablation.asked))):
            ablation.off = {one}
            if is_right(file) != known:
                decides[one].add(file.name)
        ablation.off = set()
    wrong = []
    for number in range(_FOLDS):
        fold = files[number::_FOLDS]
        names = {file.name for file in fold}
        ablation.off = {one for one, logs in decides.items() if logs <= names}
        wrong += [file for file in fold if not is_right(file)]
    return right, wrong


def main(argv: Sequence[str] | None = None) -> int:
    """Print both figures, and with -v which logs are wrong."""
    parser = argparse.ArgumentParser(description="blame, cross-validated over labelled logs")
    parser.add_argument("directory", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true", help="print what is wrong")
    args = parser.parse_args(argv)
    paths = sorted(args.directory.iterdir(), key=lambda path: (len(path.name), path.name))
    files = [file for file in map(load, paths) if file.function]
    right, wrong = validate(files)
    for name, count in (("all known", right), ("left out", len(files) - len(wrong))):
        print(f"{name:<10} {count:>4} of {len(files):>4}  {100 * count / max(1, len(files)):5.1f} %")
    for file in wrong if args.verbose else ():
        print(f"{file.name:>5} {file.title}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
