"""Served devices that fail, and the end of their connections."""

from __future__ import annotations

import os
import socket
import threading

import pytest
from tests.edge.devices.blinker import START, Blinker
from tests.edge.devices.peer import (
    Peer,
    connect,
    connected,
    descriptors_of_this_process,
    failing,
    shared_memory,
)
from tests.processes import wait_until

from rustbed.devices.faults import Fault, FaultKind
from rustbed.devices.messages import Irq
from rustbed.devices.served import serve
from rustbed.errors import DeviceError, UsageError

# -- devices that fail -------------------------------------------------------------------


def test_device_that_raises_reads_as_all_ones_and_is_an_error() -> None:
    device = Blinker()
    why = ("Blinker raised in a read: KeyError: 'boom'", "blinker.py", "in on_read_boom")
    with failing(*why), connected(device) as peer:
        assert peer.read(0, 4, 4) == 0x55
        assert peer.read(0, 0x10, 4) == 0xFFFFFFFF
        # and so do all registers from now on: the guest goes on
        assert (peer.read(0, 4, 4), peer.read(7, 0, 4)) == (0xFFFFFFFF, 0xCAFE1234)
        peer.write(0, 0, 4, START)


def test_error_of_a_device_shows_its_own_lines_only() -> None:
    with failing("in on_read_boom") as caught, connected(Blinker()) as peer:
        peer.read(0, 0x10, 4)
    assert "registers.py" not in str(caught.value)


def test_trace_of_a_device_that_raised_is_refused() -> None:
    device = Blinker()
    with failing("raised in a read"), connected(device) as peer:
        peer.read(0, 0x10, 4)
        with pytest.raises(DeviceError, match="raised in a read"):
            _ = device.trace


def test_failure_of_the_device_is_told_instead_of_what_came_of_it() -> None:
    with pytest.raises(DeviceError, match="raised in a read") as caught, connected(Blinker()) as peer:
        assert peer.read(0, 0x10, 4) == 0, "the guest read nonsense"
    assert isinstance(caught.value.__cause__, AssertionError)


def test_fault_that_registers_cannot_have_is_refused() -> None:
    device = Blinker()
    device.fault = Fault(kind=FaultKind.REFUSED)
    with pytest.raises(UsageError, match="cannot have the fault refused"), serve(device):
        pass


def test_what_is_done_later_may_fail_too() -> None:
    device = Blinker()
    with (
        failing("raised in what it does later: ZeroDivisionError"),
        connected(device),
    ):
        device.after(0, lambda: 1 // 0)
        # whoever looks is told
        wait_until(lambda: device.trace != [], "the device to fail")


def test_write_that_is_not_served_when_the_test_ends_may_fail_too() -> None:
    class Full(Blinker):
        def on_write_address(self, value: int) -> None:
            assert value < 1000

    device = Full()
    with failing("Full raised in a write: AssertionError"), connected(device) as peer:
        for value in range(1001):
            peer.post(0, 8, 8, value)


def test_device_that_never_answers_is_an_error_that_shows_where_it_is() -> None:
    release = threading.Event()

    class Stuck(Blinker):
        def on_write_control(self, value: int) -> None:
            release.wait(20)

    device, before = Stuck(), {*threading.enumerate()}
    try:
        with failing("Stuck has not returned for 2 s", "in on_write_control"), connected(device) as peer:
            peer.post(0, 0, 4, 1)
            _ = device.trace
    finally:
        release.set()
    wait_until(lambda: {*threading.enumerate()} <= before, "the end of the device's thread")


# -- the end of a connection ---------------------------------------------------------------


def test_client_that_goes_away_is_no_failure_and_leaves_nothing_open() -> None:
    device, memory = Blinker(), shared_memory(4096)
    before = descriptors_of_this_process()
    with serve(device) as served:
        for _ in range(3):
            with connect(served) as peer:
                peer.map(0, 4096, descriptor=memory)
                for event in peer.enable_irqs(Irq.MSIX, 8):
                    os.close(event)
                peer.write(0, 8, 8, 1)
        # the state stays for the next one, as the specification asks for
        with connect(served) as peer:
            assert peer.read(0, 8, 8) == 1
    assert descriptors_of_this_process() == before
    os.close(memory)


def test_what_a_device_would_do_later_is_dropped_when_its_machine_goes() -> None:
    device, machine, done = Blinker(), ["first"], list[tuple[str, ...]]()
    with serve(device) as served:
        with connect(served):
            device.after(0.2, lambda: done.append(("first", *machine)))
        with connect(served):
            machine[:] = ["second"]
            # due after the other one
            device.after(0.2, lambda: done.append(("second", *machine)))
            wait_until(lambda: ("second", "second") in done, "what is done later")
    assert ("first", "second") not in done


def test_device_ends_while_its_client_is_there() -> None:
    with serve(Blinker()) as served:
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(served.path))
        peer = Peer(sock, served)
        assert peer.read(0, 4, 4) == 0x55
    with pytest.raises(EOFError):
        peer.receive()
    sock.close()
    assert not served.path.exists()


def test_threads_end_with_their_devices() -> None:
    before = threading.active_count()
    for _ in range(5):
        with connected(Blinker()) as peer:
            peer.read(0, 4, 4)
    assert threading.active_count() == before
