"""Scenes, run directories and bundles made of nothing, for tests of what is done with them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.unit.machine.test_argv import spec_of

from rustbed.arch import ARCHES
from rustbed.guest.transcript import Command, Transcript
from rustbed.host import Qemu
from rustbed.machine.spec import MachineSpec
from rustbed.machine.specfile import render_machine
from rustbed.report.verdict import Outcome
from rustbed.repro.scene import Known, Scene

OOPS = Known(fingerprint="aaa", title="BUG: unable to handle page fault in toy")
WARNING = Known(fingerprint="bbb", title="WARNING in toy")


def scene(commands: tuple[Command, ...] = (), **facts: Any) -> Scene:
    given: dict[str, Any] = {
        "test": "tests/test_toy.py::test_toy[x86_64]",
        "outcome": Outcome.FAIL,
        "reason": "assert 1 == 2",
        "splats": (),
        "came": (),
        "spec": spec_of(ARCHES["x86_64"]),
        "commands": commands,
        "directory": Path("/nowhere"),
        "qemu": "11.1.3",
    }
    return Scene(**given | facts)


def told(text: str, at_s: float = 0.0, **facts: Any) -> Command:
    """Return a command that was answered at once, with status 0 and no output."""
    given: dict[str, Any] = {"answered_s": at_s + 0.01, "status": 0, "output": "0" * 64}
    return Command(text=text, at_s=at_s, **given | facts)


def real_spec(directory: Path, **changes: Any) -> MachineSpec:
    """Return a machine of files that are there."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("bzImage", "initramfs", "config"):
        (directory / name).write_text(name)
    spec = spec_of(ARCHES["x86_64"])
    kernel = replace(spec.kernel, image=directory / "bzImage", config=directory / "config")
    return replace(spec, **{"kernel": kernel, "initramfs": directory / "initramfs", **changes})


def make_run(directory: Path, **changes: Any) -> Path:
    """Make a run directory as a red test leaves it: an oops, at the second of three commands."""
    run = directory / "test_toy-test_toy-x86_64"
    run.mkdir()
    qemu = Qemu(program=("qemu",), version=(11, 1, 3))
    (run / "machine.json").write_text(render_machine(real_spec(directory / "files", **changes), qemu))
    log = Transcript(run / "transcript.jsonl", 0.0)
    log.command("cat >/x", b"hello\n")
    log.answer(0, b"")
    log.command("rmmod toy", None)
    log.answer(137, b"Killed\n")
    log.command("echo after", None)
    log.answer(0, b"after\n")
    log.close()
    splat = {"kind": "oops", "title": OOPS.title, "fatal": False, "fingerprint": "aaa"}
    verdict = {
        "test": "tests/test_toy.py::test_toy[x86_64]",
        "outcome": "fail",
        "reason": f"{OOPS.title}",
        "splats": [splat],
        "missing": [],
        "machines": [{"directory": ".", "splats": [splat], "ended": None}],
    }
    (run / "verdict.json").write_text(json.dumps(verdict))
    (run / "source").mkdir()
    (run / "source" / "test_toy.py").write_text("def test_toy(vm): ...\n")
    (run / "console.log").write_text("Linux version 7.3.4\n")
    return run
