"""Registries: Debian's docker-registry with skopeo where they are installed, and one that wants a token."""

from __future__ import annotations

import json
import shutil
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest
from tests.farms import SLOW_S
from tests.packing import WANTED, Server
from tests.processes import wait_until

from rustbed import process
from rustbed.cache import Cache
from rustbed.packs.oci import PackError
from rustbed.packs.place import parse_place
from rustbed.packs.pull import find_packed
from rustbed.packs.transport import Store
from rustbed.progress import ignore

_CONFIG = """\
version: 0.1
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as made:
        port: int = made.getsockname()[1]
        return port


def answers(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=SLOW_S):
        return True
    return False


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    for program in ("docker-registry", "skopeo"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program}: apt-get install {program}")
    port = _free_port()
    config = tmp_path / "registry.yml"
    config.write_text(_CONFIG.format(root=tmp_path / "registry", port=port))
    with process.start(["docker-registry", "serve", str(config)]) as server:
        wait_until(lambda: server.poll() is not None or answers(port), "a registry that answers", SLOW_S)
        assert server.poll() is None
        yield f"127.0.0.1:{port}"
        process.stop(server)


def test_a_real_registry_serves_what_skopeo_copied_under_the_same_pin(
    registry: str, store: Path, tmp_path: Path
) -> None:
    pin = Store(place=parse_place(str(store))).index().digest
    argv = ["skopeo", "copy", "--all", "--preserve-digests", "--dest-tls-verify=false"]
    process.run(
        [*argv, f"oci:{store}:packs", f"docker://{registry}/rustbed/packs:today"],
        attempted="copying",
        timeout_s=SLOW_S,
    )
    place = parse_place(f"oci+http://{registry}/rustbed/packs@{pin}")
    kernel, _ = find_packed(WANTED, [place], Cache(tmp_path / "cache")).kernel(ignore)
    assert kernel.release == "7.3.4"


def answer(handler: SimpleHTTPRequestHandler, data: bytes) -> bool:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(data)
    return True


def registry_with_token(server: Server, store: Path, token: str, scheme: str = "Bearer") -> None:
    """Let the server be a registry that wants a token, which it gives to everybody; `goodN` are good once."""
    used: set[str] = set()

    def fault(handler: SimpleHTTPRequestHandler) -> bool:
        if handler.path.startswith("/token"):
            number = sum(path.startswith("/token") for path in server.asked)
            return answer(handler, json.dumps({"token": token.replace("N", str(number))}).encode())
        shown = handler.headers.get("Authorization", "")
        if not shown.startswith("Bearer good") or shown in used:
            handler.send_response(401)
            realm = f'{scheme} realm="{server.address}/token?a=b",service="s",scope="repository:a:pull"'
            handler.send_header("WWW-Authenticate", realm)
            handler.end_headers()
            return True
        used.update({shown} if shown != "Bearer good" else ())
        return answer(handler, (store / "blobs/sha256" / handler.path.rpartition(":")[2]).read_bytes())

    server.fault = fault


def at(server: Server, store: Path) -> str:
    pin = Store(place=parse_place(str(store))).index().digest
    return f"oci+{server.address}/a@{pin}"


def test_a_registry_that_wants_a_token_gets_the_one_it_gives(
    server: Server, store: Path, tmp_path: Path
) -> None:
    registry_with_token(server, store, "good")
    place = parse_place(at(server, store))
    assert find_packed(WANTED, [place], Cache(tmp_path / "c")).kernel(ignore)[0].release == "7.3.4"
    # what to ask for is what the registry said
    assert "/token?a=b&service=s&scope=repository%3Aa%3Apull" in server.asked


def test_a_registry_that_refuses_its_own_token_is_an_error(
    server: Server, store: Path, tmp_path: Path
) -> None:
    registry_with_token(server, store, "bad")
    with pytest.raises(PackError, match="the server says 401"):
        find_packed(WANTED, [parse_place(at(server, store))], Cache(tmp_path / "c"))


def test_a_token_that_is_too_old_is_replaced(server: Server, store: Path, tmp_path: Path) -> None:
    # each is good for one request: the index, the manifest, the part
    registry_with_token(server, store, "goodN", scheme="bearer")
    place = parse_place(at(server, store))
    assert find_packed(WANTED, [place], Cache(tmp_path / "c")).kernel(ignore)[0].release == "7.3.4"
    assert sum(path.startswith("/token") for path in server.asked) == 3


def test_a_registry_that_wants_a_login_is_an_error_that_says_so(
    server: Server, store: Path, tmp_path: Path
) -> None:
    registry_with_token(server, store, "good", scheme="Basic")
    with pytest.raises(PackError, match=r"401 .*: packs are fetched without a login"):
        find_packed(WANTED, [parse_place(at(server, store))], Cache(tmp_path / "c"))
