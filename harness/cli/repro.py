"""`rustbed repro`: lists, packs, replays and debugs failed runs."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from rustbed import runfiles
from rustbed.arch import Arch, require_arch
from rustbed.cli.arguments import add_cache, read_cache
from rustbed.cli.terminal import confirm, say
from rustbed.errors import HarnessError
from rustbed.host import Qemu
from rustbed.progress import plural
from rustbed.report import rundir
from rustbed.repro import debugger, interactive, recording, rewinding
from rustbed.repro.gdb_program import find_gdb
from rustbed.repro.listing import list_runs
from rustbed.repro.pack import pack_run
from rustbed.repro.qemu_program import find_emulator
from rustbed.repro.replay import Sameness
from rustbed.repro.run import choose_accel, describe, reproduce, verdict_of
from rustbed.repro.scene import Scene, open_scene

_STATUS = {Sameness.SAME: 0, Sameness.DIFFERENT: 1, Sameness.UNKNOWN: 2}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands and their arguments."""
    commands = parser.add_subparsers(metavar="WHAT", required=True)
    for name, (action, declare, text) in _COMMANDS.items():
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(action=action)
        declare(made)


def run(args: argparse.Namespace) -> int:
    """Run the subcommand. Raises HarnessError."""
    return int(args.action(args))


def _declare_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "results",
        nargs="?",
        default="results/latest",
        metavar="RESULTS",
        help="a session, or one run (default: results/latest)",
    )
    parser.add_argument("--all", action="store_true", help="list green runs, too")


def _declare_pack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a run directory: see repro list")
    parser.add_argument("-o", "--output", metavar="FILE", help="a file or a directory (default: here)")
    parser.add_argument("--debug-info", action="store_true", help="include vmlinux and unstripped modules")


def _declare_shell(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--after", action="store_true", help="after that command, if the machine is still alive"
    )
    parser.add_argument("--at", type=int, metavar="N", help="before command N instead (counted from 1)")
    _declare_scene(parser)


def _declare_gdb(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--at", type=int, metavar="N", help="give command N (counted from 1) under gdb")
    _declare_batch(parser)
    _declare_scene(parser)


def _declare_record(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", metavar="DIR", help="where the recording goes (default: below --results)"
    )
    _declare_scene(parser)


def _declare_replay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "recording", metavar="DIR", help="a recording made by `repro record` or `test --record`"
    )
    parser.add_argument(
        "--gdb", action="store_true", help="play it back under gdb, which can also go backwards"
    )
    _declare_batch(parser)
    _declare_qemu(parser)


def _declare_batch(parser: argparse.ArgumentParser) -> None:
    text = "a command for gdb, instead of a prompt"
    parser.add_argument("--batch", action="append", default=[], metavar="CMD", help=text)


