"""Templates: booted machines, saved just before a driver would be loaded.

Owns how a template is made and checked, and when it is removed.
A template is a cache entry: the guest's memory in a sparse file, the state of
QEMU's devices, and the kernel log until then.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from rustbed import runfiles
from rustbed.cache import Cache, Facts
from rustbed.checked import version_of
from rustbed.deadline import Deadline
from rustbed.errors import CommandError, ForkError, HostError, MonitorError
from rustbed.forks.hide import hide_unsaved
from rustbed.forks.key import template_key
from rustbed.forks.pages import copy_pages, hash_pages
from rustbed.guest.kmsg import EarlierLog, is_fence
from rustbed.host import Qemu
from rustbed.log.record import parse_kmsg
from rustbed.log.splat import find_splats
from rustbed.log.window import Log
from rustbed.machine.argv import Ram
from rustbed.machine.booting import boot
from rustbed.machine.monitor import Monitor
from rustbed.machine.spec import MachineSpec
from rustbed.machine.vm import Vm
from rustbed.progress import Progress, Report

KIND = "templates"
RAM = "ram"
STATE = "state"
STUB = "kernel"

# bytes of a kernel image in which QEMU finds all that it wants to know before it loads it
_STUB_BYTES = 64 * 1024

# seconds without a record after which a kernel that has booted counts as quiet, and within which it must be
_QUIET_S = 0.5
_RESTLESS_S = 10.0
# boots to try until the kernel has measured its clocks rightly
_TRIES = 3
# seconds for QEMU to write the state of its devices
_SAVE_S = 30.0

# templates unused for so long are removed, and the oldest beyond so many bytes
MAX_AGE_S = 14 * 24 * 3600.0
MAX_BYTES = 4 * 2**30

# the saved state leaves out memory that is in a file
CAPABILITIES = ({"capability": "x-ignore-shared", "state": True}, {"capability": "events", "state": True})


@dataclass(frozen=True, kw_only=True)
class Template:
    """A saved machine, checked and ready to be forked."""

    key: str
    spec: MachineSpec
    directory: Path
    # the kernel log until it was saved
    log: EarlierLog
    # the kernel's taint bits; None where it does not show them
    taint: int | None
    # whether devices were removed from the guest's kernel, which has to find them again
    hidden: bool
    # the files as they were when they were checked
    stamps: tuple[tuple[int, ...], ...]

    @property
    def ram(self) -> Path:
        """The guest's memory."""
        return self.directory / RAM

    @property
    def state(self) -> Path:
        """What QEMU saved beside the memory."""
        return self.directory / STATE

    @property
    def fork_spec(self) -> MachineSpec:
        """The machine that a fork's QEMU is started with.

        The guest's kernel runs already. QEMU needs some file as kernel and image; a small one is
        given, because each fork would hold what QEMU reads of them.
        """
        stub = self.directory / STUB
        return replace(self.spec, kernel=replace(self.spec.kernel, image=stub), initramfs=stub)

    @property
    def intact(self) -> bool:
        """Whether its files are those that were checked; a stat(2) of each."""
        return self.stamps == _stamps(self.directory)


def _stamps(directory: Path) -> tuple[tuple[int, ...], ...]:
    """Return facts that change when a file that QEMU reads is replaced, written or truncated."""
    try:
        found = [(directory / name).stat() for name in (RAM, STATE)]
    except OSError:
        return ()
    return tuple(map(version_of, found))


# -- making ------------------------------------------------------------------------


def open_template(
    cache: Cache, spec: MachineSpec, qemu: Qemu, scratch: Path, *, slowness: float, report: Report
) -> Template:
    """Return the template of a machine, made if there is none that is whole.

    The files of the boot that makes it go to `scratch`, which is removed when all is
    well. Raises ForkError for a machine that cannot be saved, BootError for one that does not boot.
    """
    key = template_key(spec, qemu)
    what = f"template for {spec.arch} {spec.kernel.release}"

    def fill(directory: Path) -> Facts:
        # a new one is made: old ones may be removed
        cache.evict(KIND, max_age_s=MAX_AGE_S, max_bytes=MAX_BYTES)
        report(Progress(what=what, detail="booting"))
        facts = _make(spec, qemu, directory, scratch, slowness)
        report(Progress(what=what, finished=True))
        return facts

    try:
        facts = cache.publish(
            KIND,
            key,
            fill,
            digest=hash_pages,
            on_wait=lambda: report(Progress(what=what, detail="another process makes it")),
        )
    except HostError as error:
        raise ForkError(f"its template cannot be kept: {error.headline}") from error
    return _use(cache, key, spec, facts)


def find_template(cache: Cache, key: str, spec: MachineSpec) -> Template | None:
    """Return the template of a machine, None if it would have to be made; `key` is `template_key`'s."""
    facts = cache.find(KIND, key, digest=hash_pages)
    return None if facts is None else _use(cache, key, spec, facts)


