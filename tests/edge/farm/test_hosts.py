"""A farm of two hosts: network namespaces, each with an address, and a cable between them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.farms import SLOW_S, Up, environment, start_session, up
from tests.processes import wait_until

from rustbed.farm.key import VARIABLE, make_key

if find_spec("distributed") is None:
    pytest.skip("distributed is not installed: the extra farm has it", allow_module_level=True)
if shutil.which("openssl") is None:
    pytest.skip("openssl is not installed: it makes a farm's key", allow_module_level=True)

# addresses that nobody has (RFC 5737)
NEAR, FAR = "192.0.2.1", "192.0.2.2"
SCENE = """
import os, pathlib, pytest, time

@pytest.mark.parametrize("number", range(8))
def test_numbers(number):
    time.sleep(1)
    host = os.stat("/proc/self/ns/net").st_ino
    pathlib.Path(os.environ["RUSTBED_SCENE"], f"host-{host}-{number}").touch()
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def hosts() -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    """Return the commands that run others on the two hosts."""
    near, far = f"rustbed-{os.getpid()}-1", f"rustbed-{os.getpid()}-2"
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and ip")
    try:
        ip("netns", "add", near)
        ip("netns", "add", far)
        ip("-n", near, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", far)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"there are no network namespaces here: {error.stderr!r}")
    try:
        for name, address in ((near, NEAR), (far, FAR)):
            ip("-n", name, "address", "add", f"{address}/24", "dev", "cable")
            ip("-n", name, "link", "set", "cable", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield ("ip", "netns", "exec", near), ("ip", "netns", "exec", far)
    finally:
        ip("netns", "del", near)
        ip("netns", "del", far)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "farm.pem"
    make_key(path)
    return path


@contextmanager
def worker(farm: Up, within: Sequence[str], key: Path) -> Iterator[subprocess.Popen[str]]:
    argv = [*within, sys.executable, "-m", "rustbed.cli", "worker", farm.url, "--slots", "1"]
    with subprocess.Popen(
        argv, stderr=subprocess.PIPE, text=True, env=environment(**{VARIABLE: str(key)})
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_tests_of_a_session_on_one_host_run_on_both(
    hosts: tuple[Sequence[str], Sequence[str]], key: Path, tmp_path: Path
) -> None:
    near, far = hosts
    with (
        up(1, "--tls", NEAR, within=near, RUSTBED_FARM_KEY=str(key)) as farm,
        worker(farm, far, key),
    ):
        assert farm.url.startswith(f"tls://{NEAR}:")
        # by a session from the far side, until its worker is there
        ran: set[str] = set()

        def has_both() -> bool:
            with start_session(farm, tmp_path, SCENE, within=far, RUSTBED_FARM_KEY=str(key)) as session:
                out, _ = session.communicate(timeout=SLOW_S)
            assert (session.returncode, "8 passed" in out) == (pytest.ExitCode.OK, True), out
            ran.update(path.name.split("-")[1] for path in tmp_path.glob("host-*"))
            return len(ran) == 2

        wait_until(has_both, "tests on both hosts", SLOW_S)


def test_a_host_without_the_sessions_results_is_named(
    hosts: tuple[Sequence[str], Sequence[str]], key: Path, tmp_path: Path
) -> None:
    near, far = hosts
    # what the far host has there is its own
    bare = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(tmp_path))
    with (
        up(1, "--tls", FAR, within=(*far, *bare), RUSTBED_FARM_KEY=str(key)) as farm,
        start_session(farm, tmp_path, SCENE, within=near, RUSTBED_FARM_KEY=str(key)) as session,
    ):
        out, _ = session.communicate(timeout=SLOW_S)
    assert (session.returncode, "8 errors" in out) == (pytest.ExitCode.TESTS_FAILED, True), out
    assert "the results of a session have to be on a file system that all hosts" in out
