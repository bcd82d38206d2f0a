"""`rustbed drivers`: the Rust drivers of a kernel's tree by architecture, as a page made from results."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rustbed.arch import ARCHES
from rustbed.cache import CACHE_HELP
from rustbed.cli.arguments import read_cache
from rustbed.errors import UsageError
from rustbed.kernel.kconfig_tree import load_definitions, split_conjunction
from rustbed.kernel.rustdrivers import find_rust_drivers
from rustbed.kernel.source import SourceKind, find_source, parse_source
from rustbed.life.score import Fate, load_trials
from rustbed.report.coverage import load_covered
from rustbed.report.drivertable import Evidence, make_rows, render_drivers
from rustbed.report.results import load_results

_TRIALS = ".jsonl"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the results, and whose drivers are listed."""
    parser.add_argument(
        "results",
        nargs="+",
        type=Path,
        metavar="RESULTS",
        help="JUnit XML, directories with it, mutants-*.jsonl; the newest counts",
    )
    parser.add_argument("--kernel", default="debian:latest", metavar="SRC", help="as of `test`; must be here")
    parser.add_argument("--cache", metavar="DIR", help=CACHE_HELP)


def run(args: argparse.Namespace) -> int:
    """Print the page and return 0, or 1 if a driver is red. Raises UsageError."""
    source = _require_source(args)
    given = [path for path in args.results if path.suffix != _TRIALS]
    if not given:
        raise UsageError("mutants alone are no results of tests", fix="name a results directory, too")
    found = load_results(given)
    drivers = find_rust_drivers(source)
    evidence = Evidence(
        covered=tuple(load_covered(given)),
        mutants=_read_mutants(path for path in args.results if path.suffix == _TRIALS),
        depends=_read_depends(source, [driver.option for driver in drivers]),
    )
    # of several results of a test the newest counts: what was red once may be green now
    newest = {result.key: result for result in sorted(found.cases, key=lambda result: result.started)}
    rows = make_rows(drivers, newest.values(), evidence)
    releases = {result.properties.get("kernel_release", "") for result in found.cases}
    sys.stdout.write(render_drivers(rows, tuple(ARCHES), releases))
    return 1 if any(row.is_red for row in rows) else 0


def _require_source(args: argparse.Namespace) -> Path:
    """Return the source tree whose drivers are listed."""
    spec = parse_source(args.kernel)
    if spec.kind is SourceKind.TREE and Path(spec.where).is_dir():
        return Path(spec.where).absolute()
    if (found := find_source(spec, read_cache(args))) is None:
        raise UsageError(
            f"the source of {args.kernel} is not here", fix="rustbed build, or --kernel tree:PATH"
        )
    return found.directory


def _read_mutants(paths: Iterable[Path]) -> dict[str, tuple[int, int]]:
    """Return by the name of each source how many of its mutants were noticed, of those that build."""
    trials = [
        trial for path in paths for trial in load_trials(path).values() if trial.fate is not Fate.UNBUILT
    ]
    judged = Counter(Path(trial.file).name for trial in trials)
    killed = Counter(Path(trial.file).name for trial in trials if trial.fate is Fate.KILLED)
    return {name: (killed[name], count) for name, count in judged.items()}


def _read_depends(source: Path, options: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return what each option depends on, as Kconfig has it for the first architecture."""
    arch = next(iter(ARCHES.values()))
    definitions = load_definitions(source, arch.source_arch)
    return {
        option: tuple(
            dict.fromkeys(
                part
                for definition in definitions.get(option, ())
                for condition in definition.depends
                for part in split_conjunction(condition)
            )
        )
        for option in options
    }
