"""Cache entries are whole or not there, whatever happens to those who make them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from rustbed.cache import Cache, Facts, hash_text, is_cache, named, write_atomically
from rustbed.errors import HostError


def fill(directory: Path) -> Facts:
    (directory / "sub").mkdir()
    (directory / "sub" / "file").write_text("contents")
    return {"answer": 42}


def test_entry_is_made_once_and_found_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.publish("things", "key", fill) == {"answer": 42}
    assert cache.find("things", "key") == {"answer": 42}
    assert cache.publish("things", "key", lambda directory: pytest.fail("made twice")) == {"answer": 42}


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry: (entry / "sub" / "file").write_text("content?"),
        lambda entry: (entry / "sub" / "file").write_text("short"),
        lambda entry: (entry / "sub" / "file").unlink(),
        lambda entry: (entry / "manifest.json").write_text("{"),
        lambda entry: (entry / "manifest.json").write_text("[]"),
        lambda entry: (entry / "manifest.json").unlink(),
    ],
    ids=["same size", "truncated", "file gone", "manifest cut", "manifest of another kind", "manifest gone"],
)
def test_damaged_entry_is_absent_and_made_anew(tmp_path: Path, damage: object) -> None:
    cache = Cache(tmp_path)
    cache.publish("things", "key", fill)
    assert callable(damage)
    damage(cache.path("things", "key"))
    assert cache.find("things", "key") is None
    assert cache.publish("things", "key", fill) == {"answer": 42}
    assert (cache.path("things", "key") / "sub" / "file").read_text() == "contents"


def test_contents_that_nobody_asked_to_check_are_not_read(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.publish("things", "key", fill)
    (cache.path("things", "key") / "sub" / "file").write_text("CONTENTS")
    assert cache.find("things", "key", check=()) == {"answer": 42}
    assert cache.find("things", "key", check=["sub/file"]) is None


class Reader:
    """A digest that remembers what it has read."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, path: Path) -> str:
        self.read.append(path.name)
        return path.read_text()


def write_in_place(file: Path, text: str) -> None:
    """Change what a file holds, and nothing that can be set: its size and the time of its contents stay."""
    before = file.stat()
    with file.open("r+") as stream:
        stream.write(text)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def let_settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the clock forward by more than a file's times may stay as they are after a change."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 3 * 10**9)


def test_contents_are_read_again_only_when_they_may_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, reader = Cache(tmp_path), Reader()
    cache.publish("things", "key", fill, digest=reader)
    # a change so soon after this one might not show
    assert cache.find("things", "key", digest=reader) is not None
    let_settle(monkeypatch)
    assert [cache.find("things", "key", digest=reader) for _ in range(3)] == [{"answer": 42}] * 3
    # when it was made, when it was young, and once
    assert reader.read == ["file"] * 3
    write_in_place(cache.path("things", "key") / "sub" / "file", "CONTENTS")
    assert cache.find("things", "key", digest=reader) is None


@pytest.mark.parametrize("note", ["{", "[]", "3", '{"sub/file": 3}'])
def test_a_damaged_note_of_what_was_read_is_none(tmp_path: Path, note: str) -> None:
    cache = Cache(tmp_path)
    cache.publish("things", "key", fill)
    (cache.path("things", "key") / "checked.json").write_text(note)
    assert cache.find("things", "key") == {"answer": 42}
    (cache.path("things", "key") / "sub" / "file").write_text("CONTENTS")
    assert cache.find("things", "key") is None


def test_contents_of_a_cache_that_cannot_be_written_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, reader = Cache(tmp_path), Reader()
    cache.publish("things", "key", fill, digest=reader)
    (cache.path("things", "key") / "checked.json").mkdir()
    let_settle(monkeypatch)
    assert [cache.find("things", "key", digest=reader) for _ in range(2)] == [{"answer": 42}] * 2
    assert reader.read == ["file"] * 3
    assert list(cache.path("things", "key").glob(".*")) == []


