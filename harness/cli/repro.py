"""`rustbed repro`: what each subcommand does with its arguments.

Says everything through a function that it is given: only the command line
prints.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from rustbed import cache as caching
from rustbed.arch import Arch, require_arch
from rustbed.cache import Cache
from rustbed.errors import HarnessError
from rustbed.host import Qemu
from rustbed.report import rundir
from rustbed.repro import debugger, interactive, recording, rewinding
from rustbed.repro.gdb_program import find_gdb
from rustbed.repro.listing import list_runs
from rustbed.repro.pack import pack_run
from rustbed.repro.replay import Sameness
from rustbed.repro.run import Say, choose_accel, describe, find_emulator, reproduce, verdict_of
from rustbed.repro.scene import Scene, open_scene

_STATUS = {Sameness.SAME: 0, Sameness.DIFFERENT: 1, Sameness.UNKNOWN: 2}


def _list(args: argparse.Namespace, say: Say) -> int:
    for line in list_runs(Path(args.results), everything=args.all):
        say(line)
    return 0


def _pack(args: argparse.Namespace, say: Say) -> int:
    target = Path(args.output) if args.output else None
    with TemporaryDirectory(prefix="rustbed-") as scratch:
        path, manifest = pack_run(
            Path(args.run),
            target,
            debug_info=args.debug_info,
            scratch=Path(scratch),
            version=version("rustbed"),
        )
    say(f"{path}  {path.stat().st_size / 2**20:.1f} MiB, {len(manifest.files)} files")
    return 0


def _run(args: argparse.Namespace, say: Say) -> int:
    """Exit status 0: the same came; 1: something else, or nothing; 2: nobody can tell."""
    try:
        with ExitStack() as stack:
            scene, qemu = _open(args, stack)
            describe(scene, qemu, say)
            directory = _directory(args, scene)
            replayed, judgement = reproduce(scene, qemu, directory, say)
    except HarnessError as error:
        say(f"{Sameness.UNKNOWN}: {error}")
        return _STATUS[Sameness.UNKNOWN]
    rundir.write_verdict(directory / rundir.VERDICT, verdict_of(scene, replayed, judgement), test=scene.test)
    say(f"{judgement.sameness}: {judgement.reason}")
    return _STATUS[judgement.sameness]


def _open(args: argparse.Namespace, stack: ExitStack) -> tuple[Scene, Qemu]:
    """Return the scene that the arguments name, with its accelerator chosen, and a QEMU for it."""
    scene = stack.enter_context(open_scene(Path(args.scene)))
    return replace(scene, spec=choose_accel(scene.spec, args.accel)), _qemu(args, scene.spec.arch)


def _qemu(args: argparse.Namespace, arch: Arch) -> Qemu:
    return find_emulator(arch, Path(args.qemu) if args.qemu else None, _cache(args))


def _cache(args: argparse.Namespace) -> Cache:
    return Cache(Path(args.cache).absolute() if args.cache else caching.default_root())


def _directory(args: argparse.Namespace, scene: Scene) -> Path:
    """Make a run directory for what is done with a scene."""
    session = rundir.open_session(Path(args.results).absolute())
    rundir.remove_old_sessions(session)
    return rundir.run_dir(session, scene.test)


def _shell(args: argparse.Namespace, say: Say) -> int:
    with ExitStack() as stack:
        scene, qemu = _open(args, stack)
        describe(scene, qemu, say)
        directory = _directory(args, scene)
        return interactive.run_shell(scene, qemu, directory, say, at=args.at, after=args.after)


def _gdb(args: argparse.Namespace, say: Say) -> int:
    with ExitStack() as stack:
        scene, qemu = _open(args, stack)
        describe(scene, qemu, say)
        debugger.require_symbols(scene)
        gdb = find_gdb(scene.spec.arch, _cache(args), say)
        directory = _directory(args, scene)
        return debugger.run_gdb(scene, qemu, gdb, directory, say, at=args.at, batch=args.batch)


def _record(args: argparse.Namespace, say: Say) -> int:
    with ExitStack() as stack:
        scene, qemu = _open(args, stack)
        describe(scene, qemu, say)
        chosen = Path(args.output).absolute() if args.output else _directory(args, scene) / "recording"
        size = recording.record(scene, qemu, chosen)
    say(f"{chosen}  {size / 2**20:.1f} MiB of events")
    return 0


def _replay(args: argparse.Namespace, say: Say) -> int:
    recorded = recording.load_recording(Path(args.recording).absolute())
    arch = require_arch(recorded.arch)
    qemu = _qemu(args, arch)
    if args.gdb or args.batch:
        rewinding.require_symbols(recorded)
        return rewinding.run_gdb(recorded, qemu, find_gdb(arch, _cache(args), say), say, batch=args.batch)
    same = recording.play_back(recorded, qemu)
    say(f"{'same' if same else 'different'}: {recorded.directory / recording.AGAIN}")
    return 0 if same else 1


_COMMANDS = {
    "record": _record,
    "replay": _replay,
    "list": _list,
    "pack": _pack,
    "run": _run,
    "shell": _shell,
    "gdb": _gdb,
}


def run(args: argparse.Namespace, say: Say) -> int:
    """Do what the arguments say and return the exit status."""
    return _COMMANDS[args.repro](args, say)