def _use(cache: Cache, key: str, spec: MachineSpec, facts: Facts) -> Template:
    directory = cache.path(KIND, key)
    # its age counts from its last use; one of a cache that cannot be written has none
    with suppress(OSError):
        os.utime(directory)
    records, _ = parse_kmsg((directory / runfiles.RECORDS).read_bytes())
    return Template(
        key=key,
        spec=spec,
        directory=directory,
        log=EarlierLog(
            records=tuple(record for record in records if not is_fence(record)),
            next_seq=records[-1].seq + 1,
        ),
        taint=facts["taint"],
        hidden=facts["hidden"],
        stamps=_stamps(directory),
    )


def _make(spec: MachineSpec, qemu: Qemu, directory: Path, scratch: Path, slowness: float) -> Facts:
    """Boot a machine and save it to `directory`, once its kernel has measured its clocks rightly."""
    for _ in range(_TRIES):
        facts = _make_once(spec, qemu, directory, scratch, slowness)
        if facts is not None:
            return facts
    raise ForkError(f"the host is too busy: {spec.arch.mismeasured}, in {_TRIES} boots")


def _make_once(
    spec: MachineSpec, qemu: Qemu, directory: Path, scratch: Path, slowness: float
) -> Facts | None:
    """Boot a machine and save it to `directory`; None if its kernel has measured its clocks wrongly."""
    # without a name: it is freed when both processes have ended, and a full disk does not harm the guest
    memory = os.memfd_create("rustbed-ram")
    try:
        os.ftruncate(memory, spec.hardware.memory_mib << 20)
        ram = Ram(path=f"/proc/self/fd/{memory}", shared=True)
        with boot(spec, qemu, scratch, slowness=slowness, ram=ram, pass_fds=[memory]) as vm:
            facts = _settle(vm, qemu)
            if spec.arch.mismeasured and spec.arch.mismeasured in vm.dmesg:
                return None
            _save(vm.monitor, directory / STATE)
            copy_pages(memory, directory / RAM)
        # complete only now: QEMU has ended and all that it wrote has been read
        shutil.copyfile(vm.files.records, directory / runfiles.RECORDS)
        write_stub(spec.kernel.image, directory / STUB)
        shutil.copyfile(vm.files.console, directory / runfiles.CONSOLE)
    finally:
        os.close(memory)
    shutil.rmtree(scratch)
    return facts


def write_stub(image: Path, stub: Path) -> None:
    """Write the beginning of a kernel's image; an ELF file keeps its size, as a hole.

    QEMU refuses an ELF file that ends before its segments do. It maps them, and a machine whose state
    is loaded does not read them.
    """
    with image.open("rb") as file:
        beginning = file.read(_STUB_BYTES)
    stub.write_bytes(beginning)
    if beginning.startswith(b"\x7fELF"):
        os.truncate(stub, image.stat().st_size)


def _settle(vm: Vm, qemu: Qemu) -> Facts:
    """Wait until a booted machine is quiet, require that it is sound, and return the facts for its forks."""
    deadline = Deadline.after(_RESTLESS_S * vm.live.slowness)
    seen = -1
    while seen != len(vm.dmesg) or _has_early_clock(vm.dmesg):
        if deadline.expired:
            raise ForkError(f"its kernel log is never quiet for {_QUIET_S:g} s: {vm.dmesg.messages[-1]}")
        seen = len(vm.dmesg)
        time.sleep(_QUIET_S)
    if splats := find_splats(vm.dmesg.records):
        raise ForkError(f"its kernel reports while it boots: {splats[0].title}")
    if vm.live.log_damage:
        raise ForkError(vm.live.log_damage)
    try:
        hidden = hide_unsaved(vm, qemu)
    except CommandError as error:
        raise ForkError(f"a device cannot be removed: {error.headline}") from error
    taint = vm.taint
    # the last fence: all that the kernel logged has arrived
    vm.mark_log()
    return {"hidden": hidden, "taint": taint}


def _has_early_clock(dmesg: Log) -> bool:
    """Whether the kernel still measures its clock, and will log that during a test.

    x86 does so for one second after its drivers have been initialised: tsc_refine_calibration_work in
    arch/x86/kernel/tsc.c.
    """
    switches = dmesg.matching("^clocksource: Switched to clocksource ")
    return bool(switches) and switches[-1].text.endswith("-early")


def _save(monitor: Monitor, state: Path) -> None:
    """Write the state of the devices. The machine stands still afterwards.

    It is not stopped before: a machine that loads the state runs if the saved one ran.
    """
    try:
        monitor.execute("migrate-set-capabilities", capabilities=list(CAPABILITIES))
        since = len(monitor.events)
        monitor.execute("migrate", uri=f"file:{state}")
        ended = monitor.wait_event(
            "MIGRATION",
            timeout_s=_SAVE_S,
            since=since,
            match=lambda event: event["data"]["status"] in ("completed", "failed", "cancelled"),
        )
        if ended["data"]["status"] != "completed":
            why = monitor.execute("query-migrate").get("error-desc", "QEMU gives no reason")
            raise ForkError(f"QEMU cannot save it: {why}")
    except MonitorError as error:
        raise ForkError(f"QEMU cannot save it: {error.headline}") from error
