"""Fetches and unpacks archives of kernel sources.

Knows neither their origin nor the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from pathlib import Path

from rustbed import process
from rustbed.errors import HostError, UsageError
from rustbed.progress import Progress, Report
from rustbed.toolroot import mirror
from rustbed.toolroot.toolchain import Toolchain

# files in a recent kernel tree; an estimate for the progress bar
_FILES = 97_000
_CHUNK = 1 << 20


def download(url: str, to: Path, report: Report, largest: float = inf) -> None:
    """Fetch a URL into a file. Raises HostError if that fails or breaks off.

    Raises UsageError if it has more than `largest` bytes, and OSError if the disk fails.
    """
    # most sessions fetch nothing
    import http.client  # noqa: PLC0415
    import urllib.request  # noqa: PLC0415

    what = f"fetching {url}"
    try:
        with urllib.request.urlopen(url, timeout=30) as answer, to.open("wb") as sink:  # noqa: S310, http(s) by callers
            total = int(answer.headers.get("Content-Length") or 0)
            done = 0
            while chunk := answer.read(_CHUNK):
                done += len(chunk)
                if done > largest:
                    raise UsageError(f"{url} has more than {largest:.0f} bytes")
                sink.write(chunk)
                report(Progress(what=what, done=done // _CHUNK, total=total // _CHUNK, detail="MiB"))
    except (OSError, http.client.HTTPException) as error:
        # URLError is an OSError, too: it has no errno, while ENOSPC is an error of the disk
        if getattr(error, "errno", None) is not None and not hasattr(error, "reason"):
            raise
        reason = getattr(error, "reason", error)
        raise HostError(f"cannot fetch {url}: {reason}", fix="check the address and the network") from error
    if total and done != total:
        raise HostError(f"the download of {url} broke off: {done} of {total} bytes came", fix="try again")
    report(Progress(what=what, finished=True))


def extract_member(deb: Path, member: str, toolchain: Toolchain, log: Path) -> Path:
    """Extract one file of a Debian package, write it beside the package and return its path."""
    to = deb.parent / Path(member).name
    script = f"dpkg-deb --fsys-tarfile '{deb.name}' | tar -xO '{member}' > '{to.name}'"
    argv = ["bash", "-o", "pipefail", "-c", script]
    _run(argv, deb.parent, deb.parent, toolchain, log, attempted=f"unpacking {deb.name}")
    return to


def unpack_package(deb: Path, to: Path, toolchain: Toolchain, log: Path) -> None:
    """Unpack a Debian package's files into an existing directory."""
    path = f"{toolchain.seen(deb.parent, '/work')}/{deb.name}"
    argv = ["dpkg-deb", "-x", path, toolchain.seen(to, "/build")]
    _run(argv, to, deb.parent, toolchain, log, attempted=f"unpacking {deb.name}")


def unpack_archive(
    archive: Path, to: Path, *, what: str, toolchain: Toolchain, log: Path, report: Report
) -> None:
    """Unpack an archive with one top-level directory; its contents become the directory `to`."""
    done = 0

    def on_line(_line: str) -> None:
        nonlocal done
        done += 1
        if done % 500 == 0:
            report(Progress(what=f"unpacking {what}", done=min(done, _FILES), total=_FILES, detail="files"))

    to.mkdir()
    path = f"{toolchain.seen(archive.parent, '/work')}/{archive.name}"
    tar = ["tar", "-xv", "--no-same-owner", "--strip-components=1", "-f", path]
    _run(tar, to, archive.parent, toolchain, log, attempted=f"unpacking {archive.name}", on_line=on_line)
    report(Progress(what=f"unpacking {what}", done=_FILES, total=_FILES, finished=True))


def _run(
    argv: list[str],
    directory: Path,
    readable: Path,
    toolchain: Toolchain,
    log: Path,
    *,
    attempted: str,
    on_line: Callable[[str], None] | None = None,
) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    command = toolchain.command(
        argv,
        binds=[(directory, "/build")],
        read_only=[(readable, "/work")],
        cwd=toolchain.seen(directory, "/build"),
        # archives of kernels have many blocks, which can be unpacked on all cores
        env={"XZ_OPT": "-T0"},
    )
    if process.run_logged(command, log=log, on_line=on_line) != 0:
        raise mirror.failure(attempted, log)
    # the log only lists all files
    log.unlink()
