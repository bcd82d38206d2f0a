"""An interrupt while the kernel identifies its processor must not be reported as an access to wild memory."""

from __future__ import annotations

import re
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from rustbed import process
from rustbed.arch import Arch
from rustbed.machine.argv import file_chardev, render_bare_argv
from rustbed.options import read_choices
from rustbed.plugin.options import given
from rustbed.prepare import prepare
from rustbed.progress import ignore
from rustbed.symbols.functions import Functions
from tests.processes import wait_until

pytestmark = pytest.mark.arches("x86_64")

# for QEMU to begin, to reach the function and to print: seconds
_PATIENCE_S = 120

# called once before there is a console, and again when the kernel has forgotten its processor's features: it
# fills them in anew
_FUNCTION, _CALLS = "get_cpu_cap", 2

# what the kernel makes of the interrupt
_HEARD = re.compile("BUG: KASAN|NMI received for unknown reason")

# words of ours that keep a test's machine from what is shown here, and that let an NMI end it
_SHIELD, _DEADLY = "no5lvl", "unknown_nmi_panic"

_FINDING = pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="docs/findings/kasan-forgets-five-levels.md"
)


class _Debugger:
    """The few packets of GDB's remote protocol that stop a guest at a function and send it an NMI."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_PATIENCE_S)
        wait_until(lambda: self._socket.connect_ex(str(path)) == 0, "QEMU listens", _PATIENCE_S)
        self._stream = self._socket.makefile("rb")

    def ask(self, packet: str, wanted: str) -> None:
        """Send a packet, and fail if the answer does not begin as wanted."""
        self._socket.sendall(f"${packet}#{sum(packet.encode()) % 256:02x}".encode())
        answer = b""
        # an acknowledgement, a packet, and two digits of its sum
        while not answer.endswith(b"#"):
            if not (byte := self._stream.read(1)):
                break
            answer += byte
        self._stream.read(2)
        self._socket.sendall(b"+")
        if not answer.startswith(b"+$" + wanted.encode()):
            pytest.fail(f"QEMU answered {packet} by {answer!r}")

    def close(self) -> None:
        self._stream.close()
        self._socket.close()


@pytest.mark.parametrize(
    "without",
    [
        pytest.param({_DEADLY, _SHIELD}, marks=_FINDING, id="five-levels"),
        pytest.param({_DEADLY}, id="four-levels"),
    ],
)
def test_early_interrupt_is_no_access_to_wild_memory(
    without: set[str], arch: Arch, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    platform = prepare(arch, replace(read_choices(given(request.config)), profile="debug"), ignore)
    kernel = platform.kernel
    if kernel.vmlinux is None:
        pytest.skip("the kernel came without its symbols")
    (function,) = Functions(kernel.vmlinux.read_bytes()).named(_FUNCTION)
    assert without <= {*arch.cmdline}
    words = tuple(word for word in arch.cmdline if word not in without)
    spec = replace(platform.spec(), kernel=replace(kernel, arch=replace(arch, cmdline=words)), accel="tcg")
    console, stub = tmp_path / "console.log", tmp_path / "gdb"
    console.touch()
    argv = render_bare_argv(spec, platform.qemu.program, file_chardev(console))
    with process.start(
        [*argv, "-S", "-gdb", f"unix:path={stub},server=on,wait=off"], env=dict(platform.qemu.env)
    ):
        debugger = _Debugger(stub)
        for _ in range(_CALLS):
            debugger.ask(f"Z1,{function.address:x},1", "OK")
            debugger.ask("c", "T05")
            # a guest that goes on where it has been stopped would be stopped there at once
            debugger.ask(f"z1,{function.address:x},1", "OK")
            debugger.ask("s", "T05")
        debugger.ask(f"qRcmd,{b'nmi'.hex()}", "OK")
        debugger.ask("D", "OK")
        debugger.close()
        wait_until(lambda: _HEARD.search(_read(console)) is not None, f"the NMI is in {console}", _PATIENCE_S)
        assert "BUG: KASAN: wild-memory-access" not in _read(console)


def _read(console: Path) -> str:
    return console.read_text(errors="replace")
