"""Recordings of a machine, which QEMU plays back bit for bit.

QEMU (11.1.3) stalls when it plays back input over virtio-serial. So
a recorded machine gets no input: the commands of the transcript are
in its initramfs.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rustbed import process, runfiles
from rustbed.errors import HostError, UsageError
from rustbed.host import Qemu
from rustbed.image import cpio
from rustbed.machine.argv import Channels, file_chardev, render_argv
from rustbed.machine.spec import MachineSpec
from rustbed.repro.scene import Scene
from rustbed.repro.script import render_commands
from rustbed.repro.symbols import Symbols, describe_symbols, find_symbols, keep_symbols, parse_symbols

# files of a recording's directory; copies of all files of the machine are there, too
EVENTS = "recording.bin"
AGAIN = "console.again.log"
FACTS = "recording.json"
_SYMBOLS = "symbols"
_INITRAMFS = "initramfs.cpio"
_COMMANDS = "rustbed/commands"

# guest time runs at 2^shift ns per instruction: 31 million instructions a second
_SHIFT = 5
# seconds that recording or playing back may take, in addition to the time of the commands
_PATIENCE_S = 180.0

# the same as in images/init before it serves a shell; the commands follow
_HEAD = """#!/bin/sh
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/ TERM=dumb
mount -a 2>/dev/null
while read -r module; do insmod "/lib/modules/$module.ko"; done </etc/rustbed/early-modules
exec </dev/null >/dev/console 2>&1
"""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A session that QEMU can play back."""

    directory: Path
    # of the machine, by name
    arch: str
    # QEMU's arguments for playing it back, without the program
    argv: tuple[str, ...]
    # timeout for playing it back, in seconds
    timeout_s: float
    # None: the kernel has none
    symbols: Symbols | None


def render_initramfs(base: bytes, commands: str) -> bytes:
    """Return an initramfs: `base`, followed by a second archive with the commands."""
    script = cpio.file(_COMMANDS, (_HEAD + commands).encode(errors="surrogateescape"), 0o755)
    padding = bytes(-len(base) % 512)
    return base + padding + cpio.render_cpio(cpio.with_parents([script]))


def recorded_argv(spec: MachineSpec, directory: Path, mode: str) -> tuple[str, ...]:
    """Return QEMU's arguments without the program; `mode` is record or replay."""
    console = directory / (runfiles.CONSOLE if mode == "record" else AGAIN)
    channels = Channels(console=file_chardev(console), shell="null", records="null", monitor=None)
    argv = list(render_argv(spec, (), channels))
    # counting instructions works with one thread only
    argv[argv.index("-accel") + 1] = "tcg,thread=single,tb-size=64"
    events = str(directory / EVENTS).replace(",", ",,")
    return (*argv, "-net", "none", "-icount", f"shift={_SHIFT},rr={mode},rrfile={events}")


def record(scene: Scene, qemu: Qemu, directory: Path) -> int:
    """Record a session with a scene's commands into an empty directory; return the bytes of its events.

    Raises UsageError for a scene that cannot be recorded and HostError if QEMU fails.
    """
    if any(command.arguments is not None for command in scene.commands):
        raise UsageError("commands to QEMU's monitor cannot be recorded", test=scene.test)
    directory.mkdir(parents=True, exist_ok=True)
    commands = render_commands(scene.commands, scene.read_input)
    (directory / _INITRAMFS).write_bytes(render_initramfs(scene.spec.initramfs.read_bytes(), commands))
    spec = _with_copies(scene.spec, directory)
    last = scene.commands[-1].at_s if scene.commands else 0.0
    timeout_s = last * 10 + _PATIENCE_S
    _run(qemu, recorded_argv(spec, directory, "record"), "recording", timeout_s)
    symbols = find_symbols(scene)
    facts = {
        "argv": recorded_argv(spec, directory, "replay"),
        "timeout_s": timeout_s * 2,
        "arch": spec.arch.name,
        "test": scene.test,
        "symbols": symbols and describe_symbols(keep_symbols(symbols, directory / _SYMBOLS)),
    }
    (directory / FACTS).write_text(json.dumps(facts, indent=1))
    return (directory / EVENTS).stat().st_size


def _with_copies(spec: MachineSpec, directory: Path) -> MachineSpec:
    """Return the machine to record: emulated, with one CPU, with copies of all its files in `directory`."""

    def copied(path: Path, name: str) -> Path:
        return Path(shutil.copyfile(path, directory / name))

    alone = replace(
        spec,
        kernel=replace(spec.kernel, image=copied(spec.kernel.image, "image")),
        initramfs=directory / _INITRAMFS,
        dtb=None if spec.dtb is None else copied(spec.dtb, "machine.dtb"),
        acpi_tables=tuple(
            copied(path, f"table-{number}.aml") for number, path in enumerate(spec.acpi_tables)
        ),
        accel="tcg",
        hardware=replace(spec.hardware, cpus=1),
    )
    # no KASLR, because gdb takes the kernel's addresses from vmlinux
    return alone.appended(cmdline=("nokaslr", f"rdinit=/{_COMMANDS}"))


def load_recording(directory: Path) -> Recording:
    """Return the recording in a directory. Raises UsageError."""
    try:
        facts = json.loads((directory / FACTS).read_text())
        return Recording(
            directory=directory,
            arch=str(facts["arch"]),
            argv=tuple(map(str, facts["argv"])),
            timeout_s=float(facts["timeout_s"]),
            symbols=None if facts["symbols"] is None else parse_symbols(facts["symbols"]),
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(f"{directory} has no recording: {error}") from error


def play_back(recording: Recording, qemu: Qemu) -> bool:
    """Play a recording back and return whether the console is the same to the last byte."""
    _run(qemu, recording.argv, "playing back", recording.timeout_s)
    directory = recording.directory
    return (directory / AGAIN).read_bytes() == (directory / runfiles.CONSOLE).read_bytes()


def _run(qemu: Qemu, argv: Sequence[str], attempted: str, timeout_s: float) -> None:
    try:
        process.run([*qemu.program, *argv], attempted=attempted, env=dict(qemu.env), timeout_s=timeout_s)
    except HostError as error:
        error.facts.setdefault("note", "a machine that hangs, or has a device QEMU cannot record, does this")
        raise
