"""Memory shared out among processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.claims import claims

from rustbed.cache import Cache
from rustbed.errors import HostError
from rustbed.forks.ledger import HEADROOM_MIB, Ledger


def ledger(path: Path, room_mib: int) -> Ledger:
    return Ledger(Cache(path), available_mib=lambda: HEADROOM_MIB + room_mib)


def test_claims_are_given_back(tmp_path: Path) -> None:
    with ledger(tmp_path, 100).claim(60):
        assert [claim["mib"] for claim in claims(tmp_path)] == [60]
    assert claims(tmp_path) == []


def test_two_hundred_claims_queue_for_room_for_seven(tmp_path: Path) -> None:
    lock, held, most, served = threading.Lock(), [0], [0], [0]

    def one() -> None:
        with ledger(tmp_path, 700).claim(100):
            with lock:
                held[0] += 1
                most[0] = max(most[0], held[0])
            time.sleep(0.01)
            with lock:
                held[0] -= 1
                served[0] += 1

    threads = [threading.Thread(target=one) for _ in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert served == [200]
    assert 1 < most[0] <= 7
    assert claims(tmp_path) == []


def test_claim_that_never_fits_is_an_error_at_once_with_the_figures(tmp_path: Path) -> None:
    with (
        pytest.raises(HostError, match="not enough memory for a machine of 101 MiB") as caught,
        ledger(tmp_path, 100).claim(101),
    ):
        pass
    assert "no machine" in str(caught.value)
    assert "memory_mib" in str(caught.value)


def test_patience_ends_with_what_is_running(tmp_path: Path) -> None:
    with (
        ledger(tmp_path, 100).claim(60),
        pytest.raises(HostError) as caught,
        ledger(tmp_path, 100).claim(60, patience_s=0.2),
    ):
        pass
    assert "1 machine, which may use 60 MiB" in str(caught.value)
    assert claims(tmp_path) == []


def test_who_waits_is_told_once(tmp_path: Path) -> None:
    told: list[str] = []
    with (
        ledger(tmp_path, 100).claim(60),
        pytest.raises(HostError),
        ledger(tmp_path, 100).claim(60, patience_s=0.5, on_wait=lambda: told.append("waiting")),
    ):
        pass
    assert told == ["waiting"]


def test_claim_fits_where_what_it_ends_used_the_memory_and_claimed_none(tmp_path: Path) -> None:
    # as a machine that is only copied
    used = [60]
    memory = Ledger(Cache(tmp_path), available_mib=lambda: HEADROOM_MIB + 100 - sum(used))
    with memory.claim(60, on_wait=used.clear):
        assert [claim["mib"] for claim in claims(tmp_path)] == [60]
    assert claims(tmp_path) == []


def test_claim_that_does_not_fit_whatever_ends_is_an_error(tmp_path: Path) -> None:
    told: list[str] = []
    with (
        pytest.raises(HostError, match="not enough memory for a machine of 101 MiB"),
        ledger(tmp_path, 100).claim(101, on_wait=lambda: told.append("waiting")),
    ):
        pass
    assert told == ["waiting"]


@pytest.mark.parametrize("is_reaped", [True, False], ids=["gone", "zombie"])
def test_claim_of_a_killed_process_counts_for_nothing(tmp_path: Path, is_reaped: bool) -> None:
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from rustbed.cache import Cache\n"
        "from rustbed.forks.ledger import Ledger\n"
        "with Ledger(Cache(Path(sys.argv[1])), available_mib=lambda: 1000).claim(700):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)]) as killed:
        # pytest-xdist leaves a worker that died unreaped until the session ends
        os.waitid(os.P_PID, killed.pid, os.WEXITED | (0 if is_reaped else os.WNOWAIT))
        assert [claim["mib"] for claim in claims(tmp_path)] == [700]
        with ledger(tmp_path, 700).claim(700, patience_s=0):
            assert len(claims(tmp_path)) == 1


def test_claim_of_a_number_that_another_process_has_now_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "locks").mkdir()
    stale = {"pid": 1, "born": 12345678901, "serial": 1, "mib": 700}
    (tmp_path / "locks/machines.json").write_text(json.dumps([stale]))
    with ledger(tmp_path, 700).claim(700, patience_s=0):
        assert [claim["mib"] for claim in claims(tmp_path)] == [700]


def test_damaged_ledger_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks/machines.json").write_text("{")
    with ledger(tmp_path, 100).claim(100):
        assert len(claims(tmp_path)) == 1
