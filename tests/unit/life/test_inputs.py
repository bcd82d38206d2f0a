"""What a driver is given in its life."""

from __future__ import annotations

from dataclasses import replace

from rustbed.arch import require_arch
from rustbed.life.inputs import extremes, ioctl_numbers


def test_a_number_is_tried_at_both_ends_and_beyond_them() -> None:
    values = extremes("i8")
    assert set(values) >= {"-128", "127", "-129", "128", "0", "-1", "", "junk"}
    assert set(extremes("u16")) >= {"0", "65535", "65536", "-1"}
    assert set(extremes("int")) >= {str(2**31 - 1), str(2**31), str(-(2**31)), str(-(2**31) - 1)}
    assert str(2**64) in extremes("ulong")


def test_other_types_have_values_too() -> None:
    assert "2" in extremes("bool")
    assert max(map(len, extremes("charp"))) == 1000
    assert extremes("array of int")


def test_known_ioctls_are_tried_with_every_pointer_and_beside_themselves() -> None:
    x86 = require_arch("x86_64")
    known = x86.ioctl_number(2, ord("|"), 0x81, 4)
    assert known == 0x80047C81
    calls = ioctl_numbers([known], x86)
    assert {what for number, what in calls if number == known} >= {"none", "null", "unmapped"}
    assert (x86.ioctl_number(1, ord("|"), 0x81, 4), "unmapped") in calls
    assert (x86.ioctl_number(2, ord("|"), 0x81, 5), "unmapped") in calls
    assert (0x80047C81 | 0x3FFF << 16, "unmapped") in calls
    assert {number & 0xFF for number, _ in calls if number >> 8 & 0xFF == ord("|")} == set(range(256))


def test_an_architecture_gets_its_own_numbers() -> None:
    # _IO, _IOR, _IOW and _IOWR of arch/powerpc/include/uapi/asm/ioctl.h
    powerpc = replace(require_arch("arm64"), ioctl_directions=(1 << 29, 4 << 29, 2 << 29))
    own = {0x7C80: 0x2000_7C80, 0x8004_7C81: 0x4004_7C81, 0x4004_7C82: 0x8004_7C82, 0xC004_7C83: 0xC004_7C83}
    for known, number in own.items():
        assert (number, "none") in ioctl_numbers([known], powerpc)
        assert (known, "none") in ioctl_numbers([known], require_arch("s390x"))
    assert powerpc.largest_ioctl == 0x1FFF


def test_without_known_ones_every_type_is_tried() -> None:
    calls = ioctl_numbers([], require_arch("arm64"))
    assert {number >> 8 & 0xFF for number, _ in calls} == set(range(256))
    assert len(calls) == len(set(calls))
    assert all(0 <= number < 1 << 32 for number, _ in calls)
