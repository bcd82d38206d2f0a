"""QEMU's monitor (QMP): commands and events, synchronously.

The only door to qemu.qmp. Its asyncio loop runs in one thread per machine,
so that events gather while a test does something else.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from qemu.qmp import EventListener, ExecuteError, QMPClient, QMPError

from rustbed.deadline import Deadline
from rustbed.errors import MonitorError
from rustbed.guest.logfile import LogFile

Event = dict[str, Any]
T = TypeVar("T")

# the library logs a dead QEMU as an error; our exceptions say more
logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL + 1)

# seconds for a QMP command whose caller gave no timeout
QMP_S = 30.0


# what qemu.qmp's own tasks end by if QEMU goes while it is connected to
_GONE = (asyncio.CancelledError, EOFError, ConnectionError)


def _report_unawaited(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report an error that was not awaited, but not that QEMU is gone.

    qemu.qmp leaves its tasks behind then (0.0.6), and asyncio prints a traceback.
    """
    if not isinstance(context.get("exception"), _GONE):
        loop.default_exception_handler(context)


class Monitor:
    """A conversation with one QEMU; made by the machine that owns the socket."""

    def __init__(
        self, sock: socket.socket, transcript: Path | None, slowness: float, *, negotiated: bool = False
    ) -> None:
        # `negotiated`: the other end is a copy of a QEMU that has already exchanged greetings
        #: called with every command
        self.observer: Callable[[str, Mapping[str, object]], None] | None = None
        self._slowness = slowness
        self._sock = sock
        self._changed = threading.Condition()
        # lines of the transcript until its file is known
        self._early: list[str] = []
        self._transcript: LogFile | None = None
        if transcript is not None:
            self.keep_transcript(transcript)
        self._events: list[Event] = []
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(_report_unawaited)
        self._client = QMPClient("rustbed")
        self._client.await_greeting = self._client.negotiate = not negotiated
        self._listener = EventListener()
        self._thread = threading.Thread(target=self._loop.run_forever, name="qmp", daemon=True)
        self._thread.start()
        # connects while the guest boots; the first command waits for that
        self._connected = asyncio.run_coroutine_threadsafe(self._connect(), self._loop)

    async def _connect(self) -> None:
        self._client.register_listener(self._listener)
        try:
            await self._client.connect(self._sock)
        except AssertionError as error:
            # after its first read the client asserts that QEMU is still there
            raise ConnectionResetError("QEMU ended while the monitor connected") from error
        self._gathering = asyncio.create_task(self._gather())

    async def _gather(self) -> None:
        async for message in self._listener:
            event = dict(message)
            self._note("<-", event)
            with self._changed:
                self._events.append(event)
                self._changed.notify_all()

    def keep_transcript(self, path: Path) -> None:
        """Write the transcript so far, and from now on, to a file, for a monitor made without one."""
        file = LogFile(path)
        with self._changed:
            file.write("".join(self._early).encode())
            self._transcript = file

    def _note(self, direction: str, message: object) -> None:
        line = f"{direction} {json.dumps(message)}\n"
        with self._changed:
            if self._transcript is None:
                self._early.append(line)
            else:
                self._transcript.write(line.encode())

    @property
    def _is_connected(self) -> bool:
        done = self._connected.done() and not self._connected.cancelled()
        return done and self._connected.exception() is None

    def _await(self, future: Future[T], seconds: float, attempted: str) -> T:
        try:
            return future.result(seconds)
        except ExecuteError as error:
            raise MonitorError(f"{attempted}: {error}", error_class=error.error_class) from error
        except (QMPError, OSError) as error:
            future.cancel()
            why = "the monitor is closed"
            if not self._is_connected:
                why = "the monitor never answered"
            elif isinstance(error, TimeoutError):
                why = f"QEMU did not answer within {seconds:g} s"
            raise MonitorError(f"{attempted}: {why}", error=error) from error

    def execute(
        self,
        command: str,
        timeout_s: float = QMP_S,
        exact: Mapping[str, object] | None = None,
        **arguments: object,
    ) -> Any:
        """Execute a QMP command and return what it returns.

        Underscores in argument names become hyphens, as QMP writes them; those
        in `exact`, such as a device's properties, are left as they are.
        Raises MonitorError when QEMU refuses, is gone or does not answer.
        """
        return self.begin(command, exact, **arguments)(timeout_s)

    def begin(
        self, command: str, exact: Mapping[str, object] | None = None, **arguments: object
    ) -> Callable[[float], Any]:
        """Have a QMP command executed as soon as QEMU listens, and return at once.

        Returns a function that waits so many seconds for the answer; see `execute`.
        """
        named = {name.replace("_", "-"): value for name, value in arguments.items()} | dict(exact or {})
        if self.observer is not None:
            self.observer(command, named)
        future = asyncio.run_coroutine_threadsafe(self._execute(command, named), self._loop)
        return lambda timeout_s: self._await(future, timeout_s * self._slowness, f"QMP {command}")

    async def _execute(self, command: str, arguments: dict[str, object]) -> Any:
        # shielded: a timeout of a command does not cancel the connection
        await asyncio.shield(asyncio.wrap_future(self._connected))
        self._note("->", {"execute": command, "arguments": arguments})
        answer = await self._client.execute(command, arguments or None)
        self._note("<-", {"return": answer})
        return answer

    def give(self, descriptor: int, name: str) -> None:
        """Give QEMU a copy of a descriptor, which its commands know by `name`. Raises MonitorError."""
        future = asyncio.run_coroutine_threadsafe(self._give(descriptor, name), self._loop)
        self._await(future, QMP_S * self._slowness, "QMP getfd")

    async def _give(self, descriptor: int, name: str) -> None:
        await asyncio.shield(asyncio.wrap_future(self._connected))
        self._client.send_fd_scm(descriptor)
        await self._execute("getfd", {"fdname": name})

    @property
    def events(self) -> tuple[Event, ...]:
        """Every event so far, oldest first, as QMP sent it: event, data, timestamp."""
        with self._changed:
            return tuple(self._events)

    def wait_event(
        self,
        name: str,
        *,
        timeout_s: float = QMP_S,
        match: Callable[[Event], bool] = lambda event: True,
        since: int = 0,
    ) -> Event:
        """Return the first event called `name` that `match` accepts, waiting for it if necessary.

        Only events with an index of at least `since` count: take
        `len(monitor.events)` before the action whose event is wanted.
        """
        deadline = Deadline.after(timeout_s * self._slowness)
        with self._changed:
            while True:
                for event in self._events[since:]:
                    if event["event"] == name and match(event):
                        return event
                if deadline.expired:
                    seen = ", ".join(sorted({event["event"] for event in self._events})) or "none"
                    raise MonitorError(f"no {name} event within {deadline.seconds:g} s", seen=seen)
                self._changed.wait(deadline.slice(1.0))

    def check(self) -> None:
        """Raise EvidenceError if the transcript could not be written."""
        if self._transcript is not None:
            self._transcript.check()

    def close(self) -> None:
        """Stop the loop and close the transcript; may be called twice. The client closes the socket."""
        if self._loop.is_closed():
            return

        async def end() -> None:
            stream = self._client._writer
            # the client cannot disconnect while it is connecting
            if self._is_connected:
                # QEMU may be gone already
                with suppress(QMPError, EOFError, OSError):
                    await self._client.disconnect()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            if stream is not None:
                # a client that is cancelled while it notices that QEMU is gone leaves the socket open
                stream.close()
                await asyncio.sleep(0)

        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(end(), self._loop).result(2.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(2.0)
        self._loop.close()
        if self._transcript is not None:
            self._transcript.close()
