"""`rustbed boot`: a machine for interactive use, or for one command, with the user's modules and files."""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from rustbed.arch import Arch
from rustbed.cli.arguments import add_cpus, choices_of, choose_arch, parse_count
from rustbed.cli.modules import find_modules, is_path
from rustbed.cli.terminal import complain, make_display
from rustbed.errors import MachineError, UsageError
from rustbed.kernel.artifact import Module
from rustbed.log.record import Record
from rustbed.log.splat import find_splats
from rustbed.machine.booting import boot
from rustbed.machine.spec import Hardware, MachineSpec
from rustbed.machine.vm import Vm
from rustbed.options import STARTS_MACHINES, add_options
from rustbed.prepare import Platforms
from rustbed.repro import console
from rustbed.repro.typed import terminal
from rustbed.request import MachineRequest, resolve_spec


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the machine, its modules and files, and the command."""
    add_options(parser.add_argument, STARTS_MACHINES)
    add_cpus(parser)
    add = parser.add_argument
    default = Hardware().memory_mib
    add(
        "--memory",
        type=parse_count,
        default=default,
        metavar="MIB",
        help=f"memory of the machine (default: {default})",
    )
    add("--device", action="append", default=[], metavar="D", help="an argument of QEMU's -device")
    text = "load a module: its name, its .ko file, or a directory with a Kbuild file, which is built"
    add("--module", action="append", default=[], metavar="M", help=text)
    text = "copy a file or directory into the guest (default for TO: / and its name)"
    add("--push", action="append", default=[], metavar="FROM[:TO]", help=text)
    add("--messages", action="store_true", help="print the kernel's messages to standard error afterwards")
    text = "one word: a command of the guest's shell; more: a program and its arguments; its status is boot's"
    add("command", nargs=argparse.REMAINDER, metavar="-- CMD", help=text)


def run(args: argparse.Namespace) -> int:
    """Boot one machine; run a command in it, or connect a shell to the terminal. Raises HarnessError."""
    arch = choose_arch(args)
    files = {remote: path for text in args.push for remote, path in parse_push(text)}
    platforms = Platforms(choices_of(args), make_display())
    given = [find_modules(name, platforms, arch) for name in args.module]
    modules = [module for found in given for module in found]
    load = [*(module.name for module in modules), *(name for name in args.module if not is_path(name))]
    command = render_command(args.command)
    spec, qemu = _spec(args, platforms, arch, modules, load), platforms.get(arch, None).qemu
    typed = nullcontext(None) if command else terminal()
    with (
        typed as chardev,
        _kept_after_failure() as directory,
        boot(spec, qemu, directory, terminal=chardev) as vm,
    ):
        ready = len(vm.dmesg)
        try:
            console.furnish(vm, files=files, modules=modules, load=load)
            return _use(vm, command)
        finally:
            _report(vm.dmesg.records[ready:], messages=args.messages)


def _use(vm: Vm, command: str) -> int:
    if not command:
        return console.give_shell(vm)
    status, output = console.run_command(vm, command)
    sys.stdout.buffer.write(output)
    return status


def _report(records: Sequence[Record], *, messages: bool) -> None:
    """Print the kernel's splats, because a shell that was killed by an oops only prints "killed"."""
    if messages:
        sys.stderr.writelines(f"{record.text}\n" for record in records)
    for splat in find_splats(records):
        complain(f"the kernel reported: {splat.title}")


@contextmanager
def _kept_after_failure() -> Iterator[Path]:
    """Yield a directory for the machine's files; it is kept after an error, whose message names it."""
    directory = Path(tempfile.mkdtemp(prefix="rustbed-"))
    try:
        yield directory
    except MachineError:
        raise
    except BaseException:
        shutil.rmtree(directory)
        raise
    shutil.rmtree(directory)


def _spec(
    args: argparse.Namespace,
    platforms: Platforms,
    arch: Arch,
    modules: Sequence[Module],
    load: Sequence[str],
) -> MachineSpec:
    """Return the machine, whose kernel has the modules. Raises UsageError for one to load that it lacks."""
    hardware = Hardware(memory_mib=args.memory, cpus=args.cpus, devices=tuple(args.device))
    request = MachineRequest(hardware=hardware)
    platform = platforms.get(arch, None)
    spec = resolve_spec(platform, request, base=Path.cwd(), cache=platforms.choices.cache)
    known = spec.kernel.modules | {module.name: module for module in modules}
    kernel = replace(spec.kernel, modules=known)
    for name in load:
        # checks the dependencies, too, before anything is booted
        kernel.load_order(name)
    return replace(spec, kernel=kernel)


def parse_push(text: str) -> Iterator[tuple[str, Path]]:
    """Yield the guest's path and the host's file for each file of FROM[:TO]. Raises UsageError."""
    given, colon, to = text.partition(":")
    source = Path(given)
    if not source.exists():
        raise UsageError(f"no such file or directory to push: {given}")
    remote = to if colon else f"/{source.absolute().name}"
    if not source.is_dir():
        yield remote, source
        return
    for path in sorted(source.rglob("*")):
        if path.is_file():
            yield f"{remote.rstrip('/')}/{path.relative_to(source)}", path


def render_command(words: Sequence[str]) -> str:
    """Return words of our command line as a command for a shell, "" if there are none.

    A single word is a shell command. Several are a program and its arguments,
    which are quoted so that the program gets them unchanged.
    """
    given = list(words[1:] if words[:1] == ["--"] else words)
    return given[0] if len(given) == 1 else shlex.join(given)
