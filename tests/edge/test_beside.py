"""A cache that cannot be written: its entries are used, and what is missing is made beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rustbed.cache import Cache

# run where the cache is read-only for root, too
ENTRY = """
import sys
from pathlib import Path
from rustbed.beside import find_writable
from rustbed.cache import Cache

def fill(directory):
    (directory / "image").write_text("made")
    return {"by": "us"}

cache = Cache(find_writable(Path(sys.argv[1])))
made = [cache.publish("kernels", key, fill) for key in ("old", "new")]
print(cache.root != Path(sys.argv[1]), *made)
"""


def fill(directory: Path) -> dict[str, object]:
    (directory / "image").write_text("old")
    return {"by": "others"}


def read_only(cache: Path, tmp: Path, *words: str, uid: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a program where nothing can be written but `tmp`, by a number that may have no name."""
    box = ["bwrap", "--unshare-user", "--uid", str(uid), "--gid", str(uid), "--ro-bind", "/", "/"]
    argv = [*box, "--dev", "/dev", "--bind", str(tmp), str(tmp), "--setenv", "TMPDIR", str(tmp), *words]
    tried = subprocess.run([*box, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"no user namespaces here: {tried.stderr.strip()}")
    return subprocess.run([*argv, str(cache)], capture_output=True, text=True, check=False)


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    root = tmp_path / "cache"
    Cache(root).publish("kernels", "old", fill)
    return root


def test_entries_are_found_and_new_ones_are_made_beside_them(filled: Path, tmp_path: Path) -> None:
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    # twice: the second session finds what the first one made
    for made in ("{'by': 'us'}", "{'by': 'us'}"):
        done = read_only(filled, tmp, sys.executable, "-c", ENTRY, uid=12345)
        assert (done.stdout, done.stderr) == (f"True {{'by': 'others'}} {made}\n", "")
    assert [path.name for path in filled.rglob("new")] == []
    assert len(list(tmp.glob("rustbed-12345-*/kernels/new"))) == 1


def test_without_a_place_beside_it_one_line_says_so(filled: Path) -> None:
    command = 'RUSTBED_CACHE=$1 TMPDIR=/nonexistent exec "$0" -m rustbed.cli build --arch x86_64'
    done = read_only(filled, Path("/dev/shm"), "sh", "-c", command, sys.executable)
    assert done.returncode == 3
    assert done.stderr.startswith(
        f"rustbed: the cache {filled} cannot be written, and neither can a directory beside"
    )
    assert "RUSTBED_CACHE=DIR" in done.stderr


def test_a_cache_that_can_be_written_is_used_as_it_is(filled: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENTRY, str(filled)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False {'by': 'others'} {'by': 'us'}\n"
    assert (filled / "kernels" / "new" / "image").read_text() == "made"
