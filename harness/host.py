"""Facts about this host: QEMU and its version, accelerators, memory, cores.

Does not choose machines; the caller proves by a boot that an accelerator
works.
"""

from __future__ import annotations

import errno
import os
import platform
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rustbed import process
from rustbed.arch import Arch, find_arch_of
from rustbed.errors import HostError, UsageError, suggest

# the release of Debian 13; older ones lack options we use, and 7.2 cannot boot a current riscv64 kernel
QEMU_MINIMUM = (10, 0)

# memory of QEMU itself besides the guest's, in MiB (measured: 43 MB private, plus translations)
QEMU_OVERHEAD_MIB = 128

# exhausted resources by errno, and the command that shows each limit
_LIMITS = {
    errno.EMFILE: ("too many files are open in this process", "ulimit -n"),
    errno.ENFILE: ("too many files are open on this host", "sysctl fs.file-max"),
    errno.EAGAIN: ("too many processes or threads run", "ulimit -u"),
    errno.ENOMEM: ("this host is out of memory", "free -m"),
}


@dataclass(frozen=True, kw_only=True)
class Qemu:
    """A QEMU system emulator for one architecture."""

    # the command before QEMU's options
    program: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    version: tuple[int, ...]
    # library to preload, with which a running QEMU can copy itself; None: it cannot
    shim: Path | None = None
    # why it cannot, if that was requested
    uncopyable: str = ""

    @property
    def identity(self) -> str:
        """A key that differs between builds that may behave differently."""
        return f"{' '.join(self.program)} {'.'.join(map(str, self.version))}"


def parse_qemu_version(text: str) -> tuple[int, ...]:
    """Return the version in what `qemu-system-* --version` prints; UsageError if there is none."""
    match = re.search(r"QEMU emulator version (\d+)\.(\d+)\.(\d+)", text)
    if match is None:
        raise UsageError("this is not a QEMU system emulator", printed=text.strip()[:200])
    return tuple(int(part) for part in match.groups())


def program_in(root: Path | None, name: str, package: str | None = None) -> tuple[str, ...]:
    """Return how to run a program of the toolroot, or of the host where there is no root.

    A foreign root's program runs through that root's own loader and libraries,
    unprivileged and with the host's view of the file system. Raises HostError
    if it is not there.
    """
    if root is None:
        return (process.require_program(name, package),)
    # unpacked packages have no links from / to /usr
    places = ("lib64", "lib", "usr/lib64", "usr/lib")
    loaders = [path for place in places for path in root.glob(f"{place}/ld-linux-*.so.*")]
    program = root / "usr/bin" / name
    if not loaders or not program.exists():
        raise HostError(f"the toolroot {root} has no {name}", fix=suggest("clean toolroots"))
    return (str(loaders[0]), "--library-path", str(_libraries(root)), str(program))


def _libraries(root: Path) -> Path:
    native = native_arch()
    return root / "usr/lib" / (native.triple if native else f"{platform.machine()}-linux-gnu")


def _toolroot_qemu(arch: Arch, root: Path) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    data = [root / "usr/share/qemu", root / "usr/share/seabios", root / "usr/lib/ipxe/qemu"]
    program = (
        *program_in(root, f"qemu-system-{arch.qemu}"),
        *(word for directory in data for word in ("-L", str(directory))),
    )
    return program, (("QEMU_MODULE_DIR", str(_libraries(root) / "qemu")),)


def _host_program(arch: Arch, chosen: Path | None) -> str:
    name = f"qemu-system-{arch.qemu}"
    if chosen is None:
        return process.require_program(name, package="qemu-system")
    path = chosen / name if chosen.is_dir() else chosen
    if shutil.which(str(path)) is None:
        raise UsageError(f"{path} is not an executable file", wanted=f"{name}, or a directory that has it")
    return str(path)


def find_qemu(
    arch: Arch,
    *,
    toolroot: Path | None,
    chosen: Path | None = None,
    version: tuple[int, ...] | None = None,
) -> Qemu:
    """Return the QEMU to use for an architecture.

    `chosen` is a binary or a directory of binaries; without it the toolroot's
    is taken, and without that the one on PATH. It is asked for its version,
    unless that is known: it takes as long as a start of a machine. Raises
    HostError if it is missing or older than QEMU_MINIMUM.
    """
    env: tuple[tuple[str, str], ...] = ()
    if chosen is None and toolroot is not None:
        program, env = _toolroot_qemu(arch, toolroot)
    else:
        program = (_host_program(arch, chosen),)
    if version is None:
        argv = [*program, "--version"]
        answer = process.run(argv, attempted="asking QEMU for its version", env=dict(env), timeout_s=20)
        version = parse_qemu_version(answer.text)
    if version < QEMU_MINIMUM:
        raise HostError(
            f"QEMU {'.'.join(map(str, version))} is too old, {'.'.join(map(str, QEMU_MINIMUM))} is needed",
            program=program[0],
            fix="leave out --qemu: the toolroot brings its own",
        )
    return Qemu(program=program, env=env, version=version)


@contextmanager
def limits_named() -> Iterator[None]:
    """Turn an error because of a host's limit into a HostError that names the limit and how to see it."""
    try:
        yield
    except OSError as error:
        if error.errno not in _LIMITS:
            raise
        what, how = _LIMITS[error.errno]
        raise HostError(
            f"no machine can be started: {what}", limit=how, fix="start fewer machines at once"
        ) from error


def native_arch() -> Arch | None:
    """Return the architecture of this host, None if it is not in the table."""
    return find_arch_of(platform.machine())


def kvm_is_conceivable(arch: Arch) -> bool:
    """Whether a boot with KVM is worth trying: right architecture and a device that opens."""
    if arch != native_arch():
        return False
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def boot_id() -> str:
    """Return an id of this boot of the host, until whose end a proof about KVM holds."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def cores() -> int:
    """Return the number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0))


def available_memory_mib() -> int:
    """Memory that is available without swapping, in MiB (MemAvailable)."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    raise HostError("no MemAvailable in /proc/meminfo")


def worker_limit(memory_mib: int, *, per_core: int = 1) -> int:
    """How many machines of that memory can run at once: so many per core, and only what fits."""
    fitting = available_memory_mib() // (memory_mib + QEMU_OVERHEAD_MIB)
    return max(1, min(per_core * cores(), fitting))
