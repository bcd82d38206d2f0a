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
    with pytest.raises(FileNotFoundError, match=f"{socket.gethostname()} has no {attempt}: .* same path"):
        run_job(json.dumps(asdict(job)), lambda: True, Warm())
    assert not attempt.exists()