def _declare_scene(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of every subcommand that starts a scene's machine."""
    parser.add_argument("scene", metavar="RUN|BUNDLE", help="a run directory, or a packed one")
    _declare_qemu(parser)
    parser.add_argument(
        "--accel", choices=("kvm", "tcg"), help="default: that of the run, if this host has it"
    )
    parser.add_argument(
        "--results",
        default="results/replays",
        metavar="DIR",
        help="where the replay's files go (default: results/replays)",
    )


def _declare_qemu(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--qemu", metavar="PATH", help="a QEMU binary, or a directory of them")
    parser.add_argument("--yes", action="store_true", help="fetch a QEMU without asking, if none is here")
    add_cache(parser)


def _list(args: argparse.Namespace) -> int:
    for line in list_runs(Path(args.results), everything=args.all):
        say(line)
    return 0


def _pack(args: argparse.Namespace) -> int:
    target = Path(args.output) if args.output else None
    with TemporaryDirectory(prefix="rustbed-") as scratch:
        path, manifest = pack_run(
            Path(args.run),
            target,
            debug_info=args.debug_info,
            scratch=Path(scratch),
            version=version("rustbed"),
        )
    say(f"{path}  {path.stat().st_size / 2**20:.1f} MiB, {plural(len(manifest.files), 'file')}")
    return 0


def _run(args: argparse.Namespace) -> int:
    """Exit status 0: the same failure; 1: another one, or none; 2: unclear."""
    try:
        with ExitStack() as stack:
            scene, qemu = _open(args, stack)
            describe(scene, qemu, say)
            directory = _directory(args, scene)
            replayed, judgement = reproduce(scene, qemu, directory, say)
    except HarnessError as error:
        say(f"{Sameness.UNKNOWN}: {error}")
        return _STATUS[Sameness.UNKNOWN]
    rundir.write_verdict(
        directory / runfiles.VERDICT, verdict_of(scene, replayed, judgement), test=scene.test
    )
    say(f"{judgement.sameness}: {judgement.reason}")
    return _STATUS[judgement.sameness]


def _open(args: argparse.Namespace, stack: ExitStack) -> tuple[Scene, Qemu]:
    """Return the scene in the arguments, with an accelerator, and a QEMU for it."""
    scene = stack.enter_context(open_scene(Path(args.scene)))
    return replace(scene, spec=choose_accel(scene.spec, args.accel)), _qemu(args, scene.spec.arch)


def _qemu(args: argparse.Namespace, arch: Arch) -> Qemu:
    def ask(question: str) -> bool:
        return args.yes or confirm(question)

    return find_emulator(arch, Path(args.qemu) if args.qemu else None, read_cache(args), ask)


def _directory(args: argparse.Namespace, scene: Scene) -> Path:
    """Make a run directory for work with a scene."""
    session = rundir.open_session(Path(args.results).absolute())
    rundir.remove_old_sessions(session)
    return rundir.run_dir(session, scene.test)


def _shell(args: argparse.Namespace) -> int:
    with ExitStack() as stack:
        scene, qemu = _open(args, stack)
        describe(scene, qemu, say)
        directory = _directory(args, scene)
        return interactive.run_shell(scene, qemu, directory, say, at=args.at, after=args.after)


def _gdb(args: argparse.Namespace) -> int:
    with ExitStack() as stack:
        scene, qemu = _open(args, stack)
        describe(scene, qemu, say)
        debugger.require_symbols(scene)
        gdb = find_gdb(scene.spec.arch, read_cache(args), say)
        directory = _directory(args, scene)
        return debugger.run_gdb(scene, qemu, gdb, directory, say, at=args.at, batch=args.batch)


def _record(args: argparse.Namespace) -> int:
    with ExitStack() as stack:
        scene, qemu = _open(args, stack)
        describe(scene, qemu, say)
        chosen = Path(args.output).absolute() if args.output else _directory(args, scene) / "recording"
        size = recording.record(scene, qemu, chosen)
    say(f"{chosen}  {size / 2**20:.1f} MiB of events")
    return 0


def _replay(args: argparse.Namespace) -> int:
    recorded = recording.load_recording(Path(args.recording).absolute())
    arch = require_arch(recorded.arch)
    qemu = _qemu(args, arch)
    if args.gdb or args.batch:
        rewinding.require_symbols(recorded)
        return rewinding.run_gdb(recorded, qemu, find_gdb(arch, read_cache(args), say), say, batch=args.batch)
    same = recording.play_back(recorded, qemu)
    say(f"{'same' if same else 'different'}: {recorded.directory / recording.AGAIN}")
    return 0 if same else 1


# by subcommand: its function, its arguments, its help
_COMMANDS = {
    "list": (_list, _declare_list, "list the red runs of the newest session, or of another"),
    "pack": (_pack, _declare_pack, "pack a run directory into one file, so that others can reproduce it"),
    "run": (
        _run,
        _declare_scene,
        "reproduce a run: status 0 if it fails the same way, 1 if not, 2 if that is unclear",
    ),
    "shell": (
        _shell,
        _declare_shell,
        "open a shell in the machine, just before the command at which it failed",
    ),
    "gdb": (_gdb, _declare_gdb, "start gdb on the machine, stopped where the kernel reports the failure"),
    "record": (
        _record,
        _declare_record,
        "record a run's commands on a machine that can be played back bit for bit",
    ),
    "replay": (
        _replay,
        _declare_replay,
        "play a recording back: status 0 if the console is the same to the last byte",
    ),
}
