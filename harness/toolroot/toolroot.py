"""The toolroot: a Debian root with compilers and QEMU, made once in the cache.

Owns the recipe; `toolroot.list` beside this file is the list of packages. toolchain.py
calls programs in it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from rustbed import cache as caching
from rustbed import process
from rustbed.cache import Cache, Facts
from rustbed.errors import HostError, UsageError
from rustbed.progress import Progress, Report
from rustbed.toolroot import mirror
from rustbed.toolroot.toolchain import (
    REQUIREMENTS,
    Bind,
    Toolchain,
    host_toolchain,
    identity_of,
    parse_version,
)

__all__ = ["Bind", "Toolchain", "open_toolchain", "parse_list", "parse_packages"]

KIND = "toolroots"
SUITE = "trixie"
BACKPORTS = "trixie-backports"
# incremented when the recipe changes in a way that its mmdebstrap command does not show
RECIPE = "1"
# GiB: the packages, the tar stream's source, and the result
_SPACE_GIB = 4.0
# lines of apt and dpkg that are steps: 236 packages fetched, unpacked and set up
_STEPS = ("Get:", "Unpacking ", "Setting up ")
_TOTAL = 709

# files that are left out of packages; of rust-src, the compiler's whole source, kernels only need the library
_DPKG = (
    "path-exclude=/usr/share/doc/*",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/lib/llvm-*/lib/libclang*.a",
    "path-exclude=/usr/src/rustc-*",
    "path-include=/usr/src/rustc-*/library/*",
)
_APT = (
    'Acquire::Languages "none"',
    'Acquire::Retries "3"',
    'Acquire::http::Timeout "30"',
    'Acquire::https::Timeout "30"',
)
# mount points for bubblewrap's binds, because the root is read-only by then
_MOUNT_POINTS = ("src", "build", "module", "work")
# further programs whose version is recorded
_ALSO = (("qemu", "qemu-system-x86_64"), ("pahole", "pahole"), ("dtc", "dtc"))


def parse_list(text: str) -> tuple[str, ...]:
    """Return the packages of a list, without comments. Raises UsageError if one is named twice."""
    names = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError("toolroot.list names a package twice", packages=", ".join(twice))
    return tuple(names)


def parse_packages(status: str) -> dict[str, str]:
    """Return the version of each package in the text of /var/lib/dpkg/status."""
    found = {}
    for paragraph in status.split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in paragraph.splitlines() if line[:1].strip() and ": " in line
        )
        if "Package" in fields and "Version" in fields:
            found[fields["Package"]] = fields["Version"]
    return dict(sorted(found.items()))


def render_argv(packages: tuple[str, ...], mirror_url: str, *, as_root: bool) -> list[str]:
    """Return the mmdebstrap command that writes the toolroot as a tar archive to its standard output."""
    return [
        "mmdebstrap",
        "--verbose",
        f"--mode={'root' if as_root else 'unshare'}",
        "--variant=minbase",
        "--skip=cleanup/apt/lists",
        *(f"--aptopt={option}" for option in _APT),
        *(f"--dpkgopt={option}" for option in _DPKG),
        f"--include={','.join(packages)}",
        SUITE,
        "-",
        f"deb {mirror_url} {SUITE} main",
        f"deb {mirror_url} {BACKPORTS} main",
    ]


def open_toolchain(
    choice: str,
    cache: Cache,
    report: Report,
    *,
    minimums: Mapping[str, str] | None = None,
) -> Toolchain:
    """Return the toolchain called "toolroot", made if it is not in the cache, or "host".

    Takes some milliseconds for a cached toolroot, and a minute or two
    to make one. `minimums` replaces minimum versions of the host's programs.
    Raises HostError, with a fix, and UsageError.
    """
    if choice == "host":
        return host_toolchain(minimums)
    if choice != "toolroot":
        raise UsageError(f"unknown toolchain {choice!r}", choices="toolroot, host")
    packages = _packages()
    key = _key(packages)
    facts = cache.publish(
        KIND,
        key,
        lambda directory: _make(directory, packages, cache.root / "logs" / f"toolroot-{key}.log", report),
        hashed=_is_entry_point,
        check=(),
        on_wait=lambda: report(Progress(what="toolroot", detail="another process is making it")),
    )
    return Toolchain(
        root=cache.path(KIND, key) / "root",
        versions=tuple(sorted(facts["versions"].items())),
        identity=identity_of(facts["versions"]),
    )


def find_toolroot(cache: Cache) -> Path | None:
    """Return the toolroot if it is in the cache, else None."""
    key = _key(_packages())
    return cache.path(KIND, key) / "root" if cache.find(KIND, key, check=()) is not None else None


def recipe_key() -> str:
    """Return the key of toolroots, whether or not one is cached."""
    return _key(_packages())


def _packages() -> tuple[str, ...]:
    return parse_list(Path(__file__).with_suffix(".list").read_text())


def _key(packages: tuple[str, ...]) -> str:
    return caching.hash_text(RECIPE, SUITE, *packages, *_APT, *_DPKG, *_MOUNT_POINTS)


def _is_entry_point(path: Path) -> bool:
    """Whether a file of a cached toolroot is checked: programs, and their libraries."""
    return path.parent.as_posix() in ("root/usr/bin", "root/usr/lib/llvm-19/bin") or ".so." in path.name


def _make(directory: Path, packages: tuple[str, ...], log: Path, report: Report) -> Facts:
    for program, package in (("mmdebstrap", None), ("bwrap", "bubblewrap")):
        process.require_program(program, package)
    caching.require_space(directory, _SPACE_GIB, "making the toolroot")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    root = directory / "root"
    root.mkdir()
    as_root = os.geteuid() == 0
    scratch = directory / "tmp"
    scratch.mkdir()
    argv = render_argv(packages, mirror.find_mirror(), as_root=as_root)
    report(Progress(what="toolroot", total=_TOTAL, detail="starting mmdebstrap"))
    # the users of an ordinary user's namespace may have no access to the cache, but they do to /var/tmp
    _unpack_stream(argv, root, log, _step_counter(report), Path(scratch if as_root else "/var/tmp"))  # noqa: S108
    shutil.rmtree(scratch)
    _furnish(root)
    facts = _describe(root)
    report(Progress(what="toolroot", done=_TOTAL, total=_TOTAL, finished=True))
    return facts


def _step_counter(report: Report) -> Callable[[str], None]:
    """Return a function that reports progress from mmdebstrap's lines."""
    done = 0

    def on_line(line: str) -> None:
        nonlocal done
        if line.startswith(_STEPS):
            done = min(done + 1, _TOTAL - 1)
            report(Progress(what="toolroot", done=done, total=_TOTAL, detail=line[:60]))

    return on_line


