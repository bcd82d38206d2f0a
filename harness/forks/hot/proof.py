"""Checks whether copies of this QEMU on this host are sound.

Owns the checks. Their result is kept until the host is booted again.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from rustbed import cache as caching
from rustbed import host, procfs
from rustbed.cache import Cache, Facts
from rustbed.errors import ForkError, HarnessError
from rustbed.forks.hot.server import Server
from rustbed.forks.waiting import adopt
from rustbed.host import Qemu
from rustbed.machine.vm import Vm

KIND = "copies"

# seconds for which a copy's clock is watched
_WATCHED_S = 0.2
# seconds by which it may differ
_TOLERANCE_S = 0.05


class HasClock(Protocol):
    """A machine whose clock is read."""

    def check(self, command: str) -> str:
        """Run a shell command and return what it wrote."""


def prove(cache: Cache, qemu: Qemu, server: Server, directory: Path) -> None:
    """Check that copies of a server are sound, unless they were checked since the host was booted.

    Raises ForkError if they are not, and if they cannot be checked now: that is not kept.
    """
    shim = qemu.shim.parent.name if qemu.shim else ""
    # the number is raised when the checks change
    key = caching.hash_text("copies 3", host.boot_id(), qemu.identity, shim)

    def fill(_: Path) -> Facts:
        return {"wrong": _find_wrong(server, directory)}

    if wrong := cache.publish(KIND, key, fill)["wrong"]:
        raise ForkError(f"copies of QEMU are not sound here: {wrong}")


def _find_wrong(server: Server, directory: Path) -> str:
    """Return the fault of two copies of a server, "" without one.

    Raises ForkError if none can be made, and if one failed to answer: the host may be busy, so that
    this says nothing about copies.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rustbed-", dir=directory) as scratch, ExitStack() as stack:
        try:
            one, other = (
                stack.enter_context(
                    adopt(stack.enter_context(server.copy(Path(scratch))), Path(scratch, name))
                )
                for name in ("one", "other")
            )
            return compare(one, other) or watch_clock(one) or _look_at_process(one)
        except ForkError:
            raise
        except HarnessError as error:
            why = f"copies of QEMU could not be checked: {error.headline}"
            raise ForkError(why, **error.facts) from error


def compare(one: Vm, other: Vm) -> str:
    """Return what two machines share, "" if nothing."""
    one.check("echo one >/tmp/.copy; echo '<5>one' >/dev/kmsg")
    if other.run("test -e /tmp/.copy").status == 0:
        return "they share memory"
    if one.log.messages != ["one"] or len(other.log):
        return "they share the kernel log"
    if one.monitor.execute("query-status")["status"] != "running":
        return "one does not run"
    return "they share random numbers" if _random(one) == _random(other) else ""


def _random(vm: Vm) -> str:
    return vm.check("cat /proc/sys/kernel/random/uuid")


def watch_clock(vm: HasClock) -> str:
    """Return what is wrong with the guest's clock, "" if it goes at the host's pace."""
    # However long requests and answers are on their way, the guest reads its clock before the host sleeps
    # and after: its span holds the sleep, and lies within the host's. Its readings have 10 ms.
    began, before = time.monotonic(), _uptime(vm)
    time.sleep(_WATCHED_S)
    passed, most = _uptime(vm) - before, time.monotonic() - began
    if _WATCHED_S - _TOLERANCE_S <= passed <= most + _TOLERANCE_S:
        return ""
    return f"in {most:.2f} s its clock went on by {passed:.2f} s"


def _uptime(vm: HasClock) -> float:
    return float(vm.check("cut -d' ' -f1 /proc/uptime"))


def _look_at_process(vm: Vm) -> str:
    # proc(5): 2 is a filter
    return "" if procfs.status(vm.live.qemu_pid, "Seccomp") == "2" else "QEMU's sandbox is not in place"
