"""A machine spec to QEMU's command line; pure.

Knows QEMU's options and nothing else. The program, the paths of files and the
host's ends of channels are arguments.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rustbed.devices.device import Device
from rustbed.machine.spec import MachineSpec

# names of the guest's ports; images/init looks for them
SHELL_PORT = "rustbed.shell"
RECORDS_PORT = "rustbed.kmsg"
PULSE_PORT = "rustbed.pulse"

# QEMU's seccomp sandbox: a guest that takes QEMU over cannot start programs or gain rights
SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"

# QEMU's names of the harness's own chardevs
LABELS = frozenset(("console", "pulse", "shell", "records", "terminal", "monitor"))

# the value of -accel for each accelerator; 64 MiB of translation cache hold all the code of a test, while
# QEMU's default grows to gigabytes
ACCELS = {"tcg": "tcg,thread=multi,tb-size=64", "kvm": "kvm"}


@dataclass(frozen=True, kw_only=True)
class Channels:
    """The host's ends of the machine's channels, as arguments of -chardev without the id."""

    console: str
    shell: str
    records: str
    # None: no monitor
    monitor: str | None
    # the guest's second shell, for when the first does not answer
    pulse: str = "null"
    # the guest's terminal, for interactive use; None: the machine has none
    terminal: str | None = None
    # QEMU's options for each of the spec's served devices, in order; a device without any gets its stand-in
    served: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Ram:
    """A file that holds the guest's memory."""

    path: str
    # whether the guest's writes go to the file; otherwise they stay private to this machine
    shared: bool


def render_cmdline(spec: MachineSpec) -> str:
    """Render the kernel command line."""
    return " ".join(
        (
            f"console={spec.arch.console},115200",
            # no rate limit for records from user space: the fence is one of them
            "printk.devkmsg=on",
            # a panic ends the machine at once; with -no-reboot that ends QEMU
            "panic=-1",
            # sysrq shows what a hung guest does, so all of its keys have to work
            "sysrq_always_enabled",
            *spec.arch.cmdline,
            *spec.hardware.cmdline,
        )
    )


def _machine(spec: MachineSpec, ram: Ram | None = None) -> list[str]:
    arch = spec.arch
    options = [arch.machine, *spec.hardware.machine_options]
    backend: list[str] = []
    if ram is not None:
        options.append("memory-backend=ram")
        # readonly=on opens the file read-only; rom=off keeps the memory itself writable
        share = "share=on" if ram.shared else "share=off,readonly=on,rom=off"
        path = ram.path.replace(",", ",,")
        backend = [
            "-object",
            f"memory-backend-file,id=ram,size={spec.hardware.memory_mib}M,mem-path={path},{share}",
        ]
    # KVM uses the host's CPU; TCG emulates the modest default of the architecture
    cpu = "host" if spec.accel == "kvm" else arch.cpu_for(spec.kernel.profile)
    return [
        # no default devices, no network, no display, no configuration of the user
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-sandbox", SANDBOX),
        *("-machine", ",".join(options)),
        *("-accel", ACCELS[spec.accel], "-cpu", cpu),
        *("-smp", str(spec.hardware.cpus), "-m", f"{spec.hardware.memory_mib}M"),
        *backend,
        *arch.machine_args,
    ]


def _software(spec: MachineSpec) -> list[str]:
    argv = [
        "-kernel",
        str(spec.kernel.image),
        "-initrd",
        str(spec.initramfs),
        "-append",
        render_cmdline(spec),
    ]
    if spec.dtb is not None:
        argv += ["-dtb", str(spec.dtb)]
    for table in spec.acpi_tables:
        argv += ["-acpitable", f"file={table}"]
    return argv


def _channels(spec: MachineSpec, channels: Channels) -> list[str]:
    argv = [
        *("-chardev", _with_id(channels.console, "console"), "-serial", "chardev:console"),
        *("-device", f"{spec.arch.virtio_serial},id=channels,max_ports=5"),
        # first: init waits for the other ports, and by then this one is there
        *("-chardev", _with_id(channels.pulse, "pulse")),
        *("-device", f"virtserialport,bus=channels.0,nr=4,chardev=pulse,name={PULSE_PORT}"),
        *("-chardev", _with_id(channels.shell, "shell")),
        *("-device", f"virtserialport,bus=channels.0,nr=1,chardev=shell,name={SHELL_PORT}"),
        *("-chardev", _with_id(channels.records, "records")),
        *("-device", f"virtserialport,bus=channels.0,nr=2,chardev=records,name={RECORDS_PORT}"),
    ]
    if channels.terminal is not None:
        argv += ["-chardev", _with_id(channels.terminal, "terminal")]
        argv += ["-device", "virtconsole,bus=channels.0,nr=3,chardev=terminal"]
    if channels.monitor is not None:
        argv += ["-chardev", _with_id(channels.monitor, "monitor"), "-qmp", "chardev:monitor"]
    return argv


