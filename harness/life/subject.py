"""A driver in a machine: loads it, binds it, and finds its devices and files."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rustbed.guest import modules
from rustbed.guest.shell import ASK_AGENT
from rustbed.life.driver import Driver
from rustbed.life.state import FILES, NODES, State, read_state, require_nothing_left
from rustbed.machine.hotplug import Plugged
from rustbed.machine.vm import Vm

# Prints DRIVER|DEVICE for each device that a driver of a module is bound to. The module has a link for each
# of its drivers, whose name is BUS:DRIVER
_BOUND = """\
for d in /sys/module/{name}/drivers/*; do d=${{d##*/}}; d=/sys/bus/${{d%%:*}}/drivers/${{d#*:}}
  for x in "$d"/*; do [ -e "$x/driver" ] && echo "$d|${{x##*/}}"; done
done; true"""


class NotApplicableError(Exception):
    """A step does not apply to a driver or a machine, for the reason given."""


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A device and the driver that it is bound to."""

    # the driver's directory in sysfs
    driver: str
    # the device's name
    device: str

    @property
    def bus(self) -> str:
        """The directory of its bus in sysfs: the driver's is /sys/bus/BUS/drivers/DRIVER."""
        return self.driver.rsplit("/", 2)[0]

    def command(self, verb: str) -> str:
        """Return the command that binds or unbinds it, unless that has happened.

        A driver may create devices of its own, which come and go with the device that it is bound to.
        """
        driver, device = shlex.quote(self.driver), shlex.quote(self.device)
        done = "!" if verb == "unbind" else ""
        return f"{{ [ {done} -e {driver}/{device} ] || echo {device} >{driver}/{verb}; }}"


@dataclass(frozen=True, kw_only=True)
class Brought:
    """Paths that a driver created."""

    # in /dev
    nodes: tuple[str, ...]
    # regular files of sysfs, debugfs and configfs
    files: tuple[str, ...]


@dataclass
class Subject:
    """The driver, and the machine that it runs in."""

    vm: Vm
    driver: Driver

    @cached_property
    def before(self) -> State:
        """The guest's state before the driver was loaded."""
        return read_state(self.vm)

    @property
    def reload(self) -> str:
        """The command that loads and unloads the module; the guest has its file once `Vm` has loaded it."""
        words = shlex.join((self.file, *modules.render_params(self.driver.params)))
        return f"{ASK_AGENT} insmod {words} && {ASK_AGENT} rmmod {self.driver.name}"

    def insmod_with(self, **params: object) -> str:
        """Return the command that loads the module with other parameters."""
        return modules.render_insmod(self.file, params)

    @property
    def file(self) -> str:
        """The module's file in the guest."""
        module = self.driver.module
        return (
            f"{modules.PUSHED}/{module.name}" if isinstance(module, Path) else f"{modules.PLACE}/{module}.ko"
        )

    @contextmanager
    def loaded(self) -> Iterator[None]:
        """Load the module, unload it on the way out, and compare the guest's state with the one before."""
        _ = self.before
        with self.vm.module(self.driver.module, **self.driver.params):
            yield
        self.require_gone("the module, unloaded,")

    def require_gone(self, what: str) -> None:
        """Raise LifeError if the guest contains something that it did not contain before the load."""
        self.vm.live.linger(0.1)
        require_nothing_left(self.before, read_state(self.vm), what)

    def require_alive(self) -> None:
        """Check that the machine still answers. Raises MachineError."""
        self.vm.check("echo alive")

    def bound(self) -> list[Bound]:
        """Return the devices that are bound to the driver."""
        rows = (line.split("|") for line in self.vm.check(_BOUND.format(name=self.driver.name)).splitlines())
        return [Bound(driver=driver, device=device) for driver, device in rows]

    def require_bound(self) -> list[Bound]:
        """Return the devices that are bound to the driver. Raises NotApplicableError if there are none."""
        if not (found := self.bound()):
            failed = self.vm.log.matching(r"probe with driver \S+ failed")
            why = f": {failed[-1].text}" if failed else ""
            raise NotApplicableError(f"it is bound to no device of this machine{why}")
        return found

    def require_pluggable(self) -> None:
        """Raise NotApplicableError if no device is known that can be plugged in, or there is no slot."""
        if not self.vm.kernel.arch.hotplug_port:
            raise NotApplicableError(f"{self.vm.kernel.arch}'s machine has no slots")
        if self.driver.device is None:
            raise NotApplicableError(
                "no device of QEMU's that it binds to can be plugged in: name one, by --device or device="
            )

    @contextmanager
    def plugged(self) -> Iterator[Plugged]:
        """Plug a device in and wait until it is bound; the step unplugs it."""
        given = self.driver.device
        had = len(self.bound())
        with self.vm.plugged(given() if callable(given) else given or "") as device:
            if device.stays:
                raise NotApplicableError(f"its device cannot be unplugged: {device.stays}")
            self.vm.wait_for(lambda: len(self.bound()) > had, "the driver to bind to the device")
            yield device

    def brought(self) -> Brought:
        """Return the paths that are new since the driver was loaded."""
        new = read_state(self.vm).more_than(self.before)
        paths = [path for part in FILES for path in new.get(part, [])]
        quoted = " ".join(map(shlex.quote, paths))
        listed = self.vm.check(f'for f in {quoted}; do [ -f "$f" ] && echo "$f"; done; true') if paths else ""
        return Brought(nodes=tuple(new.get(NODES, [])), files=tuple(listed.splitlines()))
