"""The command line: `rustbed COMMAND`.

The only module that prints to a terminal, and the one place where an error
becomes an exit status: 0 fine, 1 red, 2 what was asked cannot be, 3 the
harness or the host failed, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rustbed import process
from rustbed.bisect.candidates import list_row
from rustbed.cache import Cache, default_root, remove_tree
from rustbed.cli import doctor
from rustbed.cli.explain import explain
from rustbed.cli.repro_arguments import add_arguments as add_repro_arguments
from rustbed.cli.repro_arguments import add_bisect_arguments
from rustbed.errors import HarnessError, UsageError
from rustbed.kernel.debian import list_packages
from rustbed.options import CACHE_HELP, add_options, read_arches, read_choices
from rustbed.prepare import Choices, prepare
from rustbed.progress import Display
from rustbed.report.gate import FLOOR_S, compare
from rustbed.report.gate_formats import FORMATS
from rustbed.report.known import load_known
from rustbed.report.results import load_results

PROJECT = Path(__file__).resolve().parent.parent.parent


def _display() -> Display:
    def write(text: str) -> None:
        print(text, end="", file=sys.stderr, flush=True)

    return Display(write, terminal=sys.stderr.isatty(), columns=shutil.get_terminal_size().columns - 1)


# -- commands ----------------------------------------------------------------------


def _pytest(words: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "pytest", *words]


def _test(args: argparse.Namespace) -> int:
    """Run the driver tests: the project's own from its checkout, else those of the current directory.

    Ours come after a look at the machines: a red driver test means little on one that does not work.
    """
    words = list(args.pytest_args)
    if Path.cwd() == PROJECT:
        words = ["-o", "testpaths=tests/boot/test_smoke.py tests/drivers", *words]
    process.replace_by(_pytest(words))
    return 0


def _check(args: argparse.Namespace) -> int:
    """Run the project's own gate: every step, whatever the ones before said."""
    os.chdir(PROJECT)
    python = sys.executable
    steps = (
        ("lint", [python, "-m", "ruff", "check", "."]),
        ("format", [python, "-m", "ruff", "format", "--check", "."]),
        ("types", [python, "-m", "mypy"]),
        # first, and with its progress to be seen: some tests use what it leaves in the cache
        ("kernels", [python, "-m", "rustbed.cli", "build"]),
        # the oracle's detectors; those of the other architectures are built on request
        ("debug kernel", [python, "-m", "rustbed.cli", "build", "--arch", "x86_64", "--profile", "debug"]),
        ("tests", _pytest(["tests", "-n", "auto", *args.pytest_args])),
    )
    failed = []
    for name, argv in steps:
        print(f"== {name}", flush=True)
        started = time.monotonic()
        status = process.run_attached(argv)
        print(
            f"== {name}: {'ok' if status == 0 else f'FAILED ({status})'}, {time.monotonic() - started:.1f} s",
            flush=True,
        )
        if status != 0:
            failed.append(name)
    print(f"== check: {'FAILED: ' + ', '.join(failed) if failed else 'ok'}", flush=True)
    return 1 if failed else 0


def _build(args: argparse.Namespace) -> int:
    """Put kernels and images into the cache and say where they are."""
    report = _display()
    for arch in read_arches(vars(args).__getitem__):
        platform = prepare(arch, _choices(args), report)
        kernel = platform.kernel
        print(f"{arch}  {kernel.release}  {len(kernel.modules)} modules  accel {platform.accel}")
        print(f"  kernel  {kernel.image}")
        print(f"  image   {platform.image.path}")
    return 0


