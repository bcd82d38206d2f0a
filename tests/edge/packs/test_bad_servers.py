"""Servers that fail, break off, flood, trickle, move or say what is not so."""

from __future__ import annotations

import socket
import threading
import time
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest
from tests.packing import WANTED, Fault, Server, blob_path, entries, local, pinned

from rustbed.cache import Cache
from rustbed.packs import oci
from rustbed.packs.oci import Blob, PackError
from rustbed.packs.place import parse_place
from rustbed.packs.pull import find_packed
from rustbed.packs.transport import Store, Waiting
from rustbed.progress import ignore


def status(code: int) -> Fault:
    def fault(handler: SimpleHTTPRequestHandler) -> bool:
        handler.send_error(code)
        return True

    return fault


def cut(handler: SimpleHTTPRequestHandler) -> bool:
    """Promise a large blob and die half-way."""
    if len(handler.path) < 20:
        return False
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(b"x" * 10)
    return True


def flood(handler: SimpleHTTPRequestHandler) -> bool:
    """Send more than what was said, without an end."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b"x" * 65536)
    return True


def reset(handler: SimpleHTTPRequestHandler) -> bool:
    handler.connection.close()
    return True


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (status(404), "the server says 404"),
        (status(401), "the server says 401"),
        (status(500), "the server says 500"),
        (cut, "broke off|SHA-256 differs"),
        (flood, "more than|broke off"),
        (reset, "."),
    ],
)
def test_a_server_that_fails_is_an_error_of_one_line_and_nothing_is_left(
    server: Server, store: Path, cache: Cache, fault: Fault, why: str
) -> None:
    server.fault = fault
    with pytest.raises(PackError, match=why) as caught:
        find_packed(WANTED, [pinned(server, store)], cache)
    assert "\n" not in str(caught.value)
    assert entries(cache) == []


def test_a_server_that_is_away_is_named_with_the_reason_only(store: Path, cache: Cache) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        # nobody listens there
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(PackError, match=f"^{address}/blobs/sha256/[0-9a-f]+: Connection refused$"):
            find_packed(WANTED, [pinned(Server(address), store)], cache)


def only(path: Path, fault: Fault) -> Fault:
    return lambda handler: handler.path.endswith(path.name) and fault(handler)


@pytest.mark.parametrize("fault", [status(404), cut, flood, reset])
def test_a_part_that_breaks_off_leaves_nothing_and_comes_whole_the_next_time(
    server: Server, store: Path, cache: Cache, fault: Fault
) -> None:
    server.fault = only(blob_path(store, "boot"), fault)
    packed = find_packed(WANTED, [pinned(server, store)], cache)
    with pytest.raises(PackError):
        packed.kernel(ignore)
    assert entries(cache) == []
    server.fault = lambda handler: False
    assert packed.kernel(ignore)[0].release == "7.3.4"


def test_a_damaged_part_comes_from_the_next_place(server: Server, store: Path, cache: Cache) -> None:
    boot = blob_path(store, "boot")

    def flip(handler: SimpleHTTPRequestHandler) -> bool:
        data = bytearray(boot.read_bytes())
        data[-1] ^= 1
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(data)
        return True

    server.fault = only(boot, flip)
    place = pinned(server, store)
    with pytest.raises(PackError, match="SHA-256 differs"):
        find_packed(WANTED, [place], cache).kernel(ignore)
    assert find_packed(WANTED, [place, local(store)], cache).kernel(ignore)[0].release == "7.3.4"


def test_an_index_that_is_not_the_pinned_one_is_refused(server: Server, store: Path, cache: Cache) -> None:
    def other(handler: SimpleHTTPRequestHandler) -> bool:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(oci.render_index([]))
        return True

    server.fault = other
    with pytest.raises(PackError, match="SHA-256 differs"):
        find_packed(WANTED, [pinned(server, store)], cache)


def test_redirections_are_followed_and_what_comes_is_verified(
    server: Server, store: Path, cache: Cache
) -> None:
    def moved(handler: SimpleHTTPRequestHandler) -> bool:
        if handler.path.startswith("/blobs"):
            return False
        handler.send_response(307)
        handler.send_header("Location", handler.path.removeprefix("/old"))
        handler.end_headers()
        return True

    server.fault = moved
    place = parse_place(f"{server.address}/old@{Store(place=local(store)).index().digest}")
    assert find_packed(WANTED, [place], cache).kernel(ignore)[0].release == "7.3.4"


def test_a_silent_server_is_given_up(server: Server, store: Path) -> None:
    ended = threading.Event()

    def silent(handler: SimpleHTTPRequestHandler) -> bool:
        ended.wait(30)
        return True

    server.fault = silent
    opened = Store(place=pinned(server, store), waiting=Waiting(silence_s=0.2))
    try:
        with pytest.raises(PackError, match=r"timed out|silent"):
            opened.packs()
    finally:
        ended.set()


def test_a_server_that_trickles_is_given_up(server: Server, store: Path, tmp_path: Path) -> None:
    def trickle(handler: SimpleHTTPRequestHandler) -> bool:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(1000):
            try:
                handler.wfile.write(b"x")
            except OSError:
                return True
            time.sleep(0.02)
        return True

    server.fault = trickle
    opened = Store(place=pinned(server, store), waiting=Waiting(silence_s=30, slowest=1e6, patience_s=0.2))
    with pytest.raises(PackError, match="too slow"):
        opened.fetch(Blob(digest="sha256:" + "0" * 64, size=100_000), tmp_path / "blob", "it", ignore)
