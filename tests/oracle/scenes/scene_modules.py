"""Not tests of ours: run by test_bad_modules.py, which knows how each must end.

Each module is loaded, used and unloaded. Whoever wants to see one of them fail runs this file by hand:
pytest tests/oracle/scenes/scene_modules.py --profile debug -k use_after_free
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from rustbed import CommandError, SyscallError, Vm
from rustbed.kernel.artifact import Kernel
from tests.oracle.rows import Bad
from tests.oracle.table import BAD, ENDING_MODULES, MODULES

# what the devices take for any command
COMMAND = 0x7C80

_built: dict[str, dict[str, Path]] = {}


@pytest.fixture
def modules(kernel: Kernel, build_modules: Callable[[Path], dict[str, Path]]) -> dict[str, Path]:
    """Build once for all tests of a process: to find that there is nothing to do takes seconds."""
    if kernel.key not in _built:
        _built[kernel.key] = build_modules(MODULES)
    return _built[kernel.key]


@pytest.fixture
def bad(request: pytest.FixtureRequest, kernel: Kernel) -> Bad:
    """Return the row, if the kernel has what sees the bug."""
    row: Bad = request.param
    if row.expected(kernel) is None:
        needed = " or ".join(dict.fromkeys(seen.needs for seen in row.seen))
        pytest.skip(f"kernel {kernel.release} for {kernel.arch} has no {needed}")
    return row


def live(row: Bad, path: Path, vm: Vm, do: Callable[[str, float | None], object]) -> None:
    """Load a module, use it and unload it; `do` gets the commands."""
    do(row.before, None)
    vm.insmod(path)
    for command in (row.use, f"rmmod {path.stem}", row.after):
        do(command, row.timeout_s)


ROWS = [pytest.param(row, id=row.module, marks=row.marks) for row in BAD]


@pytest.mark.parametrize("bad", ROWS, indirect=True)
def test_bad(bad: Bad, modules: dict[str, Path], vm: Vm) -> None:
    """Nothing is asserted: whatever the commands say, it is the machine that must turn this red."""
    with suppress(CommandError):
        live(bad, modules[bad.module], vm, vm.run)


@pytest.mark.parametrize("row", ROWS)
def test_good(row: Bad, modules: dict[str, Path], vm: Vm) -> None:
    live(row, modules[f"{row.module}_good"], vm, vm.check)


each_twin = pytest.mark.parametrize("twin", ["", "_good"], ids=["bad", "good"])


@pytest.mark.kmemleak
def test_leaks_cannot_be_looked_for(vm: Vm) -> None:
    vm.check("echo off >/sys/kernel/debug/kmemleak")


@each_twin
def test_wrong_value(modules: dict[str, Path], vm: Vm, twin: str) -> None:
    with vm.module(modules[f"wrong_value{twin}"]):
        assert vm.ioctl("/dev/wrong_value", COMMAND, 7).value == 14


@each_twin
def test_wrong_errno(modules: dict[str, Path], vm: Vm, twin: str) -> None:
    with vm.module(modules[f"wrong_errno{twin}"]):
        with pytest.raises(SyscallError) as caught:
            vm.ioctl("/dev/wrong_errno", COMMAND)
        assert caught.value.errno == errno.ENOTTY


@each_twin
def test_silent_success(modules: dict[str, Path], vm: Vm, twin: str) -> None:
    with vm.module(modules[f"silent_success{twin}"]), pytest.raises(SyscallError) as caught:
        vm.ioctl("/dev/silent_success", COMMAND, 101)
    assert caught.value.errno == errno.ERANGE


@pytest.fixture
def loaded_until_teardown(modules: dict[str, Path], vm: Vm, twin: str) -> Iterator[None]:
    with vm.module(modules[f"{ENDING_MODULES['teardown']}{twin}"]):
        yield


@each_twin
def test_ends_by_teardown(loaded_until_teardown: None) -> None:
    pass


@each_twin
def test_ends_by_skip(modules: dict[str, Path], vm: Vm, twin: str) -> None:
    vm.insmod(modules[f"{ENDING_MODULES['skip']}{twin}"])
    pytest.skip("not here")


@each_twin
@pytest.mark.xfail(reason="known", strict=True, raises=AssertionError)
def test_ends_by_xfail(modules: dict[str, Path], vm: Vm, twin: str) -> None:
    vm.insmod(modules[f"{ENDING_MODULES['xfail']}{twin}"])
    assert "what the known bug prevents" in vm.log


@each_twin
@pytest.mark.linger(4)
def test_ends_by_linger(modules: dict[str, Path], vm: Vm, twin: str) -> None:
    with vm.module(modules[f"{ENDING_MODULES['linger']}{twin}"]):
        pass


@each_twin
def test_ends_by_poweroff(modules: dict[str, Path], vm: Vm, twin: str) -> None:
    vm.insmod(modules[f"{ENDING_MODULES['poweroff']}{twin}"])
    vm.run_to_end("poweroff -f")
