"""A unittest.TestCase with a machine, and its subtests, are judged like any test."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.edge.judging.told import Told, read_told, run

EXPECTED = {
    "test_a_passes": "pass",
    "test_b_warns": "fail",
    "test_c_warns_in_a_subtest": "fail",
    "test_d_fails_in_two_subtests": "fail",
    "test_e_skips_a_subtest": "pass",
    "test_f_warns_and_skips_a_subtest": "fail",
    "test_g_is_known_to_fail": "xfail",
    "test_h_is_known_to_fail_and_warns": "fail",
    "test_i_is_fixed": "fail",
    "test_j_skips_itself_after_a_warning": "fail",
    "test_k_warns_as_it_is_cleaned_up": "fail",
    "test_l_fails_in_a_subtest_after_which_it_fails": "fail",
    "test_m_fails_in_a_subtest_as_is_known": "xfail",
    "test_n_leaves_an_error": "fail",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    results = tmp_path_factory.mktemp("unittest") / "results"
    done = run("scene_unittest.py", results)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    return read_told(results, done.stdout)


@pytest.mark.parametrize("name", EXPECTED)
def test_it_ends_as_it_must_and_all_places_say_so(told: dict[str, Told], name: str) -> None:
    assert told[name].verdict == EXPECTED[name]
    assert told[name].agree(), told[name]


@pytest.mark.parametrize("subtest", ["d", "l", "n"])
def test_a_failed_subtest_stops_the_session(tmp_path: Path, subtest: str) -> None:
    results = tmp_path / "results"
    done = run("scene_unittest.py", results, "-o", "addopts=--maxfail=1", "-k", f"test_{subtest}_ or test_a_")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    found = read_told(results, done.stdout)
    assert {name for name in found if not found[name].agree()} == set()
    assert [told.verdict for told in found.values()] == ["pass", "fail"]
