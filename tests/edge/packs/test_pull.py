from __future__ import annotations

import os
import shutil
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from tests.packing import WANTED, Server, blob_path, entries, local, pinned

from rustbed import checked
from rustbed.arch import ARCHES
from rustbed.cache import Cache
from rustbed.errors import HostError, suggest
from rustbed.packs.oci import PackError
from rustbed.packs.place import Kind, Place
from rustbed.packs.pull import fetch_qemu, find_packed
from rustbed.packs.push import prune, push_qemu
from rustbed.packs.sdk import HOST_FACT
from rustbed.packs.transport import Store
from rustbed.packs.verify import find_difference, find_faults
from rustbed.progress import Progress, ignore
from rustbed.toolroot.emulator import SUITE
from rustbed.toolroot.packages import Package, find_whole


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


def test_where_no_packs_are_it_is_said_how_they_come_there(tmp_path: Path) -> None:
    for place, lacks in ((tmp_path / "nosuch", "no such directory"), (tmp_path, "it has no index.json")):
        for use in (Store(place=local(place)).packs, partial(prune, place)):
            with pytest.raises(PackError, match=f"no packs are in {place}: .*{lacks}") as caught:
                use()
            assert caught.value.facts["fix"] == suggest(f"pack push {place}")


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
    # what an entry of the cache gets when it is older
    (unpacked / checked.NAME).touch()
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


def test_qemu_comes_from_a_pack_once_and_fits_the_host(store: Path, cache: Cache, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/qemu-system-x86_64").write_text("#!/bin/sh\n")
    (root / "usr/bin/qemu-system-x86_64").chmod(0o755)
    host, other = ARCHES["x86_64"], ARCHES["arm64"]
    package = Package(name=WANTED.arch.qemu_package, arch=host.debian_arch, version="1:11.1.3", root=root)
    push_qemu(package, host.debian_arch, store, ignore)
    with pytest.raises(PackError, match="has no qemu-system-x86 for arm64"):
        fetch_qemu(WANTED.arch, other, [local(store)], cache, ignore)
    fetched = fetch_qemu(WANTED.arch, host, [local(store)], cache, ignore)
    assert (fetched / "usr/bin/qemu-system-x86_64").stat().st_mode & 0o111
    shutil.rmtree(store)
    found = find_whole(package.name, host.debian_arch, SUITE, cache)
    assert found == fetched
