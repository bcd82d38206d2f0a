"""`rustbed drivers`: prints a table of drivers by architecture, from results."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rustbed.arch import ARCHES
from rustbed.cache import CACHE_HELP
from rustbed.cli.arguments import read_cache
from rustbed.errors import UsageError, suggest
from rustbed.kernel.kconfig_tree import load_definitions, split_conjunction
from rustbed.kernel.rustdrivers import find_rust_drivers
from rustbed.kernel.source import SourceKind, find_source, parse_source
from rustbed.life.score import Fate, load_trials
from rustbed.report.about import LIFE, NEEDS
from rustbed.report.coverage import load_covered
from rustbed.report.driverpage import parse_page
from rustbed.report.drivertable import (
    Evidence,
    Row,
    find_built,
    find_needed,
    find_suites,
    make_rows,
    render_drivers,
)
from rustbed.report.results import load_results

_TRIALS = ".jsonl"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the results, and which drivers are listed."""
    parser.add_argument(
        "results",
        nargs="*",
        type=Path,
        default=[Path("results/latest")],
        metavar="RESULTS",
        help="JUnit XML, directories with it, mutants-*.jsonl; the newest counts (default: results/latest)",
    )
    text = "list exactly the Rust drivers of the kernel's tree, tested or not"
    parser.add_argument("--tree", action="store_true", help=text)
    text = "the kernel source with the drivers, as for `test`; not fetched (default: debian:latest)"
    parser.add_argument("--kernel", default="debian:latest", metavar="SRC", help=text)
    text = "a page that this command printed before: used where the results have nothing"
    parser.add_argument("--earlier", type=Path, metavar="PAGE", help=text)
    parser.add_argument("--cache", metavar="DIR", help=CACHE_HELP)


def run(args: argparse.Namespace) -> int:
    """Print the page and return 0, or 1 if a driver is red. Raises UsageError."""
    given = [path for path in args.results if path.suffix != _TRIALS]
    if not given:
        raise UsageError("mutants alone are not results of tests", fix="name a results directory, too")
    found = load_results(given)
    covered = tuple(load_covered(given))
    built = () if args.tree else find_built(found.cases, covered)
    wants_tree = args.tree or any({NEEDS, LIFE} & result.properties.keys() for result in found.cases)
    source = _find_source(args, is_needed=not built) if wants_tree else None
    of_tree = find_rust_drivers(source) if source else ()
    drivers = of_tree if args.tree else (*built, *find_needed(of_tree, found.cases))
    if not drivers:
        raise UsageError(
            f"no test of {', '.join(map(str, given))} belongs to a driver",
            wanted="tests that have a driver built (build_module), or are marked with needs()",
            fix=f"{suggest('drivers --tree')} for all of the kernel's",
        )
    evidence = Evidence(
        covered=covered,
        mutants=_read_mutants(path for path in args.results if path.suffix == _TRIALS),
        depends=_read_depends(source, [driver.option for driver in of_tree]) if source else {},
    )
    # the newest of several results of a test counts
    newest = {result.key: result for result in sorted(found.cases, key=lambda result: result.started)}
    rows = make_rows(drivers, newest.values(), evidence)
    releases = {result.properties.get("kernel_release", "") for result in found.cases}
    arches = tuple(ARCHES) if args.tree else _arches_of(rows)
    suites = find_suites(newest.values())
    page = parse_page(_read_page(args.earlier)) if args.earlier else None
    text = render_drivers(rows, arches, releases, is_tree=args.tree, suites=suites, earlier=page)
    sys.stdout.write(text)
    is_red = any(row.is_red for row in rows) or any(case.is_red for case in suites)
    return 1 if is_red else 0


def _read_page(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the page {path}: {error}") from error


def _arches_of(rows: Iterable[Row]) -> tuple[str, ...]:
    """Return the architectures with results, in their usual order."""
    found = {result.arch for row in rows for result in (*row.tests, *row.life)}
    return tuple(arch for arch in ARCHES if arch in found)


def _find_source(args: argparse.Namespace, *, is_needed: bool) -> Path | None:
    """Return the source tree whose drivers are listed; None if it is neither here nor needed."""
    spec = parse_source(args.kernel)
    if spec.kind is SourceKind.TREE and spec.path.is_dir():
        return spec.path
    found = find_source(spec, read_cache(args))
    if found is None and is_needed:
        raise UsageError(
            f"the source of {args.kernel} is not here", fix="rustbed build, or --kernel tree:PATH"
        )
    return found.directory if found else None


def _read_mutants(paths: Iterable[Path]) -> dict[str, tuple[int, int]]:
    """Return, for each source file, how many of its mutants were noticed, and how many build."""
    trials = [
        trial for path in paths for trial in load_trials(path).values() if trial.fate is not Fate.UNBUILT
    ]
    judged = Counter(Path(trial.file).name for trial in trials)
    killed = Counter(Path(trial.file).name for trial in trials if trial.fate is Fate.KILLED)
    return {name: (killed[name], count) for name, count in judged.items()}


def _read_depends(source: Path, options: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the dependencies of each option, by Kconfig for the first architecture."""
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
