"""The steps of a driver's life in which each of its allocations fails once.

The kernel counts a task's allocations and fails one by its number: Documentation/fault-injection/ has more.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from rustbed.errors import LifeError
from rustbed.guest.modules import render_params
from rustbed.guest.rbctl import parse_results
from rustbed.life.subject import Bound, NotApplicableError, Subject

# allocations that a probe may have
_MOST = 1_000
# more allocations than any load makes: none fails, and the kernel counts down from here
_NEVER = 1_000_000
# Those that may sleep fail, too, and no stack is printed for each that fails. There is an event for each call
# of a module's init; a kernel without tracing has none
_PREPARE = """\
[ ! -d /sys/kernel/tracing/events ] || echo 1 >/sys/kernel/tracing/events/initcall/initcall_start/enable
cd /sys/kernel/debug/failslab && echo N >ignore-gfp-wait && echo 1 >verbose"""
_EVENTS = "/sys/kernel/tracing/trace_pipe"
# Prints what is left of the number: 0 if an allocation has failed. All files are open before the number
# counts, and the shell starts no process: of what is counted, only the probe's allocations can fail
_BIND = """\
cd {driver} && exec 4</proc/self/fail-nth 5>bind 6>unbind 7>&2 2>/dev/null || exit
echo {nth} >/proc/self/fail-nth; echo {device} >&5; read left <&4; echo 0 >/proc/self/fail-nth; exec 2>&7
if [ -e {device} ]; then echo {device} >&6 || exit; fi; echo $left"""


@dataclass(frozen=True, kw_only=True)
class Load:
    """The result of a load with an allocation that was to fail."""

    is_loaded: bool
    # the failing allocation's number minus the allocations made: 0 if that allocation has failed
    left: int
    # whether the module's own code began; true if the kernel does not report it
    is_begun: bool


def allocations(subject: Subject) -> None:
    """Let each allocation of the initialisation fail, the last one first, without probing devices."""
    _require_failing(subject)
    _ = subject.before
    with subject.vm.module(subject.driver.module, **subject.driver.params):
        _stop_probing(subject, subject.bound())
    prepare_failing(subject)
    count = _NEVER - load_failing(subject, _NEVER).left
    # the hundreds before the module's code begins are the loader's, and the same for all modules; where one
    # that fails does no harm, one more is tried
    for nth in range(count, 0, -1):
        if not load_failing(subject, nth).is_begun:
            break
    subject.require_gone("loading it with allocations that failed")


def probe_allocations(subject: Subject) -> None:
    """Let each allocation of the probe fail, the first one first, for one device of each of its drivers."""
    _require_failing(subject)
    with subject.loaded():
        devices = subject.require_bound()
        prepare_failing(subject)
        for device in {each.driver: each for each in devices}.values():
            subject.vm.check(device.command("unbind"))
            _walk_probe(subject, device)
            subject.vm.check(device.command("bind"))


def _require_failing(subject: Subject) -> None:
    for option in ("CONFIG_FAILSLAB", "CONFIG_FAULT_INJECTION_DEBUG_FS"):
        if not subject.vm.kernel.has(option):
            raise NotApplicableError(f"this kernel has no {option}: the debug profile has")


def prepare_failing(subject: Subject) -> None:
    """Make allocations fail by their number."""
    subject.vm.check(_PREPARE)


def _stop_probing(subject: Subject, devices: Iterable[Bound]) -> None:
    """Turn off automatic probing on the buses of these devices."""
    for bus in sorted({each.bus for each in devices}):
        subject.vm.check(f"echo 0 >{bus}/drivers_autoprobe")


def load_failing(subject: Subject, nth: int) -> Load:
    """Load the module while an allocation is to fail, and unload it if it was loaded.

    The kernel's log does not show whether one has failed, because some allocations do not warn.
    """
    params = " ".join(render_params(subject.driver.params))
    steps = (f"open:r:{subject.file}", f"load:3:{nth}:{params}", f"open:r,nonblock:{_EVENTS}", "read:4:4096")
    done = subject.vm.rbctl("sys", *steps)
    match parse_results(done.output):
        case [_, load, opened, *rest] if load.data:
            is_begun = opened.errno != 0 or any(event.data for event in rest)
        case _:
            raise LifeError(f"loading it while allocation {nth} fails did not end", output=done.output)
    if load.errno == 0:
        subject.vm.rmmod(subject.driver.name)
    return Load(is_loaded=load.errno == 0, left=int(load.data), is_begun=is_begun)


def _walk_probe(subject: Subject, device: Bound) -> None:
    """Bind a device while an allocation fails, for each of them."""
    driver, name = shlex.quote(device.driver), shlex.quote(device.device)
    for nth in range(1, _MOST):
        left = subject.vm.check(_BIND.format(driver=driver, device=name, nth=nth))
        if left != "0":
            return
    raise LifeError(f"it has more than {_MOST} allocations to probe {device.device}")