def _boot(args: argparse.Namespace) -> int:
    """Boot one machine; run a command in it, or give its user a shell."""
    from rustbed.repro import console  # noqa: PLC0415 - asyncio and QMP are loaded only by commands that boot

    rows = read_arches(vars(args).__getitem__)
    mine = [row for row in rows if row.name == os.uname().machine]
    arch = rows[0] if args.arch or not mine else mine[0]
    platform = replace(prepare(arch, _choices(args), _display()), cpus=args.cpus)
    with tempfile.TemporaryDirectory(prefix="rustbed-") as directory:
        command = " ".join(word for word in args.command if word != "--")
        if command:
            status, output = console.run_command(platform, command, Path(directory))
            sys.stdout.buffer.write(output)
            return status
        return console.run_shell(platform, Path(directory))


def _doctor(args: argparse.Namespace) -> int:
    """Say what is here, what is missing, and the command that fixes it."""
    findings = doctor.examine(_choices(args))
    print(doctor.render(findings))
    return 0 if all(finding.ok for finding in findings) else 1


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no count: 1 or more")
    return int(text)


def _bench(args: argparse.Namespace) -> int:
    """Measure and print a table; assert nothing."""
    from rustbed import bench  # noqa: PLC0415 - as above

    report = _display()
    arches = () if args.name in bench.WITHOUT_MACHINES else read_arches(vars(args).__getitem__)
    platforms = [replace(prepare(arch, _choices(args), report), cpus=args.cpus) for arch in arches]
    print(bench.BENCHES[args.name](platforms, args.runs, _choices(args).cache))
    return 0


def _explain(args: argparse.Namespace) -> int:
    """Name every splat of a log: 0 if it has none, 1 if some."""
    found = explain(
        args.log,
        as_json=args.json,
        vmlinux=Path(args.vmlinux) if args.vmlinux else None,
        modules=Path(args.modules) if args.modules else None,
        cache_root=Path(args.cache) if args.cache else default_root(),
    )
    sys.stdout.writelines(found.text)
    for note in found.notes:
        print(f"rustbed: {note}", file=sys.stderr)
    return 1 if found.has_splats else 0


def _gate(args: argparse.Namespace) -> int:
    """Compare results with a baseline: 0 no worse, 1 a regression, 2 cannot be judged."""
    comparison = compare(
        load_results(args.baseline),
        load_results(args.new),
        known=load_known(args.known_issues) if args.known_issues else (),
        today=datetime.now(UTC).date(),
        slower=args.slower,
        floor_s=args.floor,
    )
    print(FORMATS[args.format](comparison), end="")
    return comparison.status


def _repro(args: argparse.Namespace) -> int:
    """List, pack, run or look into runs that failed."""
    from rustbed.cli import repro  # noqa: PLC0415 - as above

    return repro.run(args, lambda text: print(text, flush=True))


def _bisect(args: argparse.Namespace) -> int:
    """Find the first bad kernel: 0 if it is known, 1 if those before it could not be tried."""
    from rustbed.bisect import trials  # noqa: PLC0415 - as above

    row = list_row(
        args.good,
        args.bad,
        lambda: list_packages(
            Cache(Path(args.cache).absolute() if args.cache else default_root()), _display()
        ),
    )
    question = trials.Question(
        row=row,
        test=(args.test, *args.pytest_args, *(("--cache", args.cache) if args.cache else ())),
        runs=args.runs,
        directory=Path(args.directory).absolute(),
    )
    print(f"{len(row)} kernels: {row[0]} ... {row[-1]}", flush=True)
    return trials.bisect(question, lambda text: print(text, flush=True))


def _clean(args: argparse.Namespace) -> int:
    """Remove the cache, or one kind of entries of it."""
    root = _choices(args).cache_root
    there = sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    if unknown := sorted(set(args.kinds) - set(there)):
        raise UsageError(f"the cache has no {', '.join(unknown)}", choices=", ".join(there) or "it is empty")
    targets = [root / kind for kind in args.kinds] or [root]
    for target in targets:
        if target.exists():
            remove_tree(target)
        print(f"removed {target}")
    return 0


# -- arguments -----------------------------------------------------------------------


def _choices(args: argparse.Namespace) -> Choices:
    return read_choices(vars(args).__getitem__)


