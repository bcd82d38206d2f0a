"""Whether a scheduler answers: what does not is named, in bounded time."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.farms import SLOW_S, environment

from rustbed.errors import HostError
from rustbed.farm.address import require_scheduler


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def address(server: socket.socket) -> str:
    return f"tcp://127.0.0.1:{server.getsockname()[1]}"


def test_a_port_where_nobody_listens_is_no_farm() -> None:
    with pytest.raises(HostError, match="Connection refused"):
        require_scheduler("tcp://127.0.0.1:1")


def test_a_server_that_says_nothing_is_not_waited_for_for_ever(listening: socket.socket) -> None:
    with pytest.raises(HostError, match=r"no answer within 0\.1 s"):
        require_scheduler(address(listening), timeout_s=0.1)


def test_without_distributed_the_extra_is_named() -> None:
    lacking = "import sys; sys.modules['dask'] = None; from rustbed.cli.main import main; sys.exit(main())"
    argv = [sys.executable, "-c", lacking, "farm", "up"]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=SLOW_S, env=environment()
    )
    assert done.returncode == 2
    assert "pip install 'rustbed[farm]'" in done.stderr
