from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest
from tests.packing import WANTED, Fault, Server

from rustbed.cache import Cache
from rustbed.errors import HostError
from rustbed.packs import oci
from rustbed.packs.oci import Blob, PackError
from rustbed.packs.place import Kind, Place, parse_place
from rustbed.packs.pull import find_packed
from rustbed.packs.push import prune
from rustbed.packs.sdk import HOST_FACT
from rustbed.packs.transport import Store, Waiting
from rustbed.packs.verify import find_difference, find_faults
from rustbed.progress import Progress, ignore


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def local(store: Path) -> Place:
    return Place(kind=Kind.DIRECTORY, base=str(store))


def pinned(server: Server, store: Path) -> Place:
    return parse_place(f"{server.address}@{Store(place=local(store)).index().digest}")


def blob_path(store: Path, part: str) -> Path:
    opened = Store(place=local(store))
    (listed,) = opened.packs()
    return store / "blobs/sha256" / opened.pack(listed.blob).part(part).hex


def entries(cache: Cache) -> list[str]:
    """Return what is in the cache of packs, half or whole."""
    directory = cache.root / "packs"
    return sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []


def test_a_directory_gives_the_kernel_and_its_symbols_when_they_are_wanted(store: Path, cache: Cache) -> None:
    packed = find_packed(WANTED, [local(store)], cache)
    kernel, image = packed.kernel(ignore)
    assert (kernel.release, kernel.vmlinux, image.path.read_text()) == ("7.3.4", None, "cpio")
    assert kernel.require_module("edu").path.read_text() == "edu"
    assert len(entries(cache)) == 1
    vmlinux = packed.symbols(kernel, ignore).vmlinux
    assert vmlinux is not None
    assert vmlinux.stat().st_size == 300_000
    assert len(entries(cache)) == 2


def test_what_modules_are_compiled_with_comes_when_it_is_wanted(store: Path, cache: Cache) -> None:
    packed = find_packed(WANTED, [local(store)], cache)
    kernel, _ = packed.kernel(ignore)
    assert (kernel.source_dir, kernel.build_dir, len(entries(cache))) == (None, None, 1)
    made = packed.sdk(kernel, ignore)
    assert made.source_dir is not None
    assert made.build_dir is not None
    assert (made.source_dir / "Makefile").read_text() == "VERSION = 7"
    assert (made.build_dir / ".config").read_text() == "CONFIG_RUST=y"
    assert replace(made, source_dir=None, build_dir=None) == kernel


def test_compiling_needs_the_kind_of_host_that_made_the_pack(store: Path, cache: Cache) -> None:
    packed = find_packed(WANTED, [local(store)], cache)
    foreign = replace(packed, pack=replace(packed.pack, facts={**packed.pack.facts, HOST_FACT: "m68k"}))
    with pytest.raises(PackError, match="the pack's sdk has programs for m68k hosts"):
        foreign.sdk(foreign.kernel(ignore)[0], ignore)


def test_a_web_server_gives_the_same_and_is_not_asked_twice(
    server: Server, store: Path, cache: Cache
) -> None:
    place = pinned(server, store)
    assert find_packed(WANTED, [place], cache).kernel(ignore)[0].release == "7.3.4"
    # the pin leads to the index; the symbols are not fetched
    assert len(server.asked) == 3
    assert find_packed(WANTED, [place], cache).kernel(ignore)[0].release == "7.3.4"
    assert len(server.asked) == 3


def test_places_are_asked_in_their_order_until_one_has_it(server: Server, store: Path, cache: Cache) -> None:
    empty = Place(kind=Kind.DIRECTORY, base="/nowhere")
    packed = find_packed(WANTED, [empty, pinned(server, store), local(store)], cache)
    assert packed.kernel(ignore)[0].release == "7.3.4"
    assert server.asked


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


def test_ctrl_c_leaves_nothing(store: Path, cache: Cache) -> None:
    def interrupt(progress: Progress) -> None:
        raise KeyboardInterrupt

    packed = find_packed(WANTED, [local(store)], cache)
    with pytest.raises(KeyboardInterrupt):
        packed.kernel(interrupt)
    assert entries(cache) == []


def test_a_full_disk_is_named_and_leaves_nothing(store: Path, cache: Cache) -> None:
    def full(progress: Progress) -> None:
        raise OSError(28, os.strerror(28))

    packed = find_packed(WANTED, [local(store)], cache)
    with pytest.raises(HostError, match="no space left"):
        packed.kernel(full)
    assert entries(cache) == []


def test_two_sessions_fetch_a_part_once(server: Server, store: Path, cache: Cache) -> None:
    boot = blob_path(store, "boot").name
    packed = find_packed(WANTED, [pinned(server, store)], cache)
    threads = [threading.Thread(target=packed.kernel, args=(ignore,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path for path in server.asked if path.endswith(boot)] == [f"/blobs/sha256/{boot}"]


def test_a_whole_store_has_no_faults_and_each_damaged_or_missing_blob_is_one(store: Path) -> None:
    opened = Store(place=local(store))
    assert list(find_faults(opened, ignore)) == []
    data = bytearray(blob_path(store, "boot").read_bytes())
    data[10] ^= 1
    blob_path(store, "boot").write_bytes(data)
    blob_path(store, "symbols").unlink()
    faults = list(find_faults(opened, ignore))
    assert ["boot" in faults[0], "SHA-256 differs" in faults[0]] == [True, True]
    assert ["symbols" in faults[1], "No such file" in faults[1]] == [True, True]
    assert len(faults) == 2


def test_the_first_file_that_was_built_differently_is_named(
    store: Path, cache: Cache, tmp_path: Path
) -> None:
    unpacked = find_packed(WANTED, [local(store)], cache).part("boot", ignore)
    names = ("config", "image", "initramfs.cpio", "modules/edu.ko")
    built = {name: tmp_path / f"built-{number}" for number, name in enumerate(names)}
    for name, path in built.items():
        path.write_bytes((unpacked / name).read_bytes())
    assert find_difference(unpacked, built) is None
    built["modules/edu.ko"].write_text("Edu")
    assert find_difference(unpacked, built) == "modules/edu.ko differs"
    built["image"].write_text("an image of another size")
    assert find_difference(unpacked, built) == "image differs"
    del built["config"]
    assert find_difference(unpacked, built) == "config is in the pack and not built"
    built["a"] = tmp_path
    assert find_difference(unpacked, built) == "a is built and not in the pack"


def test_prune_removes_what_no_pack_names(store: Path, cache: Cache) -> None:
    stray = store / "blobs/sha256" / ("a" * 64)
    stray.write_bytes(bytes(100))
    assert prune(store) == 100
    assert not stray.exists()
    assert find_packed(WANTED, [local(store)], cache).kernel(ignore)[0].release == "7.3.4"
