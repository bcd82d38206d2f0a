"""Measures the time to the first verdict on a host with an empty cache and a pack on a web server."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from rustbed import process
from rustbed.bench.forked import DRIVER
from rustbed.cache import Cache
from rustbed.errors import HostError
from rustbed.host import native_arch
from rustbed.packs.oci import Pack
from rustbed.packs.place import parse_place
from rustbed.packs.push import push_kernel, push_qemu
from rustbed.packs.transport import Store
from rustbed.packs.verify import name_pack
from rustbed.packs.wanted import describe_wanted
from rustbed.prepare import Platform
from rustbed.progress import ignore
from rustbed.toolroot.emulator import SUITE
from rustbed.toolroot.packages import fetch_package

# bytes in a second: 20 Mbit/s
_RATE = 20e6 / 8
_CHUNK = 1 << 14
_TEST = f'def test_first(vm):\n    with vm.module("{DRIVER}"):\n        pass\n'
# seconds; shorter than a build of a kernel, which must not happen here
_LIMIT_S = 600.0


@dataclass
class _Line:
    """A line whose bandwidth all connections share."""

    rate: float
    # bytes sent as bodies
    sent: int = 0
    _free_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, size: int) -> None:
        """Wait as long as that many bytes take."""
        with self._lock:
            self._free_at = max(self._free_at, time.monotonic()) + size / self.rate
            self.sent += size
            until = self._free_at
        time.sleep(max(0.0, until - time.monotonic()))


@contextmanager
def serve(directory: Path, line: _Line) -> Iterator[str]:
    """Serve a directory on loopback, as fast as the line; yield the address."""

    class Handler(SimpleHTTPRequestHandler):
        def copyfile(self, source: Any, outputfile: Any) -> None:
            """Send a file through the line."""
            while chunk := source.read(_CHUNK):
                line.send(len(chunk))
                outputfile.write(chunk)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(directory))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _push(platform: Platform, cache: Cache, directory: Path) -> None:
    """Put a platform's kernel and its QEMU into a store."""
    kernel, image, toolchain = platform.kernel, platform.image, platform.toolchain
    if (native := native_arch()) is None:
        raise HostError("there are no packages of QEMU for this host's architecture")
    wanted = describe_wanted(kernel.source, kernel.arch, kernel.profile, (), image.spec)
    push_kernel(kernel, image, wanted, directory, toolchain=toolchain, cache=cache, report=ignore)
    package = fetch_package(
        kernel.arch.qemu_package,
        native.debian_arch,
        toolchain=toolchain,
        cache=cache,
        report=ignore,
        suite=SUITE,
        with_dependencies=True,
    )
    push_qemu(package, native.debian_arch, directory, ignore)


def _measure(platform: Platform, store: Path, line: _Line, work: Path) -> float:
    """Return the seconds from the command to the end of a session with one test."""
    (work / "test_first.py").write_text(_TEST)
    pin = Store(place=parse_place(str(store))).index().digest
    with serve(store, line) as address:
        began = time.monotonic()
        argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_first.py"]
        process.run(
            [*argv, f"--rustbed-arch={platform.kernel.arch}", f"--rustbed-cache-from={address}@{pin}"],
            attempted="the first test",
            cwd=work,
            env={"RUSTBED_CACHE": str(work / "cache")},
            timeout_s=_LIMIT_S,
        )
        return time.monotonic() - began


def _render(platform: Platform, packs: Sequence[Pack], sent: int, took: float) -> str:
    parts = [
        f"  {name:<9}{blob.size / 1e6:>7.1f} MB  {blob.size / _RATE:>6.1f} s  {name_pack(pack)}"
        for pack in packs
        for name, blob in pack.parts.items()
    ]
    total = f"{sent / 1e6:.1f} MB came at 20 Mbit/s ({sent / _RATE:.1f} s of it)"
    return "\n".join([f"{platform.name}: first verdict after {took:.1f} s; {total}", *parts])


def bench_first_verdict(platforms: Sequence[Platform], _runs: int, cache: Cache) -> str:
    """Render, for each platform, the time to the first verdict on an empty cache, and a pack's parts.

    QEMU is in the pack, with its libraries: nothing comes from elsewhere.
    """
    rows = []
    for platform in platforms:
        with tempfile.TemporaryDirectory(prefix="rustbed-") as scratch:
            store, work, line = Path(scratch, "store"), Path(scratch, "work"), _Line(rate=_RATE)
            work.mkdir()
            _push(platform, cache, store)
            took = _measure(platform, store, line, work)
            opened = Store(place=parse_place(str(store)))
            packs = [opened.pack(pack.blob) for pack in opened.packs()]
            rows.append(_render(platform, packs, line.sent, took))
    return "\n".join(rows)