def test_failed_fill_leaves_nothing(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    def fail(directory: Path) -> Facts:
        (directory / "half").write_text("x")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cache.publish("things", "key", fail)
    assert list((tmp_path / "things").iterdir()) == []


def test_full_disk_is_named(tmp_path: Path) -> None:
    def full(directory: Path) -> Facts:
        raise OSError(28, os.strerror(28))

    with pytest.raises(HostError, match="no space left") as caught:
        Cache(tmp_path).publish("things", "key", full)
    assert "RUSTBED_CACHE" in str(caught.value)


def test_two_that_want_it_make_it_once(tmp_path: Path) -> None:
    made = []

    def slow(directory: Path) -> Facts:
        made.append(1)
        time.sleep(0.1)
        return fill(directory)

    threads = [
        threading.Thread(target=Cache(tmp_path).publish, args=("things", "key", slow)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


def test_what_a_killed_maker_left_is_taken_away_by_the_next(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from rustbed.cache import Cache\n"
        "def fill(directory):\n"
        "    (directory / 'half').write_text('x')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "Cache(Path(sys.argv[1])).publish('things', 'key', fill)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert len(list((tmp_path / "things").iterdir())) == 1
    Cache(tmp_path).publish("things", "key", fill)
    assert [path.name for path in (tmp_path / "things").iterdir()] == ["key"]


def test_manifest_tells_files_and_facts(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.publish("things", "key", fill)
    manifest = json.loads((cache.path("things", "key") / "manifest.json").read_text())
    assert list(manifest["files"]) == ["sub/file"]
    assert manifest["facts"] == {"answer": 42}


def test_hash_tells_parts_apart() -> None:
    assert hash_text("ab", "c") != hash_text("a", "bc")


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes a user that nobody has")
def test_a_user_without_a_home_is_told_where_to_put_the_cache() -> None:
    script = (
        "import os\nfrom rustbed.cache import default_root\nfrom rustbed.errors import HostError\n"
        "os.setuid(54321)\n"
        "try:\n    default_root()\nexcept HostError as error:\n    print(error)\n"
    )
    env = {"PATH": os.environ["PATH"]}
    argv = [sys.executable, "-c", script]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, env=env, timeout=600)
    assert done.stdout == "this user has no home directory for a cache\n  fix  RUSTBED_CACHE=DIR\n"


@pytest.mark.parametrize(
    ("held", "wanted", "waits"), [(True, True, False), (True, False, True), (False, True, True)]
)
def test_only_shared_locks_are_held_together(tmp_path: Path, held: bool, wanted: bool, waits: bool) -> None:
    def give_up() -> None:
        raise TimeoutError

    cache = Cache(tmp_path)
    with (
        cache.lock("toy", shared=held),
        pytest.raises(TimeoutError) if waits else nullcontext(),
        cache.lock("toy", give_up, shared=wanted),
    ):
        pass


def test_a_cache_is_marked_as_one(tmp_path: Path) -> None:
    with Cache(tmp_path / "cache").lock("toy"):
        assert is_cache(tmp_path / "cache")
    (tmp_path / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55\n# somebody else's\n")
    assert not is_cache(tmp_path)
    assert not is_cache(tmp_path / "nothing")


def test_a_file_that_cannot_be_written_is_named_itself_and_nothing_stands_in_for_it(tmp_path: Path) -> None:
    place = tmp_path / "taken"
    place.mkdir()
    with pytest.raises(OSError, match="Is a directory") as found:
        write_atomically(place, "text")
    assert (found.value.filename, list(tmp_path.iterdir())) == (str(place), [place])


def test_text_that_utf_8_cannot_hold_is_written_all_the_same(tmp_path: Path) -> None:
    write_atomically(tmp_path / "new" / "text", "a\ud800b")
    assert (tmp_path / "new" / "text").read_text() == "a?b"


def test_a_small_file_has_the_rights_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    write_atomically(tmp_path / "text", "text")
    assert (tmp_path / "text").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_was_read_meanwhile_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as found, named(tmp_path / "written"):
        (tmp_path / "read").read_text()
    assert found.value.filename == str(tmp_path / "read")