def _factor(text: str) -> float:
    factor = float(text)
    if not 1 <= factor < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is no factor: 1 or more")
    return factor


def _gate_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("new", nargs="+", type=Path, metavar="NEW", help="JUnit XML, or a directory of such files")
    add("--baseline", action="append", required=True, type=Path, metavar="OLD", help="to compare with")
    add("--known-issues", type=Path, metavar="FILE", help="YAML, failures that are known: docs/ci.md")
    add("--slower", type=_factor, metavar="FACTOR", help="slower by more than this is a regression")
    add("--floor", type=float, default=FLOOR_S, metavar="S", help="if by these seconds too (default: 1)")
    add("--format", choices=tuple(FORMATS), default="text", help="github, gitlab: annotated source lines")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="rustbed", description="A QEMU test bed for Rust drivers in the Linux kernel."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    kernel = argparse.ArgumentParser(add_help=False)
    add_options(kernel.add_argument)

    def command(
        name: str, action: Callable[[argparse.Namespace], int], text: str, *, options: bool = True
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text, parents=[kernel] if options else [])
        made.set_defaults(action=action)
        return made

    for name, action, text in (
        ("test", _test, "everything needed, then the driver tests; takes pytest's arguments"),
        ("check", _check, "the project's own gate: lint, types and all tests; takes pytest's arguments"),
    ):
        # their arguments are pytest's, --help included
        made = commands.add_parser(name, help=text, add_help=False)
        made.set_defaults(action=action)
    command("build", _build, "put kernels and images into the cache")
    boot = command("boot", _boot, "boot a machine: run a command in it, or an interactive shell")
    boot.add_argument("--cpus", type=_count, default=1, metavar="N", help="of the machine (default: 1)")
    boot.add_argument(
        "command", nargs=argparse.REMAINDER, metavar="-- CMD", help="a shell command; its exit status is ours"
    )
    command("doctor", _doctor, "what is here, what is missing, and the command that fixes it")
    bench = command("bench", _bench, "measure and print a table")
    bench.add_argument("name", choices=("boot", "fork", "churn", "explain"))
    bench.add_argument("--cpus", type=_count, default=1, metavar="N", help="of each machine (default: 1)")
    bench.add_argument("--runs", type=_count, default=5, help="how often to measure (churn: how many forks)")
    log = command("explain", _explain, "name every splat in a kernel log", options=False)
    log.add_argument("log", metavar="LOG", help="a file: console, dmesg, syslog, /dev/kmsg; - for stdin")
    log.add_argument("--json", action="store_true", help="a list of objects in place of text")
    log.add_argument(
        "--vmlinux", metavar="FILE", help="of the kernel that wrote the log, with debug information"
    )
    log.add_argument("--modules", metavar="DIR", help="is searched for its modules (*.ko)")
    log.add_argument("--cache", metavar="DIR", help=CACHE_HELP)
    _gate_options(command("gate", _gate, "compare results with a baseline", options=False))
    text = "reproduce a failed run: list, pack, run, shell, gdb"
    add_repro_arguments(command("repro", _repro, text, options=False))
    text = "find the first kernel on which a test fails; takes pytest's arguments"
    add_bisect_arguments(command("bisect", _bisect, text, options=False))
    clean = command("clean", _clean, "remove the cache, or some of it")
    clean.add_argument(
        "kinds",
        nargs="*",
        metavar="KIND",
        help="what to remove: toolroots, sources, builds, kernels, images, ...; everything if none is named",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    args, rest = make_parser().parse_known_args(argv)
    if rest and args.action not in (_test, _check, _bisect):
        make_parser().error(f"unrecognized arguments: {' '.join(rest)}")
    args.pytest_args = rest
    try:
        return int(args.action(args))
    except UsageError as error:
        print(f"rustbed: {error}", file=sys.stderr)
        return 2
    except HarnessError as error:
        print(f"rustbed: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("rustbed: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 141
