"""Where a session's machines come from: forks where possible, boots elsewhere.

Owns the choice between the two, the memory they share, and the QEMU that is
started ahead of the next test.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rustbed.cache import Cache
from rustbed.errors import ForkError, HostError
from rustbed.forks.counts import BOOTED, COPIED, FORKED, INSTEAD, REPLACED, RESTORED
from rustbed.forks.hot.servers import Kind, Servers
from rustbed.forks.hot.twins import copy_machine
from rustbed.forks.key import refusal, template_key
from rustbed.forks.ledger import Ledger
from rustbed.forks.restore import start_restored
from rustbed.forks.template import Template, find_template, open_template
from rustbed.forks.waiting import Waiting, adopt
from rustbed.host import QEMU_OVERHEAD_MIB, Qemu, limits_named
from rustbed.machine.booting import boot
from rustbed.machine.spec import MachineSpec
from rustbed.machine.vm import Vm
from rustbed.progress import Progress, Report

# seconds to wait for the memory of copies; the machine that is copied keeps its own meanwhile
_COPIES_PATIENCE_S = 60.0

# forks of a template that may fail to start before the template is given up
_FAILURES = 2
# a server is started for so many machines of its kind or more: it takes as long as three forks
_WORTH_COPYING = 4


@dataclass(frozen=True, kw_only=True)
class _Standby:
    waiting: Waiting
    # its exit ends QEMU and gives the memory back
    stack: ExitStack


class Machines:
    """Starts machines; belongs to one thread, which must outlive them. A context manager."""

    def __init__(
        self,
        cache: Cache,
        report: Report,
        *,
        forks: bool = True,
        ledger: Ledger | None = None,
        servers: Servers | None = None,
    ) -> None:
        self._cache = cache
        self._report = report
        self._forks = forks
        self._ledger = ledger or Ledger(cache)
        #: running machines that are copied
        self.servers = servers or Servers(cache, self._ledger)
        self.servers.on_ended = partial(self._count_otherwise, REPLACED, "starting another QEMU to be copied")
        #: what was forked, by template key
        self.kinds: dict[str, Kind] = {}
        # by template key, as are the next two
        self._templates: dict[str, Template] = {}
        # why there are no forks
        self._refused: dict[str, str] = {}
        self._failures: Counter[str] = Counter()
        self._standby: _Standby | None = None
        #: returns the machine that is wanted next, None if none is; without it, the same machine is expected
        self.foretell: Callable[[], tuple[MachineSpec, Qemu] | None] | None = None
        #: returns how many machines of that kind are wanted soon; without it, many are expected
        self.count_ahead: Callable[[], int] | None = None
        #: machines started, by how
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> Machines:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the fork that stands by, and all servers. The next machine starts them again."""
        self.servers.close()
        standby, self._standby = self._standby, None
        if standby is not None:
            standby.stack.close()

    @contextmanager
    def machine(
        self, spec: MachineSpec, qemu: Qemu, directory: Path, *, slowness: float = 1.0, fresh: bool = False
    ) -> Iterator[Vm]:
        """Yield a machine ready for commands, judged from now on, and end it on the way out.

        One that is `fresh` is booted, and judged from its boot on. `directory` gets the run's files.
        Raises BootError, and HostError when there is no memory.
        """
        with ExitStack() as stack:
            with limits_named():
                vm = None if fresh or not self._forks else self._fork(stack, spec, qemu, directory, slowness)
                if vm is None:
                    stack.enter_context(self._room(spec))
                    vm = stack.enter_context(boot(spec, qemu, directory, slowness=slowness))
                    if fresh:
                        vm.live.taint_at_begin = vm.taint
                    else:
                        vm.live.begin_judgement()
                    if fresh or not self._forks:
                        self.counts[BOOTED] += 1
            yield vm

    @contextmanager
    def copies(
        self, vm: Vm, qemu: Qemu, directories: Sequence[Path], *, slowness: float = 1.0
    ) -> Iterator[tuple[Vm, ...]]:
        """Yield copies of a machine as it is now, one for each directory, and end them on the way out.

        Raises ForkError if it cannot be copied, and HostError when there is no memory.
        """
        mib = len(directories) * (vm.spec.hardware.memory_mib + QEMU_OVERHEAD_MIB)
        with ExitStack() as stack:
            with limits_named():
                stack.enter_context(
                    self._ledger.claim(mib, patience_s=_COPIES_PATIENCE_S, on_wait=self.close)
                )
                twins = stack.enter_context(copy_machine(vm, qemu, directories, slowness=slowness))
            self.counts[COPIED] += len(twins)
            self.counts[FORKED] += len(twins)
            yield twins

    @contextmanager
    def _room(self, spec: MachineSpec) -> Iterator[None]:
        """Hold the memory that a machine may use, and wait for it; a fork that stands by is ended for it."""
        with self._ledger.claim(spec.hardware.memory_mib + QEMU_OVERHEAD_MIB, on_wait=self.close):
            yield

    def _fork(
        self, stack: ExitStack, spec: MachineSpec, qemu: Qemu, directory: Path, slowness: float
    ) -> Vm | None:
        """Return a fork that lives as long as `stack`; None, and report why, if there is none."""
        key = ""
        try:
            key = template_key(spec, qemu)
            if why := self._refused.get(key) or refusal(spec):
                raise ForkError(why)
            with ExitStack() as attempt:
                waiting = self._take_standby(attempt, key)
                vm = None
                if waiting is None:
                    attempt.enter_context(self._room(spec))
                    template = self._template(key, spec, qemu, directory / "template", slowness)
                    vm = self._copied(attempt, template, qemu, directory, slowness)
                if vm is None:
                    waiting = waiting or attempt.enter_context(
                        start_restored(template, qemu, directory.parent)
                    )
                    vm = attempt.enter_context(adopt(waiting, directory, slowness=slowness))
                stack.push(attempt.pop_all())
        except ForkError as error:
            self._instead(key, error)
            return None
        self.counts[FORKED] += 1
        self.kinds[key] = Kind(spec=spec, qemu=qemu)
        self.servers.note_machine(key)
        if why := self.servers.refused.get(key):
            self._count_otherwise(RESTORED, "restoring instead of copying", why)
        self._stand_by(key, qemu, directory.parent)
        return vm

    def _copied(
        self, stack: ExitStack, template: Template, qemu: Qemu, directory: Path, slowness: float
    ) -> Vm | None:
        """Return a copy of a running machine that lives as long as `stack`; None if no copy can be made."""
        vm = None
        while vm is None and _is_copyable(qemu):
            try:
                server = self.servers.find(template, qemu, directory.parent)
                if server is None:
                    return None
                with ExitStack() as attempt:
                    waiting = attempt.enter_context(server.copy(directory.parent))
                    vm = attempt.enter_context(adopt(waiting, directory, slowness=slowness))
                    stack.push(attempt.pop_all())
                self.counts[COPIED] += 1
            except ForkError as error:
                if not self.servers.is_replaced(template.key):
                    self.servers.give_up(template.key, error)
                    return None
        return vm

    def _take_standby(self, stack: ExitStack, key: str) -> Waiting | None:
        """Return the fork that stands by, which then lives as long as `stack`. End it if it does not fit."""
        standby, self._standby = self._standby, None
        if standby is None:
            return None
        waiting, template = standby.waiting, standby.waiting.template
        is_known = template is not None and template.key == key and template.intact
        if is_known and waiting.started.child.poll() is None:
            stack.push(standby.stack)
            return waiting
        standby.stack.close()
        return None

    def _template(self, key: str, spec: MachineSpec, qemu: Qemu, scratch: Path, slowness: float) -> Template:
        """Return the template of a machine. It is checked once a session, and when its files have changed."""
        known = self._templates.get(key)
        if known is None or not known.intact:
            known = open_template(self._cache, spec, qemu, scratch, slowness=slowness, report=self._report)
            self._templates[key] = known
        return known

    def _instead(self, key: str, error: ForkError) -> None:
        """Count a machine that is booted instead of forked, and report the reason the first time."""
        reason = error.headline
        if self._templates.pop(key, None) is not None:
            # the template was whole: the fork may have failed for another reason
            self._failures[key] += 1
            if self._failures[key] >= _FAILURES:
                self._refused[key] = reason
        else:
            self._refused[key] = reason
        self._count_otherwise(INSTEAD, "booting instead of forking", reason)

    def _count_otherwise(self, prefix: str, done: str, reason: str) -> None:
        """Count a machine that was not made as asked, and report the reason the first time."""
        if not self.counts[prefix + reason]:
            self._report(Progress(what=f"{done}: {reason}", finished=True))
        self.counts[prefix + reason] += 1

    def _stand_by(self, last: str, qemu: Qemu, directory: Path) -> None:
        """Start a server or a fork for the next test, if its template exists and memory is free."""
        with ExitStack() as stack:
            try:
                template, qemu = self._next(last, qemu)
                if template is None:
                    return
                is_copied = self._is_worth_copying(template, qemu)
                if is_copied and self.servers.start_ahead(template, qemu, directory):
                    return
                mib = template.spec.hardware.memory_mib + QEMU_OVERHEAD_MIB
                stack.enter_context(self._ledger.claim(mib, patience_s=0))
                waiting = stack.enter_context(start_restored(template, qemu, directory))
            except (ForkError, HostError):
                # the next machine is then started when it is wanted
                return
            self._standby = _Standby(waiting=waiting, stack=stack.pop_all())

    def _is_worth_copying(self, template: Template, qemu: Qemu) -> bool:
        """Whether the next machine should be a copy: its server runs, or enough machines want one."""
        if qemu.shim is None:
            return False
        is_running = self.servers.has(template.key)
        return is_running or self.count_ahead is None or self.count_ahead() >= _WORTH_COPYING

    def _next(self, last: str, qemu: Qemu) -> tuple[Template | None, Qemu]:
        """Return the template and QEMU of the next machine; None if there is no such template yet."""
        if self.foretell is None:
            return self._templates.get(last), qemu
        if (wanted := self.foretell()) is None:
            return None, qemu
        spec, qemu = wanted
        key = template_key(spec, qemu)
        is_new = key not in self._templates and key not in self._refused and not refusal(spec)
        if is_new and (found := find_template(self._cache, key, spec)):
            self._templates[key] = found
        return self._templates.get(key), qemu


def _is_copyable(qemu: Qemu) -> bool:
    """Whether the session asked for copies."""
    return qemu.shim is not None or bool(qemu.uncopyable)
