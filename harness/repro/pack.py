"""Packs a run directory into a bundle."""

from __future__ import annotations

import re
from pathlib import Path

from rustbed import runfiles
from rustbed.bundle.archive import describe_file, write_bundle
from rustbed.bundle.manifest import BundleError, Manifest, check_path
from rustbed.bundle.relocate import relocate_machine
from rustbed.errors import UsageError
from rustbed.guest import transcript
from rustbed.machine.spec import MachineSpec
from rustbed.machine.specfile import describe_machine
from rustbed.repro import script
from rustbed.repro.scene import Scene, check_commands, check_machine, load_run

SUFFIX = ".rustbed.tar.gz"

# log files of a run
_LOGS = (
    *(runfiles.VERDICT, runfiles.CONSOLE, runfiles.KERNEL, runfiles.RECORDS),
    *(runfiles.SHELL, runfiles.MONITOR, runfiles.QEMU, runfiles.HANG),
)
# characters of a bundle's name, so that every path in it fits into a tar header
_NAME_LENGTH = 80


def pack_run(
    run: Path, target: Path | None, *, debug_info: bool, scratch: Path, version: str
) -> tuple[Path, Manifest]:
    """Write the bundle of a run directory, and return its path and manifest.

    `target` is a file or a directory, by default the current one. `scratch` is an
    empty directory. `debug_info` adds vmlinux and the modules with their
    symbols. Raises UsageError for a run that cannot be packed: its files are
    missing, or its machine has something that a bundle must not contain.
    """
    scene = load_run(run.resolve())
    spec, files = relocate_machine(scene.spec, debug_info=debug_info)
    files |= _evidence(run.resolve(), scene)
    files |= _scripts(scene, spec, scratch)
    manifest = Manifest(
        test=scene.test,
        outcome=scene.outcome,
        reason=scene.reason,
        splats=tuple((known.fingerprint, known.title) for known in scene.splats),
        came=tuple((known.fingerprint, known.title) for known in scene.came),
        machine=describe_machine(spec),
        argv=script.render_argv_of(spec),
        versions={
            "rustbed": version,
            "qemu": scene.qemu,
            "kernel": spec.kernel.release,
            "kernel source": spec.kernel.source,
        },
        files={check_path(name): describe_file(_require(path)) for name, path in files.items()},
    )
    _require_allowed(manifest, scene)
    path = _target(target, run)
    write_bundle(path, manifest, files)
    return path, manifest


def _require_allowed(manifest: Manifest, scene: Scene) -> None:
    """Raise UsageError for a machine that rustbed would refuse to start from a bundle."""
    try:
        check_machine(manifest)
        check_commands(scene.commands, manifest)
    except BundleError as error:
        raise UsageError("the machine of this run cannot travel in a bundle", why=str(error)) from error


def _require(path: Path) -> Path:
    if not path.is_file():
        raise UsageError(f"a file of the run is missing: {path}", fix="run the test again")
    return path


def _target(given: Path | None, run: Path) -> Path:
    """Return the bundle's path: the given file, or a name in the given directory."""
    name = re.sub(r"[^A-Za-z0-9_+\-]+", "-", run.resolve().name).strip("-")[:_NAME_LENGTH] + SUFFIX
    directory = Path() if given is None else given
    return directory / name if directory.is_dir() else directory


def _evidence(run: Path, scene: Scene) -> dict[str, Path]:
    """Return the files of a run: logs, the transcript, input of commands, the test's source."""
    found = {name: path for name in _LOGS if (path := scene.directory / name).is_file()}
    found[runfiles.VERDICT] = run / runfiles.VERDICT
    found[runfiles.TRANSCRIPT] = scene.directory / runfiles.TRANSCRIPT
    inputs = {command.stdin for command in scene.commands if command.stdin is not None}
    found |= {f"{transcript.INPUTS}/{name}": scene.directory / transcript.INPUTS / name for name in inputs}
    found |= {
        f"{runfiles.SOURCE}/{path.name}": path for path in (run / runfiles.SOURCE).glob("*") if path.is_file()
    }
    return found


def _scripts(scene: Scene, spec: MachineSpec, scratch: Path) -> dict[str, Path]:
    """Write run.sh and the files that it needs, and return them."""
    monitor = script.render_monitor(scene.commands)
    texts = {
        runfiles.REPEAT: script.render_script(spec, scene.test, with_monitor=bool(monitor)),
        script.COMMANDS: script.render_commands(scene.commands, scene.read_input),
    }
    if monitor:
        texts[script.MONITOR] = monitor
    for name, text in texts.items():
        (scratch / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    return {name: scratch / name for name in texts}
