"""Two runs of a test are compared by what the driver did, not by what each machine is like."""

from __future__ import annotations

import re

import pytest

from rustbed.report.difference import (
    Ran,
    comparable_answers,
    comparable_records,
    comparable_trace,
    explained_end,
    find_differences,
    name_test,
)

OOPS = """\
[    2.800100] Unable to handle kernel NULL pointer dereference at virtual address 00000004 when read
[    2.800300] Internal error: Oops: 5 [#1] SMP ARM
[    2.800600] PC is at toy_read+0x8/0x20 [toy]
[    2.801000] Call trace:
[    2.801100]  toy_read [toy] from vfs_read+0xa0/0x2c8
[    2.801400] ---[ end trace 0000000000000000 ]---
"""


def ran(arch: str, **parts: tuple[str, ...]) -> Ran:
    return Ran(test="t", arch=arch, parts=parts)


@pytest.mark.parametrize(
    ("nodeid", "name"),
    [
        ("tests/test_a.py::test_b[arm]", "tests/test_a.py::test_b"),
        ("tests/test_a.py::test_b[arm-read_to]", "tests/test_a.py::test_b[read_to]"),
        ("tests/test_a.py::test_b[alarm-arm]", "tests/test_a.py::test_b[alarm]"),
        ("tests/test_a.py::test_b", "tests/test_a.py::test_b"),
    ],
)
def test_a_test_has_one_name_on_all_architectures(nodeid: str, name: str) -> None:
    assert name_test(nodeid, "arm") == name


def test_addresses_and_times_of_records_are_not_compared_and_small_numbers_are() -> None:
    log = "[    1.000000] toy 0000:00:02.0: BAR at 0x10401000, 10401000, count 3, errno 0x16\n"
    assert comparable_records(log) == ("toy PCI.0: BAR at ADDRESS, ADDRESS, count 3, errno 0x16",)


def test_where_a_machine_has_its_devices_is_not_compared() -> None:
    log = "[    3.000000] pcieport 0000:00:02.0:   bridge window [io  0x4000-0x4fff]\n"
    assert comparable_records(log) == ("pcieport PCI.0:   bridge window [io RANGE]",)
    # a domain of its own, and the functions of a card, which stay apart
    log = "[    3.000000] toy 0001:00:1f.0: up\n[    3.100000] toy 0001:00:1f.7: up\n"
    assert comparable_records(log) == ("toy PCI.0: up", "toy PCI.7: up")
    # the register of a BAR, and one that is none
    trace = "0.1 write config+0x14 width 4 value 0x1001\n0.2 write config+0x3c width 4 value 0x1001\n"
    assert comparable_trace(trace) == (
        "write config+0x14 width 4 value ADDRESS",
        "write config+0x3c width 4 value 0x1001",
    )


def test_the_number_of_a_process_is_not_compared() -> None:
    log = "[    3.000000] usb 1-1: usbfs: process 39 (rbctl) did not claim interface 0 before use\n"
    (line,) = comparable_records(log)
    assert line == "usb 1-1: usbfs: process PID (rbctl) did not claim interface 0 before use"


def test_what_the_kernel_said_before_the_first_process_is_not_compared() -> None:
    log = "[    0.100000] CPU0: on\n[    0.200000] Run /init as init process\n[    0.300000] toy: up\n"
    assert comparable_records(log) == ("toy: up",)


def test_records_without_text_are_not_compared() -> None:
    # loongarch64's backtraces end with one
    log = "[    0.300000] toy: up\n[    0.310000] \n[    0.320000] toy: down\n"
    assert comparable_records(log) == ("toy: up", "toy: down")


def test_arguments_of_the_first_process_are_not_compared() -> None:
    log = (
        "[    0.200000] Run /init as init process\n[    0.210000]   with arguments:\n"
        "[    0.220000]     no5lvl\n[    0.300000] toy: up\n[    0.310000]   toy: indented\n"
    )
    assert comparable_records(log) == ("toy: up", "  toy: indented")


@pytest.mark.parametrize("bridge", ["", "platform/4010000000.pcie/", "platform/soc/30000000.pci/"])
def test_the_place_of_a_host_bridge_is_not_compared(bridge: str) -> None:
    shell = f"$ rbctl sys open:r:/sys/devices/{bridge}pci0000:00/0000:00:02.0/config\n0 3 0 -\n\n[0]\n"
    assert comparable_answers(shell) == ("sys open:r:/sys/devices/pci/PCI.0/config [0] 0 3 0",)


def test_the_kernels_choice_of_a_clock_is_not_compared() -> None:
    log = (
        "[    2.000000] tsc: Refined TSC clocksource calibration: 2100.020 MHz\n[    2.100000] toy: tsc: up\n"
    )
    assert comparable_records(log) == ("toy: tsc: up",)


def test_where_a_module_was_loaded_is_not_compared() -> None:
    asked = "sys open:r:/sys/module/toy/sections/.text read:3:32 close:3"
    shell = f"$ rbctl insmod toy.ko\n\n[0]\n$ rbctl {asked}\n0 3 0\n[0]\n"
    assert comparable_answers(shell) == ("insmod toy.ko [0]",)


def test_of_a_splat_kind_and_function_are_compared() -> None:
    log = f"[    2.700000] toy: before\n{OOPS}[    2.900000] toy: behind\n"
    assert comparable_records(log) == ("toy: before", "splat: oops in toy_read", "toy: behind")


