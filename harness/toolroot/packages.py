"""Fetches Debian packages of any architecture into the cache: for guests, and programs for the host.

Uses apt with a private state, so that neither the host's apt
nor the toolroot's sees foreign architectures; apt verifies packages
by the archive's signature. Does not know the contents of a package.

The default suite is trixie's main one: it is complete for every
architecture, while backports may be incomplete at times. For a suite on top of
trixie, dependencies may come from either.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rustbed import process
from rustbed.cache import Cache, Facts
from rustbed.progress import Progress, Report
from rustbed.toolroot import mirror
from rustbed.toolroot.toolchain import Bind, Toolchain
from rustbed.toolroot.toolroot import BACKPORTS, SUITE

KIND = "packages"
# further suites that an incomplete one needs
_BELOW = {BACKPORTS: (SUITE,)}
# suites whose lists expire after a week, although mirrors may lag behind; only programs for guests, whose age
# does not matter, come from these
_DATED = ("forky",)

# packages are not installed, so no lock is needed
_WITH_DEPENDENCIES = (
    *("-o", "Debug::NoLocking=true"),
    *("install", "--download-only", "--yes", "--no-install-recommends"),
)

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_CERTIFICATES_INSIDE = "/tmp/ca-certificates.crt"  # noqa: S108, inside the toolroot


@dataclass(frozen=True, kw_only=True)
class Package:
    """An unpacked package."""

    name: str
    # Debian's name
    arch: str
    version: str
    # its files, with paths as below /, and possibly those of its dependencies
    root: Path


def fetch_package(
    name: str,
    debian_arch: str,
    *,
    toolchain: Toolchain,
    cache: Cache,
    report: Report,
    with_dependencies: bool = False,
    suite: str = SUITE,
    exactly: str = "",
) -> Package:
    """Return a package, fetched if it is not in the cache; a later call needs no network.

    The version is `exactly`, else the one that was current when it was
    fetched, until the cache is cleaned. With its dependencies a program runs on any host:
    see host.program_in. Raises HostError if it is unavailable.
    """
    of = f"{name}-{exactly}" if exactly else name
    key = _key(of, debian_arch, suite, with_dependencies=with_dependencies)
    what = f"package {name} for {debian_arch}"

    def fill(directory: Path) -> Facts:
        report(Progress(what=what, detail="fetching"))
        log = cache.root / "logs" / f"package-{key}.log"
        attempted = f"fetching {name}{f' {exactly}' if exactly else ''} for {debian_arch}"
        version = _Fetch(directory, toolchain, log, attempted, suite).fetch(
            name, debian_arch, with_dependencies=with_dependencies, exactly=exactly
        )
        report(Progress(what=what, finished=True))
        return {"package": name, "arch": debian_arch, "version": version}

    facts = cache.publish(
        KIND,
        key,
        fill,
        # not verified, because hashing thousands of files would take longer than using them
        check=() if with_dependencies else None,
        on_wait=lambda: report(Progress(what=what, detail="another process is fetching it")),
    )
    root = cache.path(KIND, key) / "root"
    return Package(name=name, arch=debian_arch, version=facts["version"], root=root)


def find_whole(name: str, debian_arch: str, suite: str, cache: Cache) -> Path | None:
    """Return the root of a package that was fetched with its dependencies, None if it was not."""
    key = _key(name, debian_arch, suite, with_dependencies=True)
    return cache.path(KIND, key) / "root" if cache.find(KIND, key, check=()) is not None else None


def publish_whole(
    name: str,
    debian_arch: str,
    suite: str,
    fill_root: Callable[[Path], None],
    *,
    version: str,
    cache: Cache,
) -> Path:
    """Return the root of a package with its dependencies, filled by `fill_root` if it is not in the cache.

    For packages that do not come from a Debian mirror.
    """
    key = _key(name, debian_arch, suite, with_dependencies=True)

    def fill(directory: Path) -> Facts:
        root = directory / "root"
        root.mkdir()
        fill_root(root)
        return {"package": name, "arch": debian_arch, "version": version}

    cache.publish(KIND, key, fill, check=())
    return cache.path(KIND, key) / "root"


def _key(name: str, debian_arch: str, suite: str, *, with_dependencies: bool) -> str:
    return f"{name}-{suite}-{debian_arch}{'-whole' if with_dependencies else ''}"


def render_sources(mirror_url: str, debian_arch: str, suite: str, keyring: Path | None) -> str:
    """Render a sources.list for one package: its suite, and the suites that this needs."""
    signed = f" signed-by={keyring}" if keyring else ""
    suites = (suite, *_BELOW.get(suite, ()))
    return "".join(f"deb [arch={debian_arch}{signed}] {mirror_url} {name} main\n" for name in suites)


def render_options(work: str, debian_arch: str) -> tuple[str, ...]:
    """Return apt's options for a private state in the directory `work`, for one architecture."""
    options = {
        "APT::Architecture": debian_arch,
        "APT::Architectures": debian_arch,
        "Dir::State": f"{work}/state",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": f"{work}/cache",
        "Dir::Etc::sourcelist": f"{work}/sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        # the user that apt would change to may have no access to the cache
        "APT::Sandbox::User": "root",
        # an unreachable mirror is an error, not a warning
        "APT::Update::Error-Mode": "any",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "Acquire::http::Timeout": "30",
        "Acquire::https::Timeout": "30",
    }
    return tuple(part for name, value in options.items() for part in ("-o", f"{name}={value}"))


