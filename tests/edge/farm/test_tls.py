"""A farm with TLS: who has its key is let in, and nobody else."""

from __future__ import annotations

import resource
import shutil
import socket
import ssl
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.farms import SLOW_S, Up, start_session, up

from rustbed.cli.main import main
from rustbed.errors import HostError, UsageError
from rustbed.farm.address import require_scheduler
from rustbed.farm.key import VARIABLE, client_context, make_key

if find_spec("distributed") is None:
    pytest.skip("distributed is not installed: the extra farm has it", allow_module_level=True)
if shutil.which("openssl") is None:
    pytest.skip("openssl is not installed: it makes a farm's key", allow_module_level=True)

from rustbed.farm.serving import scheduler


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "farm.pem"
    make_key(path)
    return path


@pytest.fixture(scope="module")
def farm(key: Path) -> Iterator[Up]:
    with up(1, "--tls", "127.0.0.1", RUSTBED_FARM_KEY=str(key)) as farm:
        yield farm


def test_a_session_with_the_key_runs(farm: Up, key: Path, tmp_path: Path) -> None:
    scene = "def test_passes(): pass\n"
    with start_session(farm, tmp_path, scene, RUSTBED_FARM_KEY=str(key)) as session:
        out, _ = session.communicate(timeout=SLOW_S)
    assert farm.url.startswith("tls://127.0.0.1:")
    assert (session.returncode, "1 passed" in out) == (pytest.ExitCode.OK, True), out


def test_who_has_another_key_is_told_so(farm: Up, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.pem"
    make_key(other)
    monkeypatch.setenv(VARIABLE, str(other))
    with pytest.raises(HostError, match=rf"no farm answers at {farm.url}: the key {other} does not fit"):
        require_scheduler(farm.url)


def test_who_has_no_key_is_told_where_it_belongs(
    farm: Up, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(UsageError, match=rf"this user has no farm key: {tmp_path}/rustbed/farm\.pem"):
        require_scheduler(farm.url)


def test_who_leaves_out_tls_is_told_to_use_it(farm: Up) -> None:
    plain = farm.url.replace("tls:", "tcp:")
    with pytest.raises(HostError, match=f"no farm answers at {plain}: .* uses TLS") as caught:
        require_scheduler(plain)
    assert f"{farm.url}, and the farm's key in " in str(caught.value)


def test_tls_to_a_farm_without_is_told_to_leave_it_out(key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(key))
    with scheduler(None, 0) as plain:
        with pytest.raises(HostError, match="does not use TLS") as caught:
            require_scheduler(plain.replace("tcp:", "tls:"))
        assert f"fix  {plain}" in str(caught.value)
        # what it could not read has not ended it
        assert require_scheduler(plain) == "127.0.0.1"


def test_who_shows_no_certificate_hears_nothing_of_the_scheduler(farm: Up, key: Path) -> None:
    silent = ssl.create_default_context(cafile=key)
    silent.check_hostname = False
    assert (first_byte(farm, client_context(key)) != b"", first_byte(farm, silent)) == (True, b"")


def first_byte(farm: Up, context: ssl.SSLContext) -> bytes:
    parts = urlsplit(farm.url)
    with (
        socket.create_connection((str(parts.hostname), parts.port or 0), SLOW_S) as plain,
        context.wrap_socket(plain) as connection,
    ):
        try:
            return connection.recv(1)
        except (ssl.SSLError, ConnectionError):
            return b""


def test_a_scheduler_with_tls_needs_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none.pem"))
    with pytest.raises(UsageError, match="farm init"), scheduler("127.0.0.1", 0):
        pass


def test_a_key_is_its_owners_and_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config/farm.pem"
    monkeypatch.setenv(VARIABLE, str(path))
    first, made, second = main(["farm", "init"]), path.read_bytes(), main(["farm", "init"])
    assert (first, second, path.read_bytes()) == (0, 2, made)
    assert f"there is a key already: {path}" in capsys.readouterr().err
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "farm.pem"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # as with a full disk: the file can be made, and not be written
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with pytest.raises(OSError, match=str(path)):
            make_key(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not path.exists()
    make_key(path)


def test_a_file_that_is_no_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "farm.pem"
    path.write_text("not in PEM\n")
    with pytest.raises(UsageError, match=f"not a farm key: {path}"):
        client_context(path)


def test_a_server_that_begins_no_tls_is_not_waited_for_for_ever(
    key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(key))
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tls://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(HostError, match=r"no answer within 0\.1 s"):
            require_scheduler(address, timeout_s=0.1)


# a certificate authority's settings: `openssl req` of Debian 12 takes no date
_AUTHORITY = """
[ca]
default_ca = farm
[farm]
database = index.txt
rand_serial = yes
new_certs_dir = .
default_md = sha256
policy = any
x509_extensions = extensions
[any]
commonName = supplied
[extensions]
basicConstraints = critical,CA:TRUE
"""


def make_future_key(directory: Path) -> Path:
    """Return a key as a host makes it whose clock is ahead."""
    (directory / "index.txt").touch()
    (directory / "ca.conf").write_text(_AUTHORITY)
    made = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out req.pem"
    signed = "-selfsign -batch -notext -config ca.conf -keyfile key.pem -in req.pem -out cert.pem"
    for words in (
        ["req", "-new", *made.split(), "-subj", "/CN=rustbed farm"],
        ["ca", *signed.split(), "-startdate", "20490101000000Z", "-enddate", "20491231000000Z"],
    ):
        subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True)
    key = directory / "farm.pem"
    key.write_text((directory / "key.pem").read_text() + (directory / "cert.pem").read_text())
    return key


@contextmanager
def tls_server(certificate: Path, trusted: Path) -> Iterator[str]:
    """Serve one connection, of who has a trusted key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.load_verify_locations(trusted)
    context.verify_mode = ssl.CERT_REQUIRED

    def answer() -> None:
        with suppress(OSError), context.wrap_socket(server.accept()[0], server_side=True) as connection:
            connection.send(b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer)
        thread.start()
        yield f"tls://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def test_a_clock_that_is_behind_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    future = make_future_key(tmp_path)
    monkeypatch.setenv(VARIABLE, str(future))
    with (
        tls_server(future, future) as address,
        pytest.raises(HostError, match=f"the key {future} does not fit: .*not yet valid") as caught,
    ):
        require_scheduler(address)
    assert "set this host's clock (20" in str(caught.value)


def test_a_scheduler_that_refuses_the_key_is_not_said_to_be_away(
    key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.pem"
    make_key(other)
    monkeypatch.setenv(VARIABLE, str(key))
    with (
        tls_server(key, other) as address,
        pytest.raises(HostError, match=f"the server there refuses the key {key}: ") as caught,
    ):
        require_scheduler(address)
    assert "compare that host's clock with this one's (20" in str(caught.value)
