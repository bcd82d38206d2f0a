"""The steps of a driver's life. Each begins with a pristine machine and leaves nothing behind.

A step returns if the driver survived it. It raises NotApplicableError with the reason if it does not apply,
and LifeError or an error of the machine if the driver did not survive. The verdict finds splats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

from rustbed.errors import LifeError, SyscallError
from rustbed.guest.held import GuestFile
from rustbed.guest.rbctl import require_steps
from rustbed.life.allocations import allocations, probe_allocations
from rustbed.life.inputs import JUNK, extremes, ioctl_numbers
from rustbed.life.slabs import Slabs, require_no_growth
from rustbed.life.subject import Bound, NotApplicableError, Subject

# seconds on real hardware for all cycles
_CYCLES_S = 120.0
# number of a driver's files that are held open while it is removed
_HELD = 8
# system calls in one command
_BATCH = 200
# the option of a kernel that removes drivers after their probes
_REMOVES = "CONFIG_DEBUG_TEST_DRIVER_REMOVE"
# the shell's status of a process that was ended by a signal is greater than this
_KILLED = 128


def load_and_unload(subject: Subject) -> None:
    """Load and unload the driver repeatedly: no slab cache may grow with the cycles."""
    _ = subject.before
    with subject.vm.module(subject.driver.module, **subject.driver.params):
        pass
    try:
        _require_no_leak(subject, subject.reload)
    except LifeError:
        # a leftover is most often the reason why it cannot be loaded again, and explains more
        subject.require_gone("loading and unloading")
        raise
    subject.require_gone("loading and unloading")


def bind_and_unbind(subject: Subject) -> None:
    """Unbind and bind each of its devices repeatedly."""
    with subject.loaded():
        devices = subject.require_bound()
        commands = [each.command(verb) for each in devices for verb in ("unbind", "bind")]
        _require_no_leak(subject, " && ".join(commands))
        _require_bound_again(subject, devices)


def _require_bound_again(subject: Subject, devices: list[Bound]) -> None:
    if (has := subject.bound()) != devices:
        raise LifeError("some devices that were unbound are not bound again", had=devices, has=has)


def _require_no_leak(subject: Subject, command: str) -> None:
    """Run a command once in each cycle. Raises LifeError if a slab cache grows with the cycles."""
    cycles = subject.driver.cycles
    loop = f"i=0; while [ $i -lt {cycles} ]; do {{ {command}; }} || exit; i=$((i+1)); done"

    def work() -> None:
        done = subject.vm.run(loop, _CYCLES_S)
        if done.status != 0:
            raise LifeError(f"it failed within {cycles} cycles", status=done.status, output=done.output)

    with Slabs(subject.vm) as slabs:
        grown = slabs.find_leaks(work, cycles)
    require_no_growth(grown, cycles)


def remove_after_probe(subject: Subject) -> None:
    """Load the driver on a kernel that removes each driver once after its probe, and probes again."""
    if not subject.vm.kernel.has(_REMOVES):
        raise NotApplicableError(f"this kernel has no {_REMOVES}: a --fragment can have it built in")
    with subject.loaded():
        if failed := subject.vm.log.matching(r"probe with driver \S+ failed"):
            # the kernel says the same of both
            raise LifeError("its first probe failed, or the second, after its removal", said=failed[0].text)
        subject.require_bound()


def unbind_while_open(subject: Subject) -> None:
    """Unbind its devices while its files are open, use the files, and bind the devices again."""
    with subject.loaded():
        devices = subject.require_bound()
        with _open_files(subject) as held:
            subject.vm.check(" && ".join(each.command("unbind") for each in devices))
            _use(held)
        # in the other order: a driver that creates devices on the auxiliary bus creates them again
        subject.vm.check(" && ".join(each.command("bind") for each in reversed(devices)))
        _require_bound_again(subject, devices)


def unload_while_open(subject: Subject) -> None:
    """Unload it while its files are open: this is refused, or the files are dead but can be closed."""
    _ = subject.before
    subject.vm.insmod(subject.driver.module, **subject.driver.params)
    with _open_files(subject) as held:
        unloaded = subject.vm.run(f"rmmod {subject.driver.name}").status == 0
        _use(held)
    subject.require_alive()
    if not unloaded:
        subject.vm.rmmod(subject.driver.name)
    subject.require_gone("the module, unloaded while its files were open,")


@contextmanager
def _open_files(subject: Subject) -> Iterator[list[GuestFile]]:
    """Keep some of the driver's device nodes and files open."""
    with ExitStack() as stack:
        held = []
        brought = subject.brought()
        for path in (*brought.nodes, *brought.files):
            for mode in ("rw", "r", "w"):
                try:
                    held.append(stack.enter_context(subject.vm.open(path, mode)))
                except SyscallError:
                    continue
                break
            if len(held) == _HELD:
                break
        if not held:
            raise NotApplicableError("it has neither device nodes nor files that can be opened")
        yield held