class _Fetch:
    """One download into a directory, where `root` is made."""

    def __init__(self, directory: Path, toolchain: Toolchain, log: Path, attempted: str, suite: str) -> None:
        self._directory = directory
        self._toolchain = toolchain
        self._log = log
        self._attempted = attempted
        self._suite = suite
        # the directory's path for apt and dpkg-deb
        self._work = toolchain.seen(directory, "/work")

    def fetch(self, name: str, debian_arch: str, *, with_dependencies: bool, exactly: str) -> str:
        """Fetch and unpack a package and return its version."""
        if self._toolchain.root is None:
            process.require_program("apt-get", "apt")
            process.require_program("dpkg-deb", "dpkg")
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._log.write_bytes(b"")
        for inner in ("state/lists/partial", "cache/archives/partial"):
            (self._directory / inner).mkdir(parents=True)
        (self._directory / "sources.list").write_text(self._sources(debian_arch))
        apt = [
            "apt-get",
            *render_options(self._work, debian_arch),
            "-o",
            f"APT::Default-Release={self._suite}",
        ]
        if self._suite in _DATED:
            apt += ["-o", "Acquire::Check-Valid-Until=false"]
        if self._toolchain.root is not None:
            apt += ["-o", f"Acquire::https::CAInfo={_CERTIFICATES_INSIDE}"]
        self._run([*apt, "update"])
        wanted = f"{name}={exactly}" if exactly else name
        self._run([*apt, *(_WITH_DEPENDENCIES if with_dependencies else ("download",)), wanted])
        packages = sorted(self._directory.rglob("*.deb"))
        for package in packages:
            self._run(["dpkg-deb", "-x", self._seen(package), f"{self._work}/root"])
        (named,) = (package for package in packages if package.name.startswith(f"{name}_"))
        asked = ["dpkg-deb", "-f", self._seen(named), "Version"]
        version = process.run(self._command(asked), attempted=self._attempted)
        self._clean(packages)
        return version.text.strip()

    def _seen(self, path: Path) -> str:
        return f"{self._work}/{path.relative_to(self._directory)}"

    def _sources(self, debian_arch: str) -> str:
        known = Path(self._toolchain.root or "/", *_KEYRING.parts[1:]).exists()
        return render_sources(mirror.find_mirror(), debian_arch, self._suite, _KEYRING if known else None)

    def _command(self, argv: Sequence[str]) -> list[str]:
        binds: list[Bind] = [(self._directory, "/work")]
        certificates: list[Bind] = [(_CERTIFICATES, _CERTIFICATES_INSIDE)] if _CERTIFICATES.exists() else []
        return self._toolchain.command(
            argv, binds=binds, read_only=certificates, cwd=self._work, network=True
        )

    def _run(self, argv: Sequence[str]) -> None:
        if process.run_logged(self._command(argv), log=self._log) != 0:
            raise mirror.failure(self._attempted, self._log)

    def _clean(self, packages: Sequence[Path]) -> None:
        """Remove everything but the unpacked files."""
        for package in packages:
            package.unlink()
        (self._directory / "sources.list").unlink()
        for inner in ("state", "cache"):
            shutil.rmtree(self._directory / inner)