@pytest.mark.parametrize(
    ("path", "data", "told"),
    [
        ("/sys/class/toy/toy0/state", "6f6e0a", " 'on\\n'"),
        ("/sys/kernel/debug/toy/at", "6f6e0a30786666666666383030300a", " 'on\\nADDRESS\\n'"),
        # in the machine's byte order, text of another encoding, nothing at all
        ("/sys/class/toy/toy0/blob", "00000007", ""),
        ("/sys/class/toy/toy0/blob", "ff6f6e", ""),
        ("/sys/class/toy/toy0/state", "-", ""),
        ("/dev/toy", "6f6e0a", ""),
    ],
)
def test_text_that_was_read_below_sys_is_compared(path: str, data: str, told: str) -> None:
    read = f"sys open:r:{path} read:3:4096 close:3"
    shell = f"$ rbctl {read}\n0 3 0 -\n1 3 0 {data}\n2 0 0 -\n\n[0]\n"
    assert comparable_answers(shell) == (f"{read} [0] 0 3 0, 1 3 0{told}, 2 0 0",)


def test_answers_of_modules_and_system_calls_are_compared_without_data() -> None:
    shell = (
        "$ ls /sys\nbus\n\n[0]\n"
        "$ rbctl insmod /lib/modules/toy.ko\n\n[17]\n"
        "$ rbctl sys open:rw:/dev/toy ioctl:3:0x80047c81:00\n0 3 0 -\n1 -1 25 00000007\n\n[0]\n"
        "$ rbctl ask /run/rbctl-8 read:3:4\n2 4 0 00000007\n\n[0]\n"
        "$ rbctl ask /run/rbctl-8 exit\n3 86 0 -\n\n[0]\n"
        "$ rbctl get /proc/sys/kernel/tainted\n0\n\n[0]\n"
    )
    assert comparable_answers(shell) == (
        "insmod /lib/modules/toy.ko [17]",
        "sys open:rw:/dev/toy ioctl:3:ADDRESS:00 [0] 0 3 0, 1 -1 25",
        "ask /run/rbctl read:3:4 [0] 2 4 0",
    )


def test_an_answer_that_was_waited_for_counts_once() -> None:
    ask = "$ rbctl sys open:r:/dev/toy\n0 -1 2 -\n\n[0]\n"
    assert comparable_answers(3 * ask) == comparable_answers(ask) != ()


def test_accesses_are_compared_without_their_times() -> None:
    trace = "# bar0 size 4096 bits 32\n1.000100 read bar0+0x4 width 4 value 0x10\n"
    assert comparable_trace(trace) == ("read bar0+0x4 width 4 value 0x10",)


def test_runs_that_are_alike_have_no_differences() -> None:
    parts = {"outcome": ("pass",), "records": ("toy: up",)}
    assert find_differences(ran("arm", **parts), ran("s390x", **parts)) == []


def test_what_differs_is_shown_with_its_side() -> None:
    left = ran("arm", outcome=("pass",), records=("toy: up", "toy: 1", "toy: down"))
    right = ran("s390x", outcome=("pass",), records=("toy: up", "toy: 16777216", "toy: down"))
    assert find_differences(left, right) == ["records", "  arm    toy: 1", "  s390x  toy: 16777216"]


def test_a_part_that_only_one_side_has_differs() -> None:
    left, right = ran("arm", outcome=("pass",)), ran("s390x", outcome=("pass",), records=("toy: up",))
    assert find_differences(left, right) == ["records", "  s390x  toy: up"]


def test_declared_lines_may_differ() -> None:
    left, right = ran("arm", records=("toy: 1", "toy: up")), ran("s390x", records=("toy: up", "toy: 2"))
    assert find_differences(left, right, [re.compile(r"^toy: \d")]) == []
    assert find_differences(left, right, [re.compile(r"^toy: 1")]) == ["records", "  s390x  toy: 2"]


def test_parts_with_the_same_differences_are_shown_once() -> None:
    left = ran("arm", **dict.fromkeys(("records", "machine-2: records", "answers"), ("toy: 4",)))
    right = ran("s390x", **dict.fromkeys(("records", "machine-2: records", "answers"), ("toy: 8",)))
    assert find_differences(left, right) == [
        "records, and 2 more like it",
        "  arm    toy: 4",
        "  s390x  toy: 8",
    ]


def ended(arch: str, outcome: str, excuse: str = "") -> Ran:
    return Ran(test="t", arch=arch, parts={"outcome": (outcome,)}, excuse=excuse)


def test_a_mark_explains_why_a_test_ended_differently() -> None:
    left, right = ended("arm", "xfail", "32 bits"), ended("s390x", "pass")
    assert explained_end(left, right) == "xfail on arm: 32 bits; pass on s390x"
    assert explained_end(ended("arm", "xfail", "32 bits"), ended("s390x", "skip", "no PCI")) == (
        "xfail on arm: 32 bits; skip on s390x: no PCI"
    )


@pytest.mark.parametrize(
    ("left", "right"), [("pass", "pass"), ("pass", "fail"), ("xfail", "fail"), ("xfail", "xfail")]
)
def test_no_mark_explains_an_end_that_is_red_or_the_same(left: str, right: str) -> None:
    assert explained_end(ended("arm", left, "why"), ended("s390x", right, "why")) == ""
