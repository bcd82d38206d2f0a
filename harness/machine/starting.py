"""Starting QEMU with its channels, and the files that it writes.

The channels are socket pairs that QEMU inherits as descriptors: there is no
socket file that a killed run could leave behind. This module does not watch
the machine afterwards.
"""

from __future__ import annotations

import os
import socket
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rustbed import process
from rustbed.arch import Arch
from rustbed.devices.device import Device, Served
from rustbed.errors import HostError
from rustbed.host import Qemu
from rustbed.machine import specfile
from rustbed.machine.argv import Channels, Ram, file_chardev, render_argv, render_run_script
from rustbed.machine.running import RunFiles, Running
from rustbed.machine.spec import MachineSpec

# the first QEMU whose file chardev can be given an input on the command line
_CONSOLE_INPUT = (8, 1)

# QEMU's channels that are socket pairs
CHANNELS = ("shell", "records", "pulse", "monitor")

# environment variable with the descriptor of the shim's socket: forks/hot/shim/shim.h
_CONTROL_VARIABLE = "RUSTBED_COPY_FD"

# identifies an open file or socket: device and inode
Identity = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Started:
    """A QEMU that was started, and the host's ends of its channels."""

    child: process.Process
    shell: socket.socket
    records: socket.socket
    pulse: socket.socket
    # a descriptor whose bytes arrive on the guest's console; None if this QEMU does not support that
    console_input: int | None
    monitor: socket.socket
    # time.monotonic() just before QEMU was started
    at: float
    # servers of its devices
    served: tuple[Served, ...] = ()
    # socket of the shim, which makes QEMU copy itself; None without the shim
    control: socket.socket | None = None
    # QEMU's ends of the channels, by name
    ends: Mapping[str, Identity] = field(default_factory=dict)
    # of a copy: the host's ids of its threads, by the ids that QEMU reports
    threads: Mapping[int, int] = field(default_factory=dict)

    def running(self, files: RunFiles, arch: Arch, since: float | None = None) -> Running:
        """Return the machine of an architecture, whose files are now known.

        `since` is when it counts as started, on time.monotonic(); the default is when QEMU was started.
        """
        return Running(
            self.child,
            files,
            shell=self.shell,
            records=self.records,
            pulse=self.pulse,
            console_input=self.console_input,
            sysrq_prefix=arch.sysrq_prefix,
            monitor=self.monitor,
            started=self.at if since is None else since,
            control=self.control,
            ends=self.ends,
            threads=self.threads,
            served=self.served,
        )


@contextmanager
def start_qemu(
    qemu: Qemu,
    render: Callable[[Channels], Sequence[str]],
    *,
    console: Path,
    complaints: int,
    terminal: str | None = None,
    devices: Sequence[Device] = (),
    directory: Path | None = None,
    pass_fds: Sequence[int] = (),
) -> Iterator[Started]:
    """Start QEMU with the command line that `render` makes, yield it, and end it on the way out.

    `console` is a file, `terminal` a chardev for interactive use, `complaints` a descriptor
    for QEMU's own output. The servers of `devices` are started before QEMU and ended after it; they
    write their files to `directory`.
    Raises HostError if QEMU cannot be started, DeviceError if a server cannot.
    """
    with ExitStack() as stack:
        served = tuple(stack.enter_context(device.serve(directory)) for device in devices)
        # closes our copies of QEMU's ends once it runs
        given = stack.enter_context(ExitStack())
        ends = _open_ends(qemu, stack, given)
        argv = render(ends.channels(console, terminal, served))
        if qemu.shim is not None:
            argv = preload(argv, qemu.shim, ends.theirs["control"])
        identities = {name: identify(end) for name, end in {**ends.theirs, "complaints": complaints}.items()}
        at = time.monotonic()
        child = stack.enter_context(
            process.start(
                argv,
                stderr=complaints,
                stdout=None if terminal else complaints,
                stdin=None if terminal else process.NOTHING,
                env=dict(qemu.env),
                pass_fds=[
                    *ends.theirs.values(),
                    *(descriptor for each in served for descriptor in each.pass_fds),
                    *pass_fds,
                ],
            )
        )
        given.close()
        yield Started(
            child=child,
            at=at,
            console_input=ends.console_input,
            served=served,
            ends={**identities, "console": _identity(console.stat())},
            threads={},
            **ends.ours,
        )


@dataclass(frozen=True, kw_only=True)
class _Ends:
    """The channels of a QEMU that has not been started yet."""

    # sockets of the host by the channel's name, and QEMU's descriptors
    ours: Mapping[str, socket.socket]
    theirs: Mapping[str, int]
    # see Started
    console_input: int | None

    def channels(self, console: Path, terminal: str | None, served: Sequence[Served]) -> Channels:
        """Return the channels as QEMU's arguments name them."""
        return Channels(
            console=file_chardev(console, self.theirs.get("console_input")),
            **{name: f"socket,fd={self.theirs[name]}" for name in CHANNELS},
            terminal=terminal,
            served=tuple(tuple(each.argv) for each in served),
        )


