"""A store with a small kernel, in a directory and on a web server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.packing import FACTS, WANTED, Server, local

from rustbed.arch import ARCHES
from rustbed.cache import OWN_FILES, Cache
from rustbed.packs import kernelfile
from rustbed.packs.kernelfile import SOURCE
from rustbed.packs.pull import find_packed
from rustbed.packs.push import push_parts
from rustbed.packs.sdk import SDK
from rustbed.prepare import Choices
from rustbed.progress import ignore


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return a store with one pack, of a kernel that nobody can boot."""
    files = tmp_path / "files"
    files.mkdir()
    boot = {kernelfile.FACTS: FACTS, kernelfile.IMAGE: "image", kernelfile.INITRAMFS: "cpio", "config": "C"}
    symbols = {kernelfile.VMLINUX: "v" * 300_000}
    sdk = {"source/Makefile": "VERSION = 7", "build/.config": "CONFIG_RUST=y"}
    parts: dict[str, dict[str, Path]] = {}
    boot["modules/edu.ko"] = "edu"
    for part, contents in (("boot", boot), ("symbols", symbols), (SDK, sdk)):
        parts[part] = {}
        for name, text in contents.items():
            path = files / f"{part}-{name.replace('/', '-')}"
            path.write_text(text)
            parts[part][name] = path
    directory = tmp_path / "store"
    push_parts(directory, WANTED.facts() | {"release": "7.3.4"}, parts, "amd64", ignore)
    return directory


@pytest.fixture
def wanted_store(store: Path, tmp_path: Path) -> Path:
    """Return a store with a kernel of this rustbed's own recipe, too."""
    source = tmp_path / "SOURCE"
    source.write_text("Linux 7.3.4, GPL-2.0-only.\n")
    # not in a test's own cache, where it would be found
    packed = find_packed(WANTED, [local(store)], Cache(tmp_path / "unpacked"))
    parts = {name: files_of(packed.part(name, ignore)) for name in ("boot", "symbols", SDK)}
    facts = Choices().wanted(ARCHES["x86_64"]).facts() | {"release": "7.3.4"}
    push_parts(store, facts, {**parts, SOURCE: {"SOURCE": source}}, "amd64", ignore)
    return store


def files_of(part: Path) -> dict[str, Path]:
    found = (path for path in part.rglob("*") if path.is_file() and path.name not in OWN_FILES)
    return {path.relative_to(part).as_posix(): path for path in found}


@pytest.fixture
def server(store: Path) -> Iterator[Server]:
    """Serve the store."""
    made = Server(address="")

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            if not made.fault(self):
                super().do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(store))) as http:
        http.daemon_threads = True
        made.address = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        http.shutdown()
        thread.join()
