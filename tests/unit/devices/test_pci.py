"""Devices as their authors declare them, and what an access to their registers does."""

from __future__ import annotations

import pytest

from rustbed import UsageError
from rustbed.devices.pci import PciDevice
from rustbed.devices.registers import Bar
from rustbed.devices.trace import Read, Reset, Write


class Counter(PciDevice):
    """Counts the writes of its control register."""

    vendor_id, device_id = 0x1234, 0xCAFE
    regs = Bar(0, size=4096)
    control = regs.register(0x00, reset=0x11223344)
    status = regs.register(0x04, read_only=True, reset=7)
    count = regs.register(0x08, width=2, read_only=True)
    ram = Bar(2, size=64, memory=True)

    def on_write_control(self, value: int) -> None:
        self.count += 1

    def on_read_count(self) -> int:
        return self.count | 0x8000


def test_registers_begin_with_their_reset_values_and_return_to_them() -> None:
    device = Counter()
    device.write(0, 0, b"\1\0\0\0")
    assert (device.control, device.status, device.count) == (1, 7, 1)
    device.reset()
    assert (device.control, device.status, device.count) == (0x11223344, 7, 0)


def test_access_is_traced_with_what_it_gave() -> None:
    device = Counter()
    device.write(0, 0, b"\1\0\0\0")
    device.read(0, 8, 2)
    device.read(7, 0, 2)
    device.reset()
    assert device.trace == [Write(0, 0x00, 4, 1), Read(0, 0x08, 2, 0x8001)]
    assert device.events[2:] == [Read(7, 0x00, 2, 0x1234), Reset()]


def test_trace_begins_again_after_forget() -> None:
    device = Counter()
    device.read(0, 0, 4)
    device.forget()
    assert device.events == []


def test_write_to_a_read_only_register_is_dropped() -> None:
    device = Counter()
    device.write(0, 4, b"\xff" * 4)
    assert device.status == 7


@pytest.mark.parametrize(
    ("offset", "width", "value"),
    [(0, 1, 0x44), (1, 2, 0x2233), (0, 8, 0x00000007_11223344), (2, 4, 0x0007_1122), (8, 4, 0x8000)],
)
def test_read_of_other_widths_is_put_together_from_registers(offset: int, width: int, value: int) -> None:
    assert int.from_bytes(Counter().read(0, offset, width), "little") == value


def test_write_of_a_part_is_a_write_of_the_register() -> None:
    device = Counter()
    device.write(0, 3, b"\xaa")
    assert (device.control, device.count) == (0xAA223344, 1)


def test_write_over_two_registers_reaches_both() -> None:
    device = Counter()
    device.write(0, 0, bytes(8))
    assert (device.control, device.status, device.count) == (0, 7, 1)


def test_undeclared_offsets_read_zero_unless_the_device_answers() -> None:
    class Answers(Counter):
        def on_read(self, bar: int, offset: int, width: int) -> int:
            return 0x100 * bar + offset

    assert [kind().read(0, 0x10, 4) for kind in (Counter, Answers)] == [bytes(4), b"\x10\0\0\0"]


def test_memory_holds_what_is_written() -> None:
    device = Counter()
    device.write(2, 60, b"abcd")
    device.reset()
    assert (device.read(2, 61, 2), device.ram[60:64]) == (b"bc", b"abcd")


def test_bar_gives_registers_by_offset() -> None:
    device = Counter()
    assert (device.regs[0x00], device.regs[0x04]) == (0x11223344, 7)


def test_devices_of_a_class_have_registers_of_their_own() -> None:
    one, other = Counter(), Counter()
    one.control = 5
    assert (one.control, other.control) == (5, 0x11223344)


def test_author_may_have_an_initialiser() -> None:
    class Named(Counter):
        def __init__(self, name: str) -> None:
            self.name = name

    assert (Named("x").name, Named("y").control) == ("x", 0x11223344)


def test_msix_table_gets_a_bar_of_its_own() -> None:
    class Vectors(Counter):
        msix = 200

    device = Vectors()
    assert {index: device.size_of(index) for index in range(6)} == {0: 4096, 1: 0, 2: 64, 3: 0, 4: 0, 5: 8192}


def test_device_that_is_not_plugged_says_so() -> None:
    device = Counter()
    device.config.write(4, b"\4\0")
    for call in (device.raise_irq, lambda: device.dma_read(0, 4), lambda: device.after(0, print)):
        with pytest.raises(UsageError, match="the device is not plugged into a machine"):
            call()