def _use(held: list[GuestFile]) -> None:
    """Use open files; the kernel may refuse each call, but must survive it."""
    for file in held:
        for use in (partial(file.pread, 16, 0), partial(file.write, b"1"), partial(file.ioctl, 0)):
            with suppress(SyscallError):
                use()


def unplug_while_open(subject: Subject) -> None:
    """Turn off the device's slot while its files are open, use the files, and plug a device in again."""
    _lose_while_open(subject, surprise=False)


def pull_out_while_open(subject: Subject) -> None:
    """Do the same with a device that is removed before the kernel notices."""
    _lose_while_open(subject, surprise=True)


def _lose_while_open(subject: Subject, *, surprise: bool) -> None:
    subject.require_pluggable()
    _ = subject.before
    with subject.vm.module(subject.driver.module, **subject.driver.params):
        for _ in range(2):
            with subject.plugged() as device:
                try:
                    with _open_files(subject) as held:
                        subject.vm.unplug(device, surprise=surprise)
                        _use(held)
                except NotApplicableError:
                    subject.vm.unplug(device, surprise=surprise)
            if subject.bound():
                raise LifeError("it is still bound to a device that is gone", devices=subject.bound())
    subject.require_gone("the device that came and went")


def two_devices(subject: Subject) -> None:
    """Plug in two devices at once, and unplug the first one first."""
    subject.require_pluggable()
    _ = subject.before
    with (
        subject.vm.module(subject.driver.module, **subject.driver.params),
        subject.plugged() as first,
        subject.plugged() as second,
    ):
        for device in (first, second):
            subject.vm.unplug(device)
    subject.require_gone("two devices that came and went")


def parameters(subject: Subject) -> None:
    """Load it with parameters at their limits and beyond; a module that was loaded can be unloaded."""
    types = subject.driver.facts.types
    if not types:
        raise NotApplicableError("it has no parameters")
    with subject.loaded():
        pass
    for name, kind in types:
        for value in extremes(kind):
            loaded = subject.vm.run(subject.insmod_with(**{**subject.driver.params, name: value}))
            if loaded.status == 0:
                subject.vm.rmmod(subject.driver.name)
    subject.require_gone("loading it with extreme parameters")


def files(subject: Subject) -> None:
    """Read every file that it created, and write junk to it, with one system call each."""
    with subject.loaded():
        found = subject.brought().files
        if not found:
            raise NotApplicableError("it creates no files in sysfs, debugfs and configfs")
        for path in found:
            reads = [f"open:r,nonblock:{path}", "read:3:4096", "pread:3:16:1000000", "close:3"]
            writes = [
                step
                for junk in JUNK
                for step in (f"open:w,nonblock:{path}", f"write:3:{junk.hex()}", "close:3")
            ]
            _steps(subject, [*reads, *writes])
        subject.require_alive()


def ioctls(subject: Subject) -> None:
    """Issue ioctls with known and neighbouring numbers, and with invalid pointers."""
    with subject.loaded():
        if not (nodes := subject.brought().nodes):
            raise NotApplicableError("it has no device node")
        numbers = ioctl_numbers(subject.driver.ioctls, subject.vm.kernel.arch)
        # a driver may print a line for each; the records channel has them, and the console does not need them
        subject.vm.run("dmesg -n 3")
        for node in nodes:
            for first in range(0, len(numbers), _BATCH):
                calls = [f"ioctl:3:{number:#x}:{what}" for number, what in numbers[first : first + _BATCH]]
                _steps(subject, [f"open:rw,nonblock:{node}", *calls])
        subject.vm.run("dmesg -n 7")
        subject.require_alive()


def _steps(subject: Subject, steps: list[str]) -> None:
    """Make system calls in a process of their own, which must not die; their results do not matter."""
    done = subject.vm.rbctl("sys", *require_steps(steps))
    if done.status > _KILLED:
        raise LifeError(
            "a process died in a system call", step=steps[0], status=done.status, output=done.output
        )


def reboot(subject: Subject) -> None:
    """Restart the machine while the driver is loaded and bound."""
    subject.vm.insmod(subject.driver.module, **subject.driver.params)
    subject.vm.run_to_end("reboot -f")


STEPS: dict[str, Callable[[Subject], None]] = {
    step.__name__: step
    for step in (
        load_and_unload,
        bind_and_unbind,
        remove_after_probe,
        unbind_while_open,
        unload_while_open,
        unplug_while_open,
        pull_out_while_open,
        two_devices,
        parameters,
        files,
        ioctls,
        allocations,
        probe_allocations,
        reboot,
    )
}
# steps that plug in hardware themselves: the machine starts without it
PLUGGING = frozenset(step.__name__ for step in (unplug_while_open, pull_out_while_open, two_devices))
