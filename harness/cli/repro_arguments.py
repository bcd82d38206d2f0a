"""The arguments of `rustbed repro`; loads nothing that commands need."""

from __future__ import annotations

import argparse

from rustbed.options import CACHE_HELP


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands and their arguments."""
    commands = parser.add_subparsers(metavar="WHAT", required=True)

    def command(name: str, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(repro=name)
        return made

    listing = command("list", "the red runs of the newest session, or of another")
    listing.add_argument("results", nargs="?", default="results/latest", help="a session, or one run")
    listing.add_argument("--all", action="store_true", help="green runs, too")
    packing = command("pack", "make one file of a run directory, from which others can reproduce it")
    packing.add_argument("run", metavar="RUN", help="a run directory: see repro list")
    packing.add_argument("-o", "--output", metavar="FILE", help="a file or a directory (default: here)")
    packing.add_argument("--debug-info", action="store_true", help="with vmlinux and unstripped modules")
    running = command("run", "reproduce a run: 0 if the same comes, 1 if not, 2 if nobody can tell")
    shell = command("shell", "a shell in the machine, just before the command at which it failed")
    shell.add_argument("--after", action="store_true", help="after that command, if the machine still lives")
    shell.add_argument("--at", type=int, metavar="N", help="before command N instead (counted from 1)")
    debugger = command("gdb", "gdb on the machine, stopped where it reports what is wrong")
    debugger.add_argument("--at", type=int, metavar="N", help="give command N (counted from 1) under gdb")
    add_batch(debugger)
    recording = command("record", "record its commands on a machine, to be played back bit for bit")
    recording.add_argument("-o", "--output", metavar="DIR", help="default: recording, in the replay's files")
    playing = command("replay", "play a recording back: 0 if the console is the same to the last byte")
    playing.add_argument("recording", metavar="DIR", help="what record, or test --record, left")
    playing.add_argument("--gdb", action="store_true", help="with gdb, which can go back, too")
    add_batch(playing)
    _add_qemu(playing)
    for parser_of_scene in (running, shell, debugger, recording):
        add_scene(parser_of_scene)


def add_batch(parser: argparse.ArgumentParser) -> None:
    """Declare what every subcommand takes that starts gdb."""
    text = "a command for gdb, instead of a prompt"
    parser.add_argument("--batch", action="append", default=[], metavar="CMD", help=text)


def add_scene(parser: argparse.ArgumentParser) -> None:
    """Declare what every subcommand takes that starts a scene's machine."""
    parser.add_argument("scene", metavar="RUN|BUNDLE", help="a run directory, or a packed one")
    _add_qemu(parser)
    parser.add_argument("--accel", choices=("kvm", "tcg"), help="default: as it was, where that is possible")
    parser.add_argument("--results", default="results/replays", metavar="DIR", help="for the replay's files")


def _add_qemu(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--qemu", metavar="PATH", help="a QEMU binary, or a directory of them")
    parser.add_argument("--cache", metavar="DIR", help=CACHE_HELP)


def add_bisect_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `rustbed bisect`; what it does not know is pytest's."""
    parser.add_argument("--good", required=True, metavar="KERNEL", help="debian:X, built:DIR/X, tree:PATH@X")
    parser.add_argument("--bad", required=True, metavar="KERNEL", help="a later one of the same kind")
    parser.add_argument("--runs", type=_positive, default=1, metavar="N", help="runs on each kernel")
    parser.add_argument("--directory", default="results/bisect", metavar="DIR", help="state and evidence")
    parser.add_argument("--cache", metavar="DIR", help=CACHE_HELP)
    parser.add_argument("test", metavar="TEST", help="as pytest names it; more arguments are pytest's")


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number
