"""The shell of --on-failure, for what it says to a person."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from rustbed.arch import Arch
from rustbed.host import Qemu
from rustbed.machine.live import Live
from rustbed.repro.interactive import stop_at_failure


class Machine:
    """A machine that lives."""

    arch = "x86_64"

    def end_transcript(self) -> None:
        pass


def no_qemu(arch: Arch) -> Qemu:
    raise AssertionError(arch)


def test_ctrl_c_ends_the_shell_and_not_what_comes_after_it() -> None:
    said: list[str] = []

    def ask(prompt: str) -> str:
        said.append(prompt)
        raise KeyboardInterrupt

    stop_at_failure(Path("/nowhere"), [cast(Live, Machine())], no_qemu, ask, said.append)
    assert said[-2:] == ["x86_64# ", "\ninterrupted: the shell has ended, the session goes on"]
