"""However a test ends: pytest, its status, junit.xml, verdict.json, the list and the page say the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.edge.judging.scene_endings import ENDINGS, OURS
from tests.edge.judging.told import GREEN, Told, read_told, run

SCENE = "scene_endings.py"


def name_of(ending: tuple[str, ...]) -> str:
    return f"test_ends[{' '.join(ending)}]"


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, Told]]:
    results = tmp_path_factory.mktemp("agreement") / "results"
    done = run(SCENE, results)
    return done.returncode, read_told(results, done.stdout)


def test_all_endings_were_seen(everything: tuple[int, dict[str, Told]]) -> None:
    assert set(everything[1]) == {name_of(ending) for ending in ENDINGS}


@pytest.mark.parametrize("ending", ENDINGS, ids=" ".join)
def test_the_places_agree(everything: tuple[int, dict[str, Told]], ending: tuple[str, ...]) -> None:
    found = everything[1][name_of(ending)]
    assert found.agree(), found


@pytest.mark.parametrize("ending", [each for each in ENDINGS if "warn" in "".join(each[:3])], ids=" ".join)
def test_a_splat_that_nobody_declared_is_red_wherever_it_comes(
    everything: tuple[int, dict[str, Told]], ending: tuple[str, ...]
) -> None:
    found = everything[1][name_of(ending)]
    assert (found.verdict not in GREEN) == ("declared" not in ending[3] or is_red_by_itself(ending)), found


def is_red_by_itself(ending: tuple[str, ...]) -> bool:
    """Whether a test whose splat is declared fails for another reason."""
    words = set("+".join(ending[:3]).replace("sub:", "").split("+"))
    if ending[3] == "declared-strict":
        return not words & {"fail", "skip", "xfail"}
    return "fail" in words


@pytest.mark.parametrize(("ending", "is_excused"), OURS.items(), ids=map(" ".join, OURS))
def test_an_error_of_ours_is_excused_only_by_an_xfail_that_names_it(
    everything: tuple[int, dict[str, Told]], ending: tuple[str, ...], is_excused: bool
) -> None:
    assert (everything[1][name_of(ending)].verdict == "xfail") == is_excused


def test_green_alone_ends_with_status_0(everything: tuple[int, dict[str, Told]], tmp_path: Path) -> None:
    status, found = everything
    assert status == pytest.ExitCode.TESTS_FAILED
    green = [ending for ending, each in found.items() if each.verdict in GREEN]
    assert green
    done = run(
        SCENE,
        tmp_path / "results",
        *(f"--deselect=tests/edge/judging/{SCENE}::{name}" for name in found if name not in green),
    )
    assert done.returncode == pytest.ExitCode.OK, done.stdout[-3000:]


# which tests, and after what the session stops
STOPS = {
    "first failure": ((), ("-o", "addopts=--maxfail=1")),
    "first failed subtest": (("-k", "sub and not warn"), ("-o", "addopts=--maxfail=1")),
    "third failure": (("-k", "sub"), ("-o", "addopts=--maxfail=3")),
    "second failure of two workers": (("-k", "sub"), ("-o", "addopts=--maxfail=2", "-n", "2")),
}


@pytest.mark.parametrize(("chosen", "words"), STOPS.values(), ids=STOPS)
def test_the_places_agree_where_the_session_stops_early(
    tmp_path: Path, chosen: tuple[str, ...], words: tuple[str, ...]
) -> None:
    results = tmp_path / "results"
    done = run(SCENE, results, *chosen, *words)
    assert done.returncode in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED), done.stdout
    found = read_told(results, done.stdout)
    assert {name: told for name, told in found.items() if not told.agree()} == {}
    assert any(told.verdict not in GREEN for told in found.values())
    # every machine's run is told of
    runs = [path for path in (results / "latest").iterdir() if path.is_dir()]
    assert len(runs) == len(found)
