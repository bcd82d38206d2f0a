"""A test that is repeated with one fault after the other."""

from __future__ import annotations

import pytest

from rustbed import Bar, Fault, FaultKind, PciDevice
from rustbed.devices import walk
from rustbed.devices.line import Unplugged
from rustbed.devices.walk import Step, parse_step, plan_steps, until_quiet, walking
from rustbed.errors import UsageError, WaitError


class Echo(PciDevice):
    vendor_id, device_id = 1, 2
    regs = Bar(0, size=16)
    value = regs.register(0)


def test_fault_reaches_the_device_that_is_meant() -> None:
    fault = Fault(kind=FaultKind.GONE, at=1)
    first, second = Echo(), Echo()
    with walking(Step(fault=fault, device=2)) as under_way:
        for device in (first, first, second):
            walk.serve(device)
            device.connect(Unplugged())
        assert (first.fault, second.fault, under_way.happened) == (None, fault, False)
        second.read(0, 0, 4)
        assert under_way.happened
    walk.serve(third := Echo())
    assert third.fault is None


def test_device_with_a_fault_of_its_own_is_refused() -> None:
    device = Echo()
    device.fault = Fault(kind=FaultKind.STORM)
    with walking(None), pytest.raises(UsageError, match="Echo has a fault already: storm"):
        walk.serve(device)


def test_wait_ends_when_the_fault_happened_and_the_driver_does_no_more() -> None:
    device = Echo()
    with walking(Step(fault=Fault(kind=FaultKind.GONE, at=1))):
        walk.serve(device)
        device.connect(Unplugged())
        ask = until_quiet(lambda: False, "the probe", slowness=0)
        before = ask()
        device.read(0, 0, 4)
        with pytest.raises(WaitError, match="waiting for the probe: the device failed"):
            ask()
        assert (before, until_quiet(lambda: 7, "the probe", slowness=0)()) == (False, 7)


def test_wait_without_a_fault_is_as_given() -> None:
    with walking(None):
        assert until_quiet(lambda: 0, "anything", slowness=0)() == 0


def test_steps_are_those_of_all_devices_or_of_the_kinds_asked_for() -> None:
    devices = [Echo(), Echo()]
    for device in devices:
        device.read(0, 0, 4)
    steps = plan_steps(devices, ())
    assert (steps.accesses, steps.repeated) == (2, 0)
    assert [step.name for step in steps.steps][:2] == ["gone@1", "ones@1"]
    assert [step.name for step in plan_steps(devices, ["gone", "2.stuck@9"]).steps] == [
        *("gone@1", "2.gone@1", "2.stuck@9")
    ]


@pytest.mark.parametrize("name", ["gone@3", "2.gone@3", "12.lost-write@40"])
def test_name_of_a_step_is_that_step(name: str) -> None:
    step = parse_step(name)
    assert step is not None
    assert step.name == name


def test_name_of_a_kind_is_no_step() -> None:
    assert parse_step("storm") is None


@pytest.mark.parametrize("name", ["", "gone@", "gone@0", "0.gone", "nothing", "GONE", "gone@3@4", "2.", "@3"])
def test_other_names_are_refused_with_the_kinds(name: str) -> None:
    with pytest.raises(UsageError, match=r"gone, pulled, ones, zero, .*small-bar"):
        parse_step(name)