def _unpack_stream(argv: list[str], root: Path, log: Path, on_line: Callable[[str], None], tmp: Path) -> None:
    """Run mmdebstrap and unpack its tar stream into `root`, so that all files belong to the caller."""
    tar = ["tar", "-x", "-p", "-C", str(root), "--no-same-owner", "--exclude=./dev/*", "-f", "-"]
    env = {"TMPDIR": os.environ.get("TMPDIR", str(tmp)), "LC_ALL": "C.UTF-8"}
    with (
        log.open("ab") as sink,
        process.start(argv, stdout=process.PIPE, stderr=process.PIPE, env=env) as maker,
    ):
        assert maker.stdout is not None
        assert maker.stderr is not None
        with process.start(tar, stdin=maker.stdout.fileno(), stderr=sink.fileno()) as unpacker:
            # then only tar holds the pipe, and mmdebstrap notices if tar dies
            maker.stdout.close()
            for line in maker.stderr:
                sink.write(line)
                sink.flush()
                on_line(line.decode(errors="replace").rstrip("\n"))
            statuses = (maker.wait(), unpacker.wait())
    if any(statuses):
        raise mirror.failure("making the toolroot", log)


def _furnish(root: Path) -> None:
    """Make the mount points that a read-only root must have."""
    for name in _MOUNT_POINTS:
        (root / name).mkdir(exist_ok=True)
    for name in ("resolv.conf", "hosts"):
        path = root / "etc" / name
        if path.is_symlink() or not path.exists():
            path.unlink(missing_ok=True)
            path.write_text("")


def _describe(root: Path) -> Facts:
    """Return the exact versions in a toolroot. Raises HostError if its programs do not run."""
    packages = parse_packages((root / "var/lib/dpkg/status").read_text())
    toolchain = Toolchain(root=root, versions=(), identity="")
    asked = [(item.name, item.argv) for item in REQUIREMENTS]
    asked += [(name, (program, "--version")) for name, program in _ALSO]
    versions = {}
    for name, argv in asked:
        answer = process.run(toolchain.command(argv), attempted=f"trying {name} in the new toolroot")
        version = parse_version(answer.text)
        if version is None:
            raise HostError(f"{name} in the new toolroot does not say its version", said=answer.text)
        versions[name] = version
    return {"versions": versions, "packages": packages}
