"""What a test may leave out of a path, because of the file that asks."""

from __future__ import annotations

from pathlib import Path

from rustbed.plugin.building import find_asked

HERE = Path(__file__).parent


def test_a_directory_is_meant_beside_the_file_that_asks(tmp_path: Path) -> None:
    (tmp_path / "__pycache__").mkdir()
    assert find_asked(Path("../plugin"), tmp_path) == HERE


def test_what_is_beside_the_test_counts_where_the_asking_file_has_nothing(tmp_path: Path) -> None:
    (tmp_path / "driver").mkdir()
    assert find_asked(Path("driver"), tmp_path) == tmp_path / "driver"
    assert find_asked(Path("nosuch"), tmp_path) == tmp_path / "nosuch"
    assert find_asked(tmp_path, HERE) == tmp_path


def test_a_directory_is_one_however_it_is_named(tmp_path: Path) -> None:
    """A build is made once for it, and a saved file in it is known to concern the test."""
    for name in ("driver", "tests", "elsewhere/tests", "elsewhere/driver"):
        (tmp_path / name).mkdir(parents=True)
    assert find_asked(Path("../driver"), tmp_path / "tests") == tmp_path / "driver"
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere/tests")
    assert find_asked(Path("../driver"), tmp_path / "link") == tmp_path / "link/../driver"
    assert find_asked(Path("../nosuch"), tmp_path / "tests") == tmp_path / "tests/../nosuch"
