"""The servers of a session: which run, and why some templates have none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rustbed.cache import Cache
from rustbed.errors import ForkError, HostError
from rustbed.forks.hot.proof import prove
from rustbed.forks.hot.server import Server, start_server
from rustbed.forks.ledger import Ledger
from rustbed.forks.template import Template
from rustbed.host import QEMU_OVERHEAD_MIB, Qemu
from rustbed.machine.spec import MachineSpec

# servers at once; the one that was not used for longest is ended first
_MOST = 8
# servers of one template that may end by themselves; after that its machines are restored
_ENDS = 3
# seconds within which a QEMU ends whose socket is closed
_GONE_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What a template is made of."""

    spec: MachineSpec
    qemu: Qemu


@dataclass(frozen=True, kw_only=True)
class _Owned:
    server: Server
    # its exit ends the server
    stack: ExitStack
    # its exit gives the claimed memory back; a server that stands still uses no more than it has
    claim: ExitStack


class Servers:
    """Starts and ends servers; belongs to one thread, which must outlive them."""

    def __init__(self, cache: Cache, ledger: Ledger) -> None:
        self._cache = cache
        self._ledger = ledger
        #: called with the reason when a server has ended by itself
        self.on_ended: Callable[[str], None] = lambda why: None
        self._ends: Counter[str] = Counter()
        # by template key, the one used last at the end
        self._owned: dict[str, _Owned] = {}
        # keys of the templates that had a machine in this session
        self._wanted: set[str] = set()
        #: by template key: why its machines are not copied
        self.refused: dict[str, str] = {}

    @property
    def pids(self) -> tuple[int, ...]:
        """The process numbers of their QEMUs."""
        return tuple(owned.server.pid for owned in self._owned.values())

    def close(self) -> None:
        """End all servers; their copies go on."""
        while self._owned:
            self._owned.popitem()[1].stack.close()

    def note_machine(self, key: str) -> None:
        """Note that a template had a machine: from the next one on, a server is worth its start."""
        self._wanted.add(key)

    def has(self, key: str) -> bool:
        """Whether a server of a template was started and not ended here; it may have ended by itself."""
        return key in self._owned

    def start_ahead(self, template: Template, qemu: Qemu, directory: Path) -> bool:
        """Start a server for the next machine, without waiting for it; return whether there is one."""
        if template.key not in self._wanted or _refusal(template, qemu) or template.key in self.refused:
            return False
        try:
            return self._own(template, qemu, directory) is not None
        except ForkError:
            # said when it is wanted
            return False

    def find(self, template: Template, qemu: Qemu, directory: Path) -> Server | None:
        """Return a server that can be copied now; None for a template's first machine, or without memory.

        A server takes as long to start as three restored forks. The first test of a kind does not wait for
        one: `start_ahead` starts it while that test runs. Raises ForkError if its machines are not copied.
        """
        if why := _refusal(template, qemu) or self.refused.get(template.key):
            raise ForkError(why)
        if template.key not in self._wanted:
            return None
        if (server := self._own(template, qemu, directory)) is not None:
            try:
                server.park()
            except ForkError:
                raise
            except BaseException:
                # the wait was interrupted, and cannot be repeated
                self._end(template.key)
                raise
            self._owned[template.key].claim.close()
            prove(self._cache, qemu, server, directory)
        return server

    def give_up(self, key: str, error: ForkError) -> None:
        """End the server of a template, and never start another."""
        self.refused[key] = error.headline
        self._end(key)

    def is_replaced(self, key: str) -> bool:
        """Whether the server of a template failed because its QEMU ended, and another may be started.

        The socket closes before the process can be reaped, so this waits a moment.
        """
        return self._take_away_ended(key, _GONE_S) and self._ends[key] < _ENDS

    def _take_away_ended(self, key: str, seconds: float = 0.0) -> bool:
        owned = self._owned.get(key)
        status = owned.server.wait_ended(seconds) if owned is not None else None
        if status is None:
            return False
        self._end(key)
        self._ends[key] += 1
        self.on_ended(f"the one before ended with status {status}")
        return True

    def _own(self, template: Template, qemu: Qemu, directory: Path) -> Server | None:
        key = template.key
        self._take_away_ended(key)
        owned = self._owned.pop(key, None)
        if owned is not None and owned.server.template.stamps == template.stamps:
            self._owned[key] = owned
            return owned.server
        if owned is not None:
            owned.stack.close()
        while len(self._owned) >= _MOST:
            self._end(next(iter(self._owned)))
        return self._start(template, qemu, directory)

    def _start(self, template: Template, qemu: Qemu, directory: Path) -> Server | None:
        mib = template.spec.hardware.memory_mib + QEMU_OVERHEAD_MIB
        with ExitStack() as stack:
            claim = stack.enter_context(ExitStack())
            try:
                # there must be room for a copy, too: otherwise the server would be ended for it
                with self._ledger.claim(2 * mib, patience_s=0):
                    pass
                claim.enter_context(self._ledger.claim(mib, patience_s=0))
            except HostError:
                return None
            server = stack.enter_context(start_server(template, qemu, directory))
            self._owned[template.key] = _Owned(server=server, stack=stack.pop_all(), claim=claim)
            return server

    def _end(self, key: str) -> None:
        if (owned := self._owned.pop(key, None)) is not None:
            owned.stack.close()


def _refusal(template: Template, qemu: Qemu) -> str:
    """Return why machines of a template are never copied; "" if they may be."""
    if served := [device.name for device in template.spec.served_devices]:
        return f"{served[0]} is served to one QEMU"
    return qemu.uncopyable
