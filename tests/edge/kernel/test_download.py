"""Fetching an archive from a server that does what it should, and from others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer

import pytest

from rustbed.errors import HostError
from rustbed.kernel.archive import download
from rustbed.progress import Progress, ignore

DATA = bytes(range(256)) * 10_000


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/gone":
            self.send_error(404, "Not Found")
            return
        self.send_response(200)
        if self.path != "/unsized":
            self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()
        self.wfile.write(DATA[: 1000 if self.path == "/half" else None])

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    def server_bind(self) -> None:
        # without asking a name server who we are
        TCPServer.server_bind(self)
        self.server_port = self.server_address[1]


@pytest.fixture
def server() -> Iterator[str]:
    with Server(("127.0.0.1", 0), Answer) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


@pytest.mark.parametrize("name", ["whole", "unsized"])
def test_an_archive_is_fetched(server: str, tmp_path: Path, name: str) -> None:
    reports: list[Progress] = []
    download(f"{server}/{name}", tmp_path / "x", reports.append)
    assert (tmp_path / "x").read_bytes() == DATA
    assert reports[-1].finished


def test_a_download_that_breaks_off_is_noticed(server: str, tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"broke off: 1000 of 2560000 bytes came"):
        download(f"{server}/half", tmp_path / "x", ignore)


def test_an_address_that_is_gone_is_named(server: str, tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"cannot fetch http://127.*/gone: Not Found"):
        download(f"{server}/gone", tmp_path / "x", ignore)


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"cannot fetch http://127\.0\.0\.1:9/x"):
        download("http://127.0.0.1:9/x", tmp_path / "x", ignore)


def test_a_full_disk_is_not_the_servers_fault(server: str) -> None:
    with pytest.raises(OSError, match="No space left on device"):
        download(f"{server}/whole", Path("/dev/full"), ignore)
