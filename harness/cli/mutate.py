"""`rustbed mutate`: checks whether a driver's tests notice wrong lines in it."""

from __future__ import annotations

import argparse
import shutil
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rustbed import process, runfiles
from rustbed.cache import hash_text
from rustbed.cli.arguments import parse_count
from rustbed.cli.terminal import say
from rustbed.errors import HostError, UsageError
from rustbed.life.mutants import Mutant, find_mutants
from rustbed.life.score import (
    Fate,
    Trial,
    fate_of,
    find_flaw,
    is_settled,
    key_of,
    load_trials,
    render_score,
    render_trial,
)
from rustbed.progress import plural
from rustbed.report.results import load_results
from rustbed.scratch import open_scratch
from rustbed.together import work_together

# below the directory in which the tests run
_RESULTS = "results"
_LEFT_OUT = (_RESULTS, "__pycache__", ".*", "*.egg-info")
# seconds for all tests of one mutant; hangs of a machine end by themselves before that
_TESTS_S = 1800.0
# pytest's statuses: all passed, some failed, none collected
_JUDGED = (0, 1, 5)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the project; all other arguments are pytest's."""
    parser.add_argument(
        "directory", type=Path, metavar="DIR", help="a directory with the driver and its tests"
    )
    parser.add_argument(
        "--file",
        action="append",
        default=[],
        metavar="GLOB",
        help="change only sources that match; may be given several times",
    )
    parser.add_argument(
        "--at-once",
        type=parse_count,
        default=1,
        metavar="N",
        help="how many mutants to try at once (default: 1)",
    )
    parser.add_argument("--list", action="store_true", help="print what would be changed, and run no tests")
    parser.set_defaults(pytest_args=[])


@dataclass(frozen=True, kw_only=True)
class _Work:
    """A mutant and its file."""

    file: str
    source: bytes
    mutant: Mutant
    key: str

    @property
    def told(self) -> str:
        return f"{self.file}:{self.mutant.line}: {self.mutant.change}"


def run(args: argparse.Namespace) -> int:
    """Try each mutant and return 0 if all were noticed, 1 if some were not. Raises UsageError, HostError."""
    if not args.directory.is_dir():
        raise UsageError(f"there is no directory {args.directory}", wanted="one with a driver and its tests")
    project = args.directory.absolute()
    works = list(_find_works(project, args.file))
    if not works:
        sources = f"source that matches {' or '.join(args.file)}" if args.file else "Rust source"
        raise UsageError(f"no {sources} in {args.directory} has code that can be mutated")
    if args.list:
        for work in works:
            say(work.told)
        return 0
    memory = Path.cwd() / _RESULTS / f"mutants-{project.name}.jsonl"
    memory.parent.mkdir(parents=True, exist_ok=True)
    with open_scratch("rustbed-mutants-") as directory:
        copies = [directory / str(number) / project.name for number in range(args.at_once)]
        for copy in copies:
            _copy_project(project, copy)
        status, told, _ = _run_tests(copies[0], args.pytest_args)
        if flaw := find_flaw(status, told):
            wanted = {} if told else {"wanted": f"{args.directory} to have both the driver and its tests"}
            raise UsageError(f"no mutant was tried: {flaw}", **wanted)
        trials = _try_all(copies, works, memory, args.pytest_args)
    for line in render_score(trials):
        say(line)
    say(f"{plural(len(trials), 'mutant')} in {memory}")
    return 1 if any(trial.fate is Fate.SURVIVED for trial in trials) else 0


def _copy_project(project: Path, copy: Path) -> None:
    """Copy a project without the leftovers of sessions; the copy is writable even if the project is not."""
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns(*_LEFT_OUT), symlinks=True)
    for path in (copy, *copy.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | stat.S_IWUSR)


def _find_works(project: Path, globs: Sequence[str]) -> Iterator[_Work]:
    for path in sorted(project.rglob("*.rs")):
        name = path.relative_to(project)
        if any(part.startswith(".") or part == _RESULTS for part in name.parts):
            continue
        if globs and not any(name.match(glob) for glob in globs):
            continue
        source = path.read_bytes()
        digest = hash_text(source.decode(errors="surrogateescape"))
        for mutant in find_mutants(source):
            yield _Work(file=str(name), source=source, mutant=mutant, key=key_of(str(name), digest, mutant))


def _try_all(
    copies: Sequence[Path], works: Sequence[_Work], memory: Path, words: Sequence[str]
) -> list[Trial]:
    """Return the fate of each mutant, from memory or by trying it in one of the copies."""
    trials = {key: trial for key, trial in load_trials(memory).items() if is_settled(trial)}
    numbers = {work.key: number for number, work in enumerate(works, start=1)}

    def try_in(copy: Path, work: _Work, _: object) -> Trial:
        return _try(copy, work, words)

    waiting = [work for work in works if work.key not in trials]
    for work, trial in work_together(waiting, [partial(try_in, copy) for copy in copies], say):
        trials[work.key] = trial
        with memory.open("a") as file:
            file.write(render_trial(trial))
        say(f"{numbers[work.key]}/{len(works)}  {trial.fate:8}  {trial.seconds:5.1f} s  {work.told}")
    return [trials[work.key] for work in works]


def _try(copy: Path, work: _Work, words: Sequence[str]) -> Trial:
    file = copy / work.file
    file.write_bytes(work.mutant.applied(work.source))
    try:
        status, told, seconds = _run_tests(copy, words)
    finally:
        file.write_bytes(work.source)
    fate, why = fate_of(status, told)
    return Trial(
        file=work.file,
        line=work.mutant.line,
        change=work.mutant.change,
        fate=fate,
        told=why,
        seconds=round(seconds, 2),
        key=work.key,
    )


def _run_tests(copy: Path, words: Sequence[str]) -> tuple[int, list[dict[str, str]], float]:
    """Run the tests until the first red one; return pytest's status, the results, and the seconds."""
    results = copy / _RESULTS
    began = time.monotonic()
    done = process.run(
        [sys.executable, "-m", "pytest", "-x", "-q", f"--rustbed-results={results}", *words],
        attempted="running the tests",
        timeout_s=_TESTS_S,
        cwd=copy,
        check=False,
    )
    seconds = time.monotonic() - began
    if done.status not in _JUDGED:
        raise HostError("pytest did not run the tests", status=done.status, output=done.text[-2000:])
    said = [
        {"name": each.name, "outcome": str(each.outcome), "message": each.message}
        for each in load_results([results / "latest" / runfiles.JUNIT]).cases
    ]
    shutil.rmtree(results, ignore_errors=True)
    return done.status, said, seconds
