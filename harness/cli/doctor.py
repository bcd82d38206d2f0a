"""`rustbed doctor`: shows what is here, what is missing, and the command that fixes it."""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rustbed import host
from rustbed.arch import ARCHES, DEFAULT_ARCHES
from rustbed.cli.arguments import choices_of
from rustbed.cli.terminal import say
from rustbed.errors import HarnessError
from rustbed.options import add_options
from rustbed.prepare import Choices
from rustbed.progress import plural
from rustbed.toolroot.emulator import find_qemu_root

# GiB: the toolroot, one source, and build trees of three architectures (measured: 2.3, 1.8, 3 x 0.8)
_DISK_GIB = 15.0
_MEMORY_MIB = 2048


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of one check."""

    what: str
    ok: bool
    detail: str
    # a command or an option; empty when all is well
    fix: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that choose programs and the cache."""
    add_options(parser.add_argument, ("toolchain", "qemu", "cache"))


def run(args: argparse.Namespace) -> int:
    """Return 0 if everything needed is here, else 1. Raises UsageError."""
    findings = examine(choices_of(args))
    say(render(findings))
    return 0 if all(finding.ok for finding in findings) else 1


def examine(choices: Choices) -> list[Finding]:
    """Check everything that the harness needs, without changing anything."""
    return [
        *_programs(),
        *_resources(choices.cache_root),
        *_cached(choices),
        *_qemu(choices),
        *_accelerators(),
    ]


def _programs() -> Iterator[Finding]:
    packages = {"mmdebstrap": "mmdebstrap", "bwrap": "bubblewrap", "setpriv": "util-linux"}
    if os.getuid() != 0:
        packages["newuidmap"] = "uidmap"
    sudo = "" if os.getuid() == 0 else "sudo "
    for program, package in packages.items():
        path = shutil.which(program)
        yield Finding(
            what=program,
            ok=path is not None,
            detail=path or "not installed",
            fix="" if path else f"{sudo}apt-get install {package}",
        )


def _resources(root: Path) -> Iterator[Finding]:
    there = next(path for path in (root, *root.parents) if path.exists())
    free = shutil.disk_usage(there).free / 2**30
    yield Finding(
        what="disk",
        ok=free >= _DISK_GIB or (root / "kernels").exists(),
        detail=f"{free:.0f} GiB free for {root}",
        fix="" if free >= _DISK_GIB else f"free {_DISK_GIB:g} GiB, or set RUSTBED_CACHE to a larger disk",
    )
    memory = host.available_memory_mib()
    machines = f"{plural(host.cores(), 'core')}: {plural(host.worker_limit(256), 'machine')} at once"
    yield Finding(
        what="memory",
        ok=memory >= _MEMORY_MIB,
        detail=f"{memory} MiB available, {machines}",
        fix="" if memory >= _MEMORY_MIB else f"{_MEMORY_MIB} MiB are needed to build a kernel",
    )


def _cached(choices: Choices) -> Iterator[Finding]:
    for kind in ("toolroots", "sources", "kernels", "images", "templates"):
        directory = choices.cache_root / kind
        entries = [path for path in directory.glob("*") if not path.name.startswith(".")]
        detail = f"{len(entries)} cached" if entries else "none yet: made when first needed"
        yield Finding(what=kind, ok=True, detail=detail)


def _qemu(choices: Choices) -> Iterator[Finding]:
    """Yield the check of QEMU: the chosen one, that of the cache, or the host's."""
    cached = choices.toolchain == "toolroot" and choices.qemu is None
    toolroots = sorted(choices.cache_root.glob("toolroots/*/root"), key=os.path.getmtime)
    if cached and not toolroots:
        yield Finding(what="qemu", ok=True, detail="comes with the toolroot")
        return
    for arch in ARCHES.values() if cached else DEFAULT_ARCHES:
        root = find_qemu_root(arch, toolroots[-1], choices.cache) if cached else None
        if cached and root is None:
            yield Finding(what=f"qemu {arch}", ok=True, detail="fetched when first needed")
            continue
        try:
            version = ".".join(map(str, host.find_qemu(arch, toolroot=root, chosen=choices.qemu).version))
            yield Finding(what=f"qemu {arch}", ok=True, detail=version)
        except HarnessError as error:
            fix = str(error.facts.get("fix", ""))
            yield Finding(what=f"qemu {arch}", ok=False, detail=error.headline, fix=fix)


def _accelerators() -> Iterator[Finding]:
    native = host.native_arch()
    conceivable = native is not None and host.kvm_is_conceivable(native)
    detail = (
        f"/dev/kvm opens; the first {native} machine tries it"
        if conceivable
        else "no usable /dev/kvm: machines are emulated"
    )
    yield Finding(what="kvm", ok=True, detail=detail)


def render(findings: list[Finding]) -> str:
    """Render the findings, a line each, followed by the fix if there is one."""
    width = max(len(finding.what) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.what:<{width}}  {finding.detail}")
        if not finding.ok and finding.fix:
            lines.append(f"{'':{width + 6}}  fix: {finding.fix}")
    return "\n".join(lines)