# -- what cannot be ----------------------------------------------------------------


def test_overlapping_registers_are_refused_with_their_names() -> None:
    with pytest.raises(
        UsageError, match=r"Bad, BAR 0: a at 0x00 \(width 4\) and b at 0x02 \(width 2\) overlap"
    ):

        class Bad(PciDevice):
            vendor_id, device_id = 1, 2
            regs = Bar(0, size=16)
            a = regs.register(0)
            b = regs.register(2, width=2)


def test_register_declared_twice_is_refused() -> None:
    with pytest.raises(UsageError, match=r"Bad, BAR 0: a register at 0x00 .* has no name"):

        class Bad(PciDevice):
            vendor_id, device_id = 1, 2
            regs = Bar(0, size=16)
            a = regs.register(0)
            a = regs.register(4)  # noqa: PIE794 - what is refused


def test_callback_without_a_register_is_refused() -> None:
    with pytest.raises(UsageError, match=r"Bad\.on_write_contol: there is no register 'contol'"):

        class Bad(Counter):
            def on_write_contol(self, value: int) -> None: ...


def test_callback_that_is_never_called_is_refused() -> None:
    with pytest.raises(UsageError, match=r"Bad\.on_write_status is never called: status is read-only"):

        class Bad(Counter):
            def on_write_status(self, value: int) -> None: ...


def test_bars_that_take_the_same_index_are_refused() -> None:
    with pytest.raises(UsageError, match="Bad: BAR 1 is declared twice"):

        class Bad(PciDevice):
            vendor_id, device_id = 1, 2
            wide = Bar(0, size=16, bits=64)
            other = Bar(1, size=16)


@pytest.mark.parametrize("name", ["vendor_id", "device_id", "class_code", "revision"])
def test_id_that_does_not_fit_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"Bad: {name} is 16777216"):
        type("Bad", (Counter,), {name: 1 << 24})


@pytest.mark.parametrize(
    ("index", "size", "more", "problem"),
    [
        (6, 16, {}, "a 32-bit BAR cannot have index 6"),
        (5, 16, {"bits": 64}, "a 64-bit BAR cannot have index 5"),
        (0, 24, {}, "24 bytes is not a power of two of at least 16"),
        (0, 8, {}, "8 bytes is not a power of two of at least 16"),
        (0, 2, {"io": True}, "2 bytes is not a power of two of at least 4"),
        (0, 16, {"bits": 16}, "memory has 32 or 64 bits"),
        (0, 16, {"bits": 64, "io": True}, "I/O ports have 32"),
    ],
)
def test_bar_that_pci_cannot_have_is_refused(
    index: int, size: int, more: dict[str, bool], problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        Bar(index, size=size, **more)


@pytest.mark.parametrize(
    ("offset", "width", "reset", "problem"),
    [
        (2, 4, 0, "not aligned"),
        (0, 3, 0, "not aligned"),
        (-4, 4, 0, "not aligned"),
        (16, 4, 0, "outside of its 16 bytes"),
        (0, 1, 256, "the reset value 0x100 of a register at 0x00"),
    ],
)
def test_register_that_does_not_fit_is_refused(offset: int, width: int, reset: int, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        Bar(0, size=16).register(offset, width=width, reset=reset)


def test_msix_without_room_for_its_table_is_refused() -> None:
    bars = {f"bar{index}": Bar(index, size=16) for index in range(6)}
    with pytest.raises(UsageError, match="Bad: MSI-X wants a BAR"):
        type("Bad", (PciDevice,), {"vendor_id": 1, "device_id": 2, "msix": 1, **bars})


def test_reader_that_returns_too_much_is_refused() -> None:
    class Bad(Counter):
        def on_read_count(self) -> int:
            return 1 << 16

    with pytest.raises(UsageError, match="on_read_count returned 65536"):
        Bad().read(0, 8, 2)


def test_faults_are_planned_for_what_the_test_has_forgotten_too() -> None:
    """They are counted from when the device was plugged in, whatever the test looks at."""
    device = Counter()
    device.read(0, 0, 4)
    device.forget()
    device.write(0, 0, b"\1\0\0\0")
    assert ([event.offset for event in device.trace], device.plan().accesses) == ([0], 2)
