"""gdb on a scene: attached to QEMU's stub, with symbols, stopped at the splat.

The machine is brought to the state before the failing command, and stopped;
the command waits in its channel while gdb attaches. gdb itself runs
inside_gdb.py.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from rustbed import process
from rustbed.arch import Arch
from rustbed.errors import HarnessError, UsageError, suggest
from rustbed.host import Qemu
from rustbed.machine.booting import boot
from rustbed.machine.vm import Vm
from rustbed.machine.watching import Patience
from rustbed.progress import Say
from rustbed.report.verdict import Outcome
from rustbed.repro.console import A_DAY_S
from rustbed.repro.replay import replay
from rustbed.repro.run import find_failing_step
from rustbed.repro.scene import Scene
from rustbed.repro.symbols import Symbols, describe_symbols, find_symbols

# functions that the kernel calls for every report before it changes any state; most specific first
BREAKPOINTS = (
    # rust_begin_unwind: where a Rust panic begins, before the exception that ends it
    *("rust_begin_unwind", "oops_enter", "__warn", "kasan_report", "ubsan_prologue", "vpanic", "panic"),
)
# seconds after which a command that hung in the run counts as hung again, on real hardware
_HANG_S = 5.0

_INSIDE = Path(__file__).with_name("inside_gdb.py")

# grep, because a shell's `read` reads byte by byte, and sysfs returns an address only in one piece
_SECTIONS = "grep -s 0x /sys/module/*/sections/.[!.]* /sys/module/*/sections/[!.]* /dev/null; :"
_SECTION = re.compile(r"/sys/module/([^/\s]+)/sections/([^:\s]+):(0x[0-9a-f]+)")

# the beginning of the kernel's code; addresses are 0 where they are hidden
_CODE = "grep -m 1 ' _text$' /proc/kallsyms"
_CODE_AT = re.compile(r"^([0-9a-f]+) \w _text$", re.MULTILINE)


def require_symbols(scene: Scene) -> Symbols:
    """Return the symbols of a scene's kernel. Raises UsageError for one without vmlinux."""
    symbols = find_symbols(scene)
    if symbols is None:
        raise UsageError("there is no vmlinux for gdb", fix=suggest("repro pack --debug-info RUN"))
    return symbols


def parse_sections(text: str) -> dict[str, dict[str, int]]:
    """Parse grep's output for /sys/module/*/sections to addresses by module and section."""
    found: dict[str, dict[str, int]] = {}
    for module, section, address in _SECTION.findall(text):
        found.setdefault(module, {})[section] = int(address, 16)
    return found


def parse_code(text: str) -> int:
    """Parse grep's output for /proc/kallsyms to the address of the kernel's code, 0 if it has none."""
    match = _CODE_AT.search(text)
    return int(match[1], 16) if match else 0


def gdb_facts(
    symbols: Symbols,
    arch: Arch,
    socket: Path,
    loaded: dict[str, dict[str, int]],
    *,
    code_at: int = 0,
    snapshots: bool = False,
) -> dict[str, object]:
    """Return the facts for inside_gdb.py; `code_at` is 0 for a kernel that runs where it was linked for."""
    facts = {
        "socket": str(socket),
        "loaded": loaded,
        "code_at": code_at,
        "breakpoints": BREAKPOINTS,
        "snapshots": snapshots,
        "saved_registers": arch.saved_registers,
    }
    return {**facts, **describe_symbols(symbols)}


def gdb_argv(gdb: Sequence[str], facts: Path, vmlinux: Path, batch: Sequence[str]) -> list[str]:
    """Return gdb's command line, which runs no configuration of the user and no scripts of the files."""
    return [
        *(*gdb, "-nx", "-quiet", "-iex", "set auto-load off"),
        *(["-batch"] if batch else []),
        str(vmlinux),
        *("-ex", f"python FACTS_FILE = {str(facts)!r}", "-x", str(_INSIDE)),
        *(word for command in batch for word in ("-ex", command)),
    ]


def run_gdb(
    scene: Scene,
    qemu: Qemu,
    gdb: Sequence[str],
    directory: Path,
    say: Say,
    *,
    at: int | None,
    batch: Sequence[str],
) -> int:
    """Stop a machine at its splat and run gdb, interactively or with `batch` commands; return gdb's status.

    Raises UsageError for a kernel without vmlinux.
    """
    symbols = require_symbols(scene)
    plain = replace(scene, spec=scene.spec.appended(cmdline=["nokaslr"]))
    step = find_failing_step(plain, qemu, directory / "search", say) if at is None else at - 1
    step = len(scene.commands) if step is None else step
    if not 0 <= step <= len(scene.commands):
        raise UsageError(f"there is no command {step + 1}", commands=f"1 to {len(scene.commands)}")
    (directory / "gdb").mkdir(parents=True, exist_ok=True)
    with short_path(directory / "gdb") as short:
        socket = short / "stub"
        stub = ("-chardev", f"socket,id=gdb,path={socket},server=on,wait=off", "-gdb", "chardev:gdb")
        spec = plain.spec.appended(qemu_args=stub)
        # a long patience, because a guest that gdb has stopped is not hung
        with boot(spec, qemu, directory / "gdb", patience=Patience(quiet_s=A_DAY_S)) as vm:
            replay(vm, plain, until=step)
            facts = directory / "gdb.json"
            loaded = parse_sections(vm.check(_SECTIONS))
            code_at = parse_code(vm.run(_CODE).output)
            facts.write_text(json.dumps(gdb_facts(symbols, spec.arch, socket, loaded, code_at=code_at)))
            vm.monitor.execute("stop")
            if step < len(scene.commands):
                say(f"  giving  {step + 1}. {scene.commands[step]}")
            with _given(vm, plain, step):
                return process.run_attached(gdb_argv(gdb, facts, symbols.vmlinux, batch))


@contextmanager
def short_path(directory: Path) -> Iterator[Path]:
    """Yield a short path of a directory, for a socket in it: unix(7) allows 107 bytes for its path.

    A socket in the temporary directory would stay there if this process were killed.
    """
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Path(f"/proc/{os.getpid()}/fd/{descriptor}")
    finally:
        os.close(descriptor)


@contextmanager
def _given(vm: Vm, scene: Scene, step: int) -> Iterator[None]:
    """Send a command to a stopped machine, without waiting for its answer."""

    def give() -> None:
        command = scene.commands[step]
        # the user of gdb may do anything to the machine, which ends when gdb ends
        with suppress(HarnessError, OSError, ValueError):
            if command.arguments is not None:
                vm.monitor.execute(command.text, exact=command.arguments)
            else:
                stdin = None if command.stdin is None else scene.read_input(command.stdin)
                vm.run(command.text, timeout_s=A_DAY_S, stdin=stdin)

    thread = threading.Thread(target=give, name="step", daemon=True)
    if step < len(scene.commands):
        thread.start()
    hung = step < len(scene.commands) and scene.outcome is Outcome.HANG
    # stopping the machine makes gdb show where its CPUs are
    stop = threading.Timer(_HANG_S * vm.slowness, lambda: vm.monitor.execute("stop"))
    if hung:
        stop.start()
    try:
        yield
    finally:
        stop.cancel()
