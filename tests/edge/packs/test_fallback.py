from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.farms import SLOW_S
from tests.packing import Server, blob_path, entries, pinned

from rustbed import process
from rustbed.arch import ARCHES
from rustbed.cache import Cache
from rustbed.prepare import Choices


@pytest.fixture
def without_programs(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which a toolroot cannot be made: what is tried is seen, and ends soon."""
    (tmp_path / "bin").mkdir()
    # every program is started by these
    for name in ("setpriv", "sh"):
        (tmp_path / "bin" / name).symlink_to(process.require_program(name))
    return {"PATH": str(tmp_path / "bin"), "RUSTBED_CACHE": str(tmp_path / "cache")}


def boot(place: str, env: dict[str, str]) -> process.Completed:
    argv = [sys.executable, "-m", "rustbed.cli", "boot", "--arch", "x86_64", "--cache-from", place]
    return process.run([*argv, "--", "true"], attempted="booting", env=env, check=False, timeout_s=SLOW_S)


def test_without_a_pack_that_will_do_the_kernel_is_built(
    server: Server, store: Path, without_programs: dict[str, str]
) -> None:
    for place, why in (
        ("/nowhere", "no packs are in /nowhere: there is no such directory"),
        (str(store), "has a kernel for x86_64, but of another recipe"),
        (f"{server.address}@sha256:{'0' * 64}", "the server says 404"),
    ):
        ended = boot(place, without_programs)
        said = ended.stderr.decode()
        assert "no pack: " in said
        assert why in said
        assert "building x86_64 instead" in said
        # it went on to build
        assert (ended.status, "mmdebstrap" in said) == (3, True)


def cut(part: Path) -> None:
    part.write_bytes(part.read_bytes()[:20])


def damage(part: Path) -> None:
    whole = part.read_bytes()
    part.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (cut, "broke off: 20 of"),
        (damage, "is damaged: its SHA-256 differs"),
        (Path.unlink, "the server says 404"),
    ],
)
def test_with_a_pack_that_does_not_come_whole_the_kernel_is_built(
    server: Server,
    wanted_store: Path,
    without_programs: dict[str, str],
    spoil: Callable[[Path], None],
    why: str,
) -> None:
    pin = pinned(server, wanted_store).pin
    spoil(blob_path(wanted_store, "boot", Choices().wanted(ARCHES["x86_64"])))
    ended = boot(f"{server.address}@{pin}", without_programs)
    said = ended.stderr.decode()
    assert (why in said, "building x86_64 instead" in said) == (True, True), said
    assert (ended.status, "mmdebstrap" in said) == (3, True)
    assert entries(Cache(Path(without_programs["RUSTBED_CACHE"]))) == []


def test_a_remote_that_is_not_pinned_is_status_2_and_nothing_is_asked(
    server: Server, without_programs: dict[str, str]
) -> None:
    ended = boot(server.address, without_programs)
    assert ended.status == 2
    assert "has to be pinned by its digest" in ended.stderr.decode()
    assert server.asked == []
