"""The vfio-user server of a device: takes QEMU's commands and sends the replies.

Runs a device's code in one thread. After the code has raised, the device reads as all-ones, so that
the guest goes on. Knows sockets and the protocol; `pci` knows the device.
"""

from __future__ import annotations

import errno
import itertools
import os
import select
import socket
import threading
import time
from collections.abc import Callable

from rustbed.devices import messages
from rustbed.devices.commands import Commands
from rustbed.devices.connection import GONE, BrokenStreamError, Connection, Message
from rustbed.devices.guest_memory import GuestMemory
from rustbed.devices.interrupts import Interrupts
from rustbed.devices.layouts import pack, unpack
from rustbed.devices.line import Cut
from rustbed.devices.messages import Command, Header
from rustbed.devices.pci import PciDevice
from rustbed.devices.timers import Timers
from rustbed.devices.watch import STUCK_S, Watch
from rustbed.errors import DeviceError

# seconds that QEMU has to answer a DMA message
_DMA_S = 5.0


class Server:
    """Serves one device on one connection at a time. Its thread calls `serve`, other threads the rest."""

    def __init__(self, device: PciDevice) -> None:
        self._device = device
        self._watch = Watch(type(device).__name__)
        self._connection: Connection | None = None
        # held by the thread that reads the socket or runs the device's code
        self._turn = threading.RLock()
        self._interrupts = Interrupts(device.interrupts)
        self._memory = GuestMemory(self._fetch, self._send)
        self._ids = itertools.count(1)
        self._replies: dict[int, Message] = {}
        self._timers = Timers(self._turn, self._watch)
        # number of unfinished commands for whose reply QEMU waits
        self._awaited = 0
        self._ended = False
        self._commands = Commands(device, self._memory, self._interrupts, self._watch.ask)

    # -- the thread ------------------------------------------------------------

    def serve(self, sock: socket.socket) -> None:
        """Serve a connection until the peer closes it or `end` is called; errors are kept for `check`."""
        self._watch.begin()
        self._connection = connection = Connection(sock)
        self._memory.owner = connection.peer
        self._device.connect(self)
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        poll.register(self._timers.descriptor, select.POLLIN)
        try:
            while not self._ended and self._turn_once(poll):
                pass
        except BrokenStreamError as error:
            self._fail(f"QEMU and the device do not understand each other: {error}")
        except OSError as error:
            if error.errno not in GONE:
                self._fail(f"the connection to QEMU broke: {error}")
        finally:
            self._leave()

    def _turn_once(self, poll: select.poll) -> bool:
        ready = poll.poll(self._timers.until_next_ms())
        with self._turn:
            self._watch.since = time.monotonic()
            try:
                going_on = True
                for descriptor, _ in ready:
                    if descriptor == self._timers.descriptor:
                        self._timers.calm()
                    else:
                        going_on = self._take()
                self._timers.run()
                return going_on
            finally:
                self._watch.since = None

    def _leave(self) -> None:
        with self._turn:
            # the specification requires this when the client disconnects; the device keeps its state
            self._memory.close()
            self._interrupts.close()
            self._device.disconnect()
            self._connection = None
            self._replies.clear()
            self._timers.forget()

    # -- messages --------------------------------------------------------------

    def _take(self) -> bool:
        """Serve one message, if there is one; return whether the peer is still connected."""
        assert self._connection is not None
        try:
            message = self._connection.receive()
        except BlockingIOError:
            # another thread took it
            return True
        if message is None:
            return False
        try:
            if message.is_reply:
                self._replies[message.header.id] = message
            else:
                self._answer(self._connection, message)
        finally:
            message.close()
        return True

    def _answer(self, connection: Connection, message: Message) -> None:
        header = message.header
        waits = not header.flags & messages.NO_REPLY
        self._awaited += waits
        try:
            body = self._carry_out(message)
        except OSError as error:
            if waits:
                connection.refuse(header, error.errno or errno.EINVAL)
        else:
            if waits:
                connection.reply(header, body)
        finally:
            self._awaited -= waits

    def _carry_out(self, message: Message) -> bytes:
        """Return the answer to a command. Raises OSError if it is refused."""
        answer = self._commands.find(message.header.command)
        if answer is None:
            raise OSError(errno.ENOTSUP, "not supported")
        try:
            if message.truncated:
                raise OSError(errno.EINVAL, f"more than {messages.MAX_DESCRIPTORS} descriptors")
            return answer(message)
        except (ValueError, OSError) as error:
            name = Command(message.header.command).name
            self._fail(f"a malformed or impossible command of QEMU was refused: {name}: {error}")
            raise OSError(getattr(error, "errno", None) or errno.EINVAL, str(error)) from error

    def _fail(self, what: str) -> None:
        self._watch.fail(f"{self._watch.name}: {what}")

    # -- for those who watch it ------------------------------------------------

    def check(self) -> None:
        """Raise DeviceError if the device's code raised or does not return, or if the protocol failed."""
        self._watch.check()

    def settle(self) -> None:
        """Wait until every access that the guest has made was served. Raises DeviceError.

        QEMU does not wait for a write, but puts it on the socket before the guest's next instruction.
        """
        if threading.get_ident() == self._watch.thread:
            return
        while True:
            if not self._turn.acquire(timeout=STUCK_S / 4):
                self.check()
                continue
            try:
                self.check()
                connection = self._connection
                if connection is None or not select.select([connection], [], [], 0)[0]:
                    return
            finally:
                self._turn.release()
            time.sleep(0)

    def end(self) -> None:
        """Make `serve` return."""
        self._ended = True
        self._timers.rouse()

    def close(self) -> None:
        """Free the server's resources, after `serve` has returned."""
        self._timers.close()

    # -- what the device reaches the guest by ------------------------------------

    def read_memory(self, address: int, count: int) -> bytes:
        """Return bytes of the guest's memory. Raises UsageError if there is no memory, and Cut."""
        with self._turn:
            self._require_guest()
            return self._memory.read(address, count)

    def write_memory(self, address: int, data: bytes) -> None:
        """Write bytes to the guest's memory. Raises UsageError if there is no memory, and Cut."""
        with self._turn:
            self._require_guest()
            self._memory.write(address, data)

    def raise_irq(self, vector: int) -> bool:
        """Raise an interrupt and return whether it was delivered."""
        delivered = self._interrupts.raise_(vector)
        self._device.config.show_interrupt(self._interrupts.asserted)
        return delivered

    def lower_irq(self) -> None:
        """Release the INTx line."""
        self._interrupts.asserted = False
        self._device.config.show_interrupt(False)

    def after(self, seconds: float, call: Callable[[], object]) -> None:
        """Call a function in the server's thread after some seconds."""
        self._timers.after(seconds, call)

    def _require_guest(self) -> Connection:
        """Return the connection. Raises Cut if it is closed or being closed."""
        if self._connection is None or self._memory.is_withdrawn:
            raise Cut
        return self._connection

    def _fetch(self, address: int, count: int) -> bytes:
        answer = self._request(Command.DMA_READ, pack(messages.Dma(address, count)))
        if len(data := unpack(messages.Dma, answer)[1]) != count:
            raise DeviceError(f"QEMU sent {len(data)} of {count} bytes at {address:#x}")
        return data

    def _send(self, address: int, data: bytes) -> None:
        self._request(Command.DMA_WRITE, pack(messages.Dma(address, len(data))) + data)

    def _request(self, command: Command, body: bytes) -> bytes:
        """Send a command and return the reply's body, serving the guest's accesses meanwhile."""
        if self._awaited:
            raise DeviceError(
                "the guest's memory cannot be reached while QEMU waits for the device's answer",
                why="this machine's memory is not shared, so QEMU itself must copy, and it waits here",
                fix="use self.after(0, ...), or share the machine's memory",
            )
        number = next(self._ids) & 0xFFFF
        try:
            reply = self._exchange(Header(number, command, 0, 0, 0), body)
        except OSError as error:
            if error.errno in GONE:
                raise Cut from error
            raise
        if reply.header.flags & messages.ERROR:
            raise DeviceError(f"QEMU refused {command.name}", reason=os.strerror(reply.header.error))
        return reply.body

    def _exchange(self, header: Header, body: bytes) -> Message:
        connection = self._require_guest()
        connection.send(header, body)
        end = time.monotonic() + _DMA_S
        while header.id not in self._replies:
            wait = end - time.monotonic()
            if wait <= 0:
                raise DeviceError(f"QEMU did not answer {Command(header.command).name} within {_DMA_S:g} s")
            if select.select([connection], [], [], wait)[0] and not self._take():
                raise Cut
        return self._replies.pop(header.id)
