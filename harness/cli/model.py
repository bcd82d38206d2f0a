"""`rustbed model`: prints the skeleton of a device in Python, from its driver."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rustbed.cache import Cache
from rustbed.cli.arguments import choices_of, choose_arch
from rustbed.cli.modules import find_modules
from rustbed.cli.terminal import make_display
from rustbed.devices.pci import PciDevice
from rustbed.devices.recording import (
    Recording,
    Shape,
    Touched,
    find_registers,
    parse_mmiotrace,
    parse_recording,
)
from rustbed.devices.registers import Bar
from rustbed.devices.skeleton import Ids, render_skeleton, require_ids
from rustbed.devices.trace import Event
from rustbed.errors import UsageError
from rustbed.forks.machines import Machines
from rustbed.guest.shell import WAIT_S
from rustbed.kernel.artifact import Module
from rustbed.kernel.module import read_module
from rustbed.machine.vm import Vm
from rustbed.options import STARTS_MACHINES, add_options
from rustbed.prepare import Platform, Platforms

# bytes of the only BAR of the device for probing
_SIZE = 1 << 20
# values of its registers, one for each probe, because drivers give up at different values
_VALUES = (0x00, 0xFF, 0x01)
# the probe counts as over after these seconds without an access
_QUIET_S = 0.3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the driver, and a recording of it."""
    add_options(parser.add_argument, STARTS_MACHINES)
    text = "take the registers from a recording: CLASS.trace of a run directory, or an mmiotrace"
    parser.add_argument("--trace", type=Path, metavar="FILE", help=text)
    text = "name of a kernel module, a .ko file, or a directory with a Kbuild file"
    parser.add_argument("driver", metavar="DRIVER", help=text)


def run(args: argparse.Namespace) -> int:
    """Print the skeleton. Raises UsageError for a driver without PCI devices."""
    arch, platforms = choose_arch(args), Platforms(choices_of(args), make_display())
    # before anything is built, so that a missing file is reported at once
    recording = load_trace(args.trace) if args.trace is not None else None
    given = find_modules(args.driver, platforms, arch)
    platform = platforms.get(arch, None)
    driver = _find(args.driver, given, platform)
    ids = require_ids(read_module(driver.path).aliases, driver.name)[0]
    if recording is not None:
        bars, registers = recording.bars, find_registers(recording.events)
    else:
        bars = (Shape(index=0, size=_SIZE),)
        registers = _probe(platform, driver.path if given else driver.name, ids, platforms.choices.cache)
    sys.stdout.write(render_skeleton(driver.name, ids, bars, registers))
    return 0


def load_trace(path: Path) -> Recording:
    """Return the recording in a file, which has our format or is an mmiotrace."""
    try:
        text = path.read_text(errors="replace")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    return parse_mmiotrace(text) if text.startswith("VERSION ") else parse_recording(text)


def _find(asked: str, given: Sequence[Module], platform: Platform) -> Module:
    """Return the module that was built from a path, else that of the kernel. Raises UsageError."""
    if len(given) > 1:
        names = ", ".join(module.name for module in given)
        raise UsageError(f"{asked} builds several modules", built=names, fix="name one's .ko file")
    return given[0] if given else platform.kernel.require_module(asked)


def _probe(platform: Platform, driver: str | Path, ids: Ids, cache: Cache) -> list[Touched]:
    """Return the registers that a driver touches in its probe, repeated with other register values."""
    kind = type("Blank", (_Blank,), asdict(ids))
    found: list[Event] = []
    with (
        Machines(cache, make_display()) as machines,
        tempfile.TemporaryDirectory(prefix="rustbed-") as scratch,
    ):
        for number, value in enumerate(_VALUES):
            with machines.machine(platform.spec(), platform.qemu, Path(scratch) / str(number)) as vm:
                device = kind(value)
                vm.insmod(driver)
                with vm.plugged(device):
                    _wait_idle(vm, device)
                    found += device.history
    return find_registers(found)


class _Blank(PciDevice):
    """A device whose registers all have the same value."""

    vendor_id, device_id = 0, 0
    memory = Bar(0, size=_SIZE)
    msi = 1

    def __init__(self, value: int) -> None:
        self._value = value

    def on_read(self, bar: int, offset: int, width: int) -> int:
        """Return the value, in every byte or in the lowest."""
        return (1 << (8 * width)) - 1 if self._value == 0xFF else self._value


def _wait_idle(vm: Vm, device: PciDevice) -> None:
    """Wait until a driver has become quiet, but not for ever."""
    end = time.monotonic() + WAIT_S * vm.slowness
    quiet_s = _QUIET_S * vm.slowness
    while (device.idle_s < quiet_s) and time.monotonic() < end:
        vm.run("sleep 0.1")
