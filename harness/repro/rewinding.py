"""gdb on a recording: QEMU plays it back, and gdb moves through it forwards and backwards."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

from rustbed import process, runfiles
from rustbed.arch import require_arch
from rustbed.deadline import Deadline
from rustbed.errors import HostError, UsageError
from rustbed.host import Qemu
from rustbed.progress import Say
from rustbed.repro.debugger import gdb_argv, gdb_facts, short_path
from rustbed.repro.qcow2 import render_empty_disk
from rustbed.repro.recording import Recording
from rustbed.repro.symbols import Symbols

# seconds that QEMU may take until gdb can connect
_START_S = 20.0


def require_symbols(recording: Recording) -> Symbols:
    """Return a recording's symbols. Raises UsageError if its kernel has no vmlinux."""
    if recording.symbols is None:
        raise UsageError(
            f"{recording.directory} has no vmlinux for gdb",
            fix="record a run, or a bundle packed with --debug-info",
        )
    return recording.symbols


def run_gdb(recording: Recording, qemu: Qemu, gdb: Sequence[str], say: Say, *, batch: Sequence[str]) -> int:
    """Play a recording back to its first splat, under gdb; return gdb's status.

    From there the user or `batch` commands can go forwards, or backwards: reverse-stepi, reverse-continue.
    """
    symbols = require_symbols(recording)
    if not require_arch(recording.arch).rewinds:
        say(f"  note    QEMU cannot go back in a recording of {recording.arch}: forward only")
    log = recording.directory / runfiles.QEMU
    with short_path(recording.directory) as short, log.open("wb") as sink:
        socket = short / "stub"
        # left by a session that was killed
        socket.unlink(missing_ok=True)
        facts = recording.directory / "gdb.json"
        arch = require_arch(recording.arch)
        facts.write_text(json.dumps(gdb_facts(symbols, arch, socket, {}, snapshots=arch.rewinds)))
        # QEMU's snapshots of the machine: it goes backwards by running forwards from an earlier one
        disk = short / "snapshots"
        disk.write_bytes(render_empty_disk())
        argv = [
            *(*qemu.program, *recording.argv, "-S"),
            *("-gdb", f"unix:{socket},server=on,wait=off"),
            *("-drive", f"file={disk},format=qcow2,if=none,id=snapshots"),
        ]
        with process.start(argv, stderr=sink.fileno(), env=dict(qemu.env)) as child:
            try:
                _wait_for(socket, child, log)
                return process.run_attached(gdb_argv(gdb, facts, symbols.vmlinux, batch))
            finally:
                disk.unlink()
                socket.unlink(missing_ok=True)


def _wait_for(socket: Path, child: process.Child, log: Path) -> None:
    deadline = Deadline.after(_START_S)
    while not socket.exists():
        if child.poll() is not None or deadline.expired:
            raise HostError("QEMU does not play the recording back", said=log.read_text()[-500:], log=log)
        time.sleep(0.01)
