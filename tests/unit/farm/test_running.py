"""A worker's part, without a worker."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict
from pathlib import Path

import pytest

from rustbed.farm.running import run_job
from rustbed.farm.store import Job
from rustbed.farm.warm import Warm


def test_a_host_without_the_sessions_directory_says_what_a_farm_needs(tmp_path: Path) -> None:
    attempt = tmp_path / "elsewhere/farm/1"
    job = Job(attempt=str(attempt), arguments=[], directory=".", environment={}, tests=["a"])
    lacks = f"{socket.gethostname()} has no {attempt}: .* same path"
    with socket.socket() as unasked, pytest.raises(FileNotFoundError, match=lacks):
        run_job(json.dumps(asdict(job)), lambda: True, Warm(unasked))
    assert not attempt.exists()
