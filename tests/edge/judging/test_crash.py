"""A test whose worker dies is lost, by all that tell of it, and the others are judged."""

from __future__ import annotations

import json
from pathlib import Path

from tests.edge.judging.told import read_told, run


def test_worker_that_dies(tmp_path: Path) -> None:
    results = tmp_path / "results"
    done = run("scene_crash.py", results, "-n", "1")
    found = read_told(results, done.stdout)
    verdicts = {name: told.verdict for name, told in found.items()}
    assert verdicts == {"test_dies_with_a_machine": "lost", "test_comes_after": "pass"}, done.stdout
    assert all(told.agree() for told in found.values()), found
    (path,) = results.glob("latest/*dies_with*/verdict.json")
    assert "crashed while running" in json.loads(path.read_text())["reason"]
    # nothing was lost of a machine there
    assert done.stdout.count("::test_dies_without_a_machine - worke") == 1
