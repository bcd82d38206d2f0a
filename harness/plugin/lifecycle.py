"""The fixture `life`: a driver's life, of which each step is a test of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rustbed.arch import Arch
from rustbed.devices.models import device_of
from rustbed.errors import UsageError
from rustbed.kernel.module import read_module
from rustbed.life.driver import Driver, find_device, find_hardware
from rustbed.life.steps import PLUGGING, STEPS
from rustbed.life.subject import NotApplicableError, Subject
from rustbed.machine.vm import Vm
from rustbed.plugin.fixtures import instruments_of, platform_of, run_of, spec_of
from rustbed.request import MachineRequest

if TYPE_CHECKING:
    from rustbed.devices.models import Model

_FIXTURE = "life"
_MARKER = "lifecycle"
_KEYWORDS = ("params", "device", "ioctls", "cycles", "setup")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test for each step of the life."""
    if _FIXTURE in metafunc.fixturenames and metafunc.definition.get_closest_marker(_MARKER):
        metafunc.parametrize(_FIXTURE, STEPS, indirect=True)


def life_of(item: pytest.Item) -> str:
    """Return the name of the driver whose life a test is a step of, "" if it is of none."""
    marker = item.get_closest_marker(_MARKER)
    is_step = _FIXTURE in getattr(item, "fixturenames", ())
    return Path(str(marker.args[0])).name if marker and marker.args and is_step else ""


@pytest.fixture
def life(
    rustbed_arch: Arch, request: pytest.FixtureRequest, build_module: Callable[[str | Path], Path]
) -> Callable[[], None]:
    """Return a function that lets the driver of the `lifecycle` marker go through a step of its life."""
    item = request.node
    marker = item.get_closest_marker(_MARKER)
    if marker is None or not hasattr(request, "param"):
        raise UsageError("the fixture life wants @pytest.mark.lifecycle(DRIVER) on the test")
    module, known = _read_marker(*marker.args, **marker.kwargs)
    platform, wanted = platform_of(item, rustbed_arch)
    step = str(request.param)
    is_directory = isinstance(module, Path) or (item.path.parent / module).is_dir()
    found = build_module(module) if is_directory else platform.kernel.require_module(str(module)).path
    facts = read_module(found)
    known.setdefault("device", find_device(facts.aliases, rustbed_arch))
    setup = str(known.pop("setup", ""))
    driver = Driver(module=found if is_directory else facts.name, facts=facts, **known)
    if callable(driver.device):
        require_model(driver.device)
    is_unplugged = step in PLUGGING
    if not is_unplugged:
        wanted = _with_hardware(wanted, driver, rustbed_arch)

    def live() -> None:
        instruments = instruments_of(item, platform.kernel)
        spec = spec_of(item, platform, wanted)
        try:
            with (
                run_of(request).machine(platform, spec, instruments, from_boot=False) as vm,
                nullcontext() if is_unplugged else _with_model(vm, driver),
            ):
                if setup:
                    vm.check(setup)
                STEPS[step](Subject(vm=vm, driver=driver))
        except NotApplicableError as error:
            pytest.skip(str(error))

    return live


def _read_marker(driver: str | Path, **known: Any) -> tuple[str | Path, dict[str, Any]]:
    """Return the driver, and what the marker says of it. Raises UsageError."""
    if unknown := sorted(set(known) - set(_KEYWORDS)):
        raise UsageError(f"lifecycle has no {', '.join(unknown)}", choices=", ".join(_KEYWORDS))
    return driver, known


def require_model(make: Callable[[], Model]) -> None:
    """Raise UsageError for what makes no device, before a machine is started for it."""
    try:
        made = make()
    except Exception as error:
        name = getattr(make, "__name__", repr(make))
        raise UsageError(f"{name}() raised {type(error).__name__}: {error}") from error
    device_of(made)


def _with_hardware(wanted: MachineRequest, driver: Driver, arch: Arch) -> MachineRequest:
    """Return the machine with something to bind to, unless the test says itself what that is."""
    if callable(driver.device) and not arch.hotplug_port:
        return wanted.updated({"devices": [*wanted.hardware.devices, driver.device()]})
    if wanted.hardware.devices or wanted.platform_devices or wanted.device_tree or wanted.acpi:
        return wanted
    if driver.device is not None:
        # one written in Python is plugged in: no machine that was booted with it can be copied
        return wanted if callable(driver.device) else wanted.updated({"devices": [driver.device]})
    return wanted.updated(find_hardware(driver.facts.aliases, arch))


def _with_model(vm: Vm, driver: Driver) -> AbstractContextManager[object]:
    """Plug in the driver's device if it is written in Python, and the machine was not booted with it."""
    has_slots = bool(vm.kernel.arch.hotplug_port)
    return vm.plugged(driver.device()) if callable(driver.device) and has_slots else nullcontext()
