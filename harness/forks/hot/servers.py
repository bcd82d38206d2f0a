"""A session's machines that are there to be copied: which there are, and why there are no others."""

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

# at most so many at once; what was not used for longest goes first
_MOST = 8
# servers of one template that may end by themselves before its machines are not copied any more
_ENDS = 3
# seconds within which a QEMU whose socket is closed is gone
_GONE_S = 1.0


@dataclass(frozen=True, kw_only=True)
class _Owned:
    server: Server
    # ends it
    stack: ExitStack
    # gives back the memory that it may come to use: once it stands still, it uses what it has
    claim: ExitStack


class Servers:
    """Starts and ends servers; belongs to one thread, which must outlive them."""

    def __init__(self, cache: Cache, ledger: Ledger, on_ended: Callable[[str], None]) -> None:
        self._cache = cache
        self._ledger = ledger
        # is told how a server ended that was not ended here
        self._on_ended = on_ended
        self._ends: Counter[str] = Counter()
        # by template key, the one used last at the end
        self._owned: dict[str, _Owned] = {}
        # templates of which there was a machine
        self._wanted: set[str] = set()
        #: by template key: why its machines are not copied
        self.refused: dict[str, str] = {}

    @property
    def pids(self) -> tuple[int, ...]:
        """The numbers of their QEMUs on the host."""
        return tuple(owned.server.pid for owned in self._owned.values())

    def close(self) -> None:
        """End all servers; their copies go on."""
        while self._owned:
            self._owned.popitem()[1].stack.close()

    def note_machine(self, key: str) -> None:
        """Remember that there was a machine of a template: the next one is worth a server."""
        self._wanted.add(key)

    def has(self, key: str) -> bool:
        """Whether a server of a template was started and not ended here; it may have died since."""
        return key in self._owned

    def start_ahead(self, template: Template, qemu: Qemu, directory: Path) -> bool:
        """Start a server that the next machine will be a copy of; False if there is none.

        It is not waited for here.
        """
        if template.key not in self._wanted or _refusal(template, qemu) or template.key in self.refused:
            return False
        try:
            return self._own(template, qemu, directory) is not None
        except ForkError:
            # said when it is wanted
            return False

    def find(self, template: Template, qemu: Qemu, directory: Path) -> Server | None:
        """Return a server that can be copied now; None for the first of its machines, or if there is no room.

        It takes as long to start as three restored forks. The first test of a kind does not wait for it:
        `start_ahead` starts it while that test runs. Raises ForkError if its machines are not copied.
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
                # interrupted while it was waited for: it cannot be waited for again
                self._end(template.key)
                raise
            self._owned[template.key].claim.close()
            prove(self._cache, qemu, server, directory)
        return server

    def give_up(self, key: str, error: ForkError) -> None:
        """End the server of a template and start no other."""
        self.refused[key] = error.headline
        self._end(key)

    def is_replaced(self, key: str) -> bool:
        """Whether the server of a template failed because it has ended, and another may be started.

        Its socket tells that before its process does.
        """
        return self._take_away_ended(key, _GONE_S) and self._ends[key] < _ENDS

    def _take_away_ended(self, key: str, seconds: float = 0.0) -> bool:
        owned = self._owned.get(key)
        status = owned.server.wait_ended(seconds) if owned is not None else None
        if status is None:
            return False
        self._end(key)
        self._ends[key] += 1
        self._on_ended(f"the one before ended with status {status}")
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
                # room for a copy beside it: else the two would take it from each other
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
    """Return why machines of a template are never copied; empty if they may be."""
    if served := [device.name for device in template.spec.served_devices]:
        return f"{served[0]} is served to one QEMU"
    return qemu.uncopyable