def _open_ends(qemu: Qemu, ours: ExitStack, theirs: ExitStack) -> _Ends:
    """Open the channels that a QEMU supports; each end is closed with its stack."""
    pairs = {name: open_pair(ours, theirs) for name in CHANNELS}
    if qemu.shim is not None:
        pairs["control"] = open_pair(ours, theirs, socket.SOCK_SEQPACKET)
    given = {name: end.fileno() for name, (_, end) in pairs.items()}
    writes = None
    if qemu.version >= _CONSOLE_INPUT:
        given["console_input"], writes = open_pipe(theirs, ours)
    return _Ends(ours={name: end for name, (end, _) in pairs.items()}, theirs=given, console_input=writes)


def open_pair(
    ours: ExitStack, theirs: ExitStack, kind: socket.SocketKind = socket.SOCK_STREAM
) -> tuple[socket.socket, socket.socket]:
    """Return our end of a new channel and QEMU's, each closed with its stack."""
    end, other = socket.socketpair(socket.AF_UNIX, kind)
    return ours.enter_context(end), theirs.enter_context(other)


def preload(argv: Sequence[str], shim: Path, control: int) -> tuple[str, ...]:
    """Return a command line that starts a program with the shim; programs before it run without."""
    return ("env", f"LD_PRELOAD={shim}", f"{_CONTROL_VARIABLE}={control}", *argv)


def identify(descriptor: int) -> Identity:
    """Return the identity of a descriptor's file or socket."""
    return _identity(os.fstat(descriptor))


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino


def open_pipe(reader: ExitStack, writer: ExitStack) -> tuple[int, int]:
    """Return a new pipe's ends, for reading and for writing, each closed with its stack."""
    reads, writes = os.pipe()
    reader.callback(os.close, reads)
    writer.callback(os.close, writes)
    return reads, writes


@contextmanager
def start_machine(
    spec: MachineSpec,
    qemu: Qemu,
    directory: Path,
    *,
    terminal: str | None = None,
    ram: Ram | None = None,
    pass_fds: Sequence[int] = (),
) -> Iterator[Running]:
    """Start a machine that boots and yield it; end it on the way out.

    `terminal` is a chardev for interactive use, `ram` a file for the guest's memory. Raises
    HostError if QEMU cannot be started; `watch` notices a QEMU that ends at once.
    """
    files = RunFiles(directory=directory)
    directory.mkdir(parents=True, exist_ok=True)
    files.console.touch()
    write_description(spec, qemu, files)
    with (
        _memory(spec, ram) as (memory, memory_fds),
        files.qemu.open("wb") as complaints,
        start_qemu(
            qemu,
            lambda channels: render_argv(spec, qemu.program, channels, ram=memory),
            console=files.console,
            complaints=complaints.fileno(),
            terminal=terminal,
            devices=spec.served_devices,
            directory=directory,
            pass_fds=[*pass_fds, *memory_fds],
        ) as started,
    ):
        yield started.running(files, spec.arch)


@contextmanager
def _memory(spec: MachineSpec, ram: Ram | None) -> Iterator[tuple[Ram | None, Sequence[int]]]:
    """Yield the file of a machine's memory and its descriptors; shared memory if a device needs that."""
    if ram is not None or not any(device.shared_memory for device in spec.served_devices):
        yield ram, ()
        return
    memory = os.memfd_create("rustbed-ram")
    try:
        os.ftruncate(memory, spec.hardware.memory_mib << 20)
        yield Ram(path=f"/proc/self/fd/{memory}", shared=True), (memory,)
    finally:
        os.close(memory)


def write_description(spec: MachineSpec, qemu: Qemu, files: RunFiles) -> None:
    """Write the machine's spec, and a script that boots the same machine without the harness.

    Raises HostError, for example if the disk is full.
    """
    text = render_run_script(spec, qemu.program, dict(qemu.env), "console.again.log")
    try:
        files.script.write_text(text)
        files.machine.write_text(specfile.render_machine(spec, qemu))
        files.script.chmod(files.script.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    except OSError as error:
        raise HostError(f"cannot write results to {files.script.parent}: {error.strerror}") from error


def open_unnamed(directory: Path) -> int:
    """Return a descriptor of a new file without a name on the file system of `directory`.

    It vanishes with its last descriptor, unless `name_file` gives it a name. Raises OSError
    where the file system has no such files.
    """
    return os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o644)


def name_file(descriptor: int, path: Path) -> None:
    """Give a file from `open_unnamed` a name, replacing any file of that name."""
    path.unlink(missing_ok=True)
    # only linkat(2) follows the link in /proc, and Python calls it if there is a directory's descriptor
    parent = os.open(path.parent, os.O_PATH | os.O_CLOEXEC)
    try:
        os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=parent, follow_symlinks=True)
    finally:
        os.close(parent)
