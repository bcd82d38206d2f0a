"""Broken input for `explain`, `gate` and `ktap`, for as long as wanted; run by hand, and not by the gate.

    nice .venv/bin/python -m tests.bench.fuzz --minutes 60 [--seed N] [DIRECTORY...]

Takes the logs and results of the tests, and of the directories, apart and puts them together wrongly. A fault
is any exception but the one for unreadable input, 20 s of the processor for one input, or 200 MiB of memory.
Its input is kept in fuzz-faults/, and the status is 1. `--seed N --case M` tries one input alone.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import FrameType

from tests.bench.broken import broken

from rustbed.cli.ktap import render as render_ktap
from rustbed.errors import UsageError
from rustbed.explained import explain
from rustbed.log.ktap import parse_ktap
from rustbed.log.objects import render_github, render_json
from rustbed.log.record import parse_lines
from rustbed.report.gate import compare
from rustbed.report.gate_formats import FORMATS
from rustbed.report.history import load_history, red_names
from rustbed.report.junit import render_junit
from rustbed.report.ktap import cases_of
from rustbed.report.results import load_results

UNIT = Path(__file__).parent.parent / "unit"
FAULTS = Path("fuzz-faults")
# processor seconds for one input, bytes of memory of the process
SECONDS, MEMORY = 20, 200 << 20

KTAP = """\
KTAP version 1
1..2
    KTAP version 1
    # Subtest: a
    1..2
    ok 1 b
    not ok 2 c
not ok 1 a
ok 2 d
"""


def try_explain(random: Random, logs: Sequence[bytes], directory: Path) -> None:
    """Find the splats of a log, given as bytes, and show them."""
    log = broken(random, logs)
    (directory / "input.log").write_bytes(log)
    splats = [("log", explain(log))]
    json.loads("".join(render_json(splats)))
    "".join(render_github(splats)).encode()


def try_ktap(random: Random, logs: Sequence[bytes], directory: Path) -> None:
    """Read results from a log, and write them as JUnit that is read again."""
    log = broken(random, logs)
    (directory / "input.log").write_bytes(log)
    report = parse_ktap(line.text for line in parse_lines(log.decode(errors="replace")))
    render_ktap(report)
    path = directory / "input.xml"
    path.write_text(render_junit("ktap", cases_of(report.children, "ktap")))
    load_results([path])


def try_gate(random: Random, results: Sequence[bytes], directory: Path) -> None:
    """Compare results with a baseline and with earlier runs, and show what was found in each format."""
    paths = [directory / name for name in ("old/arm64.xml", "old/x86.xml", "new/arm64.xml", "new/x86.xml")]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(broken(random, results) if random.random() < 0.5 else random.choice(results))
    old, new = load_results([directory / "old"]), load_results([directory / "new"])
    names = {*red_names(old.cases), *red_names(new.cases)}
    history = load_history([directory / "old", directory / "new"], names=names)
    compared = compare(old, new, today=date(2026, 11, 21), slower=2, history=history, flake_days=30)
    for render in FORMATS.values():
        render(compared).encode()


def _seeds(directories: Sequence[Path]) -> dict[str, list[bytes]]:
    """Return documents to begin with: logs, and results."""
    logs = [UNIT / "log" / name for name in ("splats", "boots", "lines")]
    found = [
        path for directory in (*logs, *directories) for path in sorted(directory.rglob("*")) if path.is_file()
    ]
    results = [path.read_bytes() for path in sorted((UNIT / "report" / "results").glob("*.xml"))]
    text = [path.read_bytes() for path in found if path.suffix != ".xml"]
    return {"logs": [*text, KTAP.encode()], "ktap": [KTAP.encode()] * 3 + text[:3], "results": results}


class TooSlowError(Exception):
    """One input takes too long."""


def _too_slow(_number: int, _frame: FrameType | None) -> None:
    raise TooSlowError


def cases(seeds: dict[str, list[bytes]]) -> dict[str, Callable[[Random, Path], None]]:
    """Return what is tried in turn."""
    return {
        "explain": lambda random, directory: try_explain(random, seeds["logs"], directory),
        "ktap": lambda random, directory: try_ktap(random, seeds["ktap"], directory),
        "gate": lambda random, directory: try_gate(random, seeds["results"], directory),
    }


def run(name: str, one: Callable[[Random, Path], None], random: Random, directory: Path) -> str:
    """Try one input; return what is wrong, "" if nothing is."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        one(random, directory)
    except UsageError:
        pass
    except TooSlowError:
        return f"{name}: more than {SECONDS} s\n{traceback.format_exc()}"
    except Exception:  # noqa: BLE001 - whatever it is, it is a fault
        return f"{name}: {traceback.format_exc()}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    return f"{name}: {after >> 20} MiB of memory\n" if after > MEMORY >= before else ""


def numbers(only: int | None, end: float) -> Iterator[int]:
    """Yield numbers of cases until the time is over."""
    number = 0 if only is None else only
    while time.monotonic() < end:
        yield number
        if only is not None:
            return
        number += 1


def main(argv: Sequence[str]) -> int:
    """Try inputs until the time is over; return 1 if one showed a fault."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("directory", nargs="*", type=Path, help="more logs to begin with")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", type=int)
    args = parser.parse_args(argv)
    signal.signal(signal.SIGPROF, _too_slow)
    turns = list(cases(_seeds(args.directory)).items())
    tried: Counter[str] = Counter()
    faults = 0
    for number in numbers(args.case, time.monotonic() + args.minutes * 60):
        name, one = turns[number % len(turns)]
        with TemporaryDirectory() as made:
            wrong = run(name, one, Random(f"{args.seed} {number}"), Path(made))  # noqa: S311
            tried[name] += 1
            if wrong:
                faults += 1
                kept = FAULTS / f"{args.seed}-{number}"
                kept.parent.mkdir(exist_ok=True)
                Path(made).rename(kept)
                Path(made).mkdir()
                print(f"--seed {args.seed} --case {number}: {wrong}", flush=True)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{dict(tried)}: {faults} faults, {memory} MiB of memory at most")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
