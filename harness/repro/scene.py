"""A scene: one machine of a run, its commands, and how it ended. It is what gets reproduced.

Run directories and unpacked bundles are read into the same value.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rustbed import runfiles
from rustbed.bundle.allowed import check_argv, check_monitor
from rustbed.bundle.archive import unpack_bundle
from rustbed.bundle.manifest import BundleError, Manifest
from rustbed.errors import UsageError
from rustbed.guest import transcript
from rustbed.guest.transcript import Command, parse_transcript
from rustbed.log.fingerprint import fingerprint
from rustbed.log.splat import Splat
from rustbed.machine import specfile
from rustbed.machine.spec import MachineSpec
from rustbed.report.verdict import Outcome
from rustbed.repro.script import render_argv_of


@dataclass(frozen=True, kw_only=True)
class Known:
    """A splat, as another run can be searched for it: by fingerprint. The title is for people."""

    fingerprint: str
    title: str = field(compare=False)

    def __str__(self) -> str:
        """Return the title."""
        return self.title


def know(splat: Splat) -> Known:
    """Return the fingerprint and title of a splat."""
    return Known(fingerprint=splat.fingerprint or fingerprint(splat.kind, splat.title), title=splat.title)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One machine of one test."""

    test: str
    outcome: Outcome
    # one line
    reason: str
    # undeclared splats, fatal ones first
    splats: tuple[Known, ...]
    # all splats of the machine, declared or not
    came: tuple[Known, ...]
    spec: MachineSpec
    commands: tuple[Command, ...]
    # directory of the machine's files and of the input of its commands
    directory: Path = field(repr=False)
    # version of the QEMU that ran it
    qemu: str

    def read_input(self, digest: str) -> bytes:
        """Return the input of a command by its checksum. Raises UsageError."""
        path = self.directory / transcript.INPUTS / digest
        try:
            return path.read_bytes()
        except OSError as error:
            raise UsageError(f"the input of a command is missing: {path}: {error.strerror}") from error


def load_run(directory: Path) -> Scene:
    """Return the scene of a run directory.

    Of several machines, the one with the gravest undeclared splat is chosen; without such a splat the
    first that ended by itself; otherwise the first. Raises UsageError for a directory
    in which a file is missing or damaged.
    """
    verdict = _read_json(directory / runfiles.VERDICT)
    try:
        splats = _known(sorted(verdict["splats"], key=lambda splat: not splat["fatal"]))
        machine = _guilty(verdict["machines"], splats)
        machine_directory = directory / str(machine["directory"])
        described = _read_json(machine_directory / runfiles.MACHINE)
        return Scene(
            test=str(verdict["test"]),
            outcome=Outcome(verdict["outcome"]),
            reason=str(verdict["reason"]),
            splats=splats,
            came=_known(machine["splats"]),
            spec=specfile.parse_machine(described["machine"], machine_directory),
            commands=_read_transcript(machine_directory),
            directory=machine_directory,
            qemu=str(described["qemu"]),
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"{directory} is not a run directory that can be reproduced: {type(error).__name__}: {error}"
        ) from error


def _guilty(machines: list[dict[str, Any]], splats: tuple[Known, ...]) -> dict[str, Any]:
    if not machines:
        raise ValueError("the test had no machine")
    # a declared splat of another machine is not a fault
    guilty = [machine for machine in machines if set(splats[:1]) & set(_known(machine["splats"]))]
    ended = [machine for machine in machines if machine["ended"]]
    return (guilty or ended or machines)[0]


def _known(splats: list[dict[str, Any]]) -> tuple[Known, ...]:
    return tuple(
        Known(
            fingerprint=str(splat.get("fingerprint") or "")
            or fingerprint(str(splat["kind"]), str(splat["title"])),
            title=str(splat["title"]),
        )
        for splat in splats
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise UsageError(f"{path.parent} is not a run directory: it has no {path.name}") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path} is damaged")
    return found


def _read_transcript(directory: Path) -> tuple[Command, ...]:
    try:
        return parse_transcript((directory / runfiles.TRANSCRIPT).read_text(errors="surrogateescape"))
    except FileNotFoundError as error:
        raise UsageError(
            f"{directory} has no {runfiles.TRANSCRIPT}: the machine was never given a command"
        ) from error


def load_bundle(bundle: Path, directory: Path) -> Scene:
    """Unpack a bundle into an empty directory and return its scene.

    Raises BundleError for a bundle that is damaged, or that contains
    what a bundle must not.
    """
    manifest = unpack_bundle(bundle, directory)
    check_machine(manifest)
    commands = _read_transcript(directory)
    check_commands(commands, manifest)
    try:
        outcome = Outcome(manifest.outcome)
    except ValueError as error:
        raise BundleError(f"the bundle's manifest is damaged: {error}") from error
    return Scene(
        test=manifest.test,
        outcome=outcome,
        reason=manifest.reason,
        splats=tuple(Known(fingerprint=mark, title=title) for mark, title in manifest.splats),
        came=tuple(Known(fingerprint=mark, title=title) for mark, title in manifest.came),
        spec=_with_files(specfile.parse_machine(manifest.machine, directory), manifest, directory),
        commands=commands,
        directory=directory,
        qemu=manifest.versions.get("qemu", ""),
    )


def check_machine(manifest: Manifest) -> None:
    """Raise BundleError unless a bundle's machine is made of its own files and of allowed options alone."""
    spec = specfile.parse_machine(manifest.machine, Path())
    check_argv(render_argv_of(spec), spec.arch, manifest.files)
    check_argv(manifest.argv, spec.arch, manifest.files)


def check_commands(commands: tuple[Command, ...], manifest: Manifest) -> None:
    """Raise BundleError for a command to QEMU that no bundle may give, or one whose input is not there."""
    for command in commands:
        if command.arguments is not None:
            check_monitor(command.text, command.arguments)
        if command.stdin is not None and f"{transcript.INPUTS}/{command.stdin}" not in manifest.files:
            raise BundleError("the bundle lacks the input of a command", command=command.text[:200])


def _with_files(spec: MachineSpec, manifest: Manifest, directory: Path) -> MachineSpec:
    """Return a spec without the optional files that this bundle lacks: debug information."""
    there = {directory / name for name in manifest.files}
    kernel = replace(
        spec.kernel,
        modules={name: module for name, module in spec.kernel.modules.items() if module.path in there},
        vmlinux=spec.kernel.vmlinux if spec.kernel.vmlinux in there else None,
        config=spec.kernel.config if spec.kernel.config in there else None,
        source_dir=None,
        build_dir=None,
    )
    return replace(spec, kernel=kernel)


@contextmanager
def open_scene(path: Path) -> Iterator[Scene]:
    """Yield the scene of a run directory or a bundle; unpacked files are removed at the end."""
    if path.is_dir():
        yield load_run(path.resolve())
        return
    with TemporaryDirectory(prefix="rustbed-") as directory:
        yield load_bundle(path, Path(directory))