def _with_id(chardev: str, name: str) -> str:
    backend, comma, rest = chardev.partition(",")
    return f"{backend},id={name}{comma}{rest}"


def device_id(device: str, number: int) -> str:
    """Return QEMU's id of a spec's device: its own `id=`, else one made from its position."""
    given = [word for word in device.split(",") if word.startswith("id=")]
    return given[0].removeprefix("id=") if given else f"device{number}"


def _devices(spec: MachineSpec, channels: Channels) -> list[str]:
    argv: list[str] = []
    served = iter(channels.served)
    for number, device in enumerate(spec.hardware.devices):
        if isinstance(device, Device):
            argv += next(served, device.stand_in)
            continue
        name = f"id={device_id(device, number)}"
        # a device in JSON form is not changed
        plain = not device.startswith("{") and name not in device.split(",")
        argv += ["-device", f"{device},{name}" if plain else device]
    ports = spec.hardware.free_ports if spec.arch.hotplug_port else 0
    for number in range(ports):
        argv += [
            "-device",
            f"{spec.arch.hotplug_port},id=port{number},chassis={number + 1},slot={number + 1}",
        ]
    return argv


def render_argv(
    spec: MachineSpec,
    program: Sequence[str],
    channels: Channels,
    *,
    ram: Ram | None = None,
    incoming: bool = False,
) -> tuple[str, ...]:
    """Render the whole command line; `program` is QEMU and the words that stand before its options.

    `ram` is a file for the guest's memory; without one, QEMU allocates it. An `incoming` machine does
    not boot but waits for a migration stream.
    """
    return (
        *program,
        *_machine(spec, ram),
        *_software(spec),
        *_channels(spec, channels),
        *_devices(spec, channels),
        *spec.hardware.qemu_args,
        *(("-incoming", "defer") if incoming else ()),
    )


def render_bare_argv(spec: MachineSpec, program: Sequence[str], console: str) -> tuple[str, ...]:
    """Render a command line for the same kernel, image and machine, with the console as its only channel."""
    serial = ("-chardev", _with_id(console, "console"), "-serial", "chardev:console")
    return (*program, *_machine(spec), *_software(spec), *serial)


def file_chardev(path: Path, input_fd: int | None = None) -> str:
    """Return a chardev that writes to a file; QEMU wants commas in the name doubled.

    Its input is `input_fd`, an inherited descriptor of a pipe (QEMU 8.1 and newer).
    """
    source = "" if input_fd is None else f",input-path=/dev/fd/{input_fd}"
    return f"file,path={str(path).replace(',', ',,')}{source}"


def render_run_script(spec: MachineSpec, program: Sequence[str], env: dict[str, str], console: str) -> str:
    """Render an executable script that starts the same machine without the harness.

    The command line is the harness's, except for the channels: the guest's shell is on standard
    input and output, its console goes to the file `console`, and the other channels are not connected.
    """
    channels = Channels(console=f"file,path={console}", shell="stdio,signal=on", records="null", monitor=None)
    argv = render_argv(spec, program, channels)
    lacking = "".join(f"# It lacks {device.name}, which the test served.\n" for device in spec.served_devices)
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in env.items())
    return (
        "#!/bin/sh\n"
        f"# {spec.arch} machine, kernel {spec.kernel.release}, as the harness started it.\n"
        f"# Type commands for the guest's shell; its console is written to {console}.\n"
        "# End it with Ctrl-C, or with: poweroff -f\n"
        f"{lacking}"
        f"{exports}exec {wrap_command(argv)}\n"
    )


def wrap_command(argv: Sequence[str]) -> str:
    """Quote a command for the shell, with each option and its values on a line of its own."""
    lines: list[list[str]] = [[argv[0]]]
    for word in argv[1:]:
        if word.startswith("-"):
            lines.append([])
        lines[-1].append(word)
    return " \\\n  ".join(shlex.join(line) for line in lines)
