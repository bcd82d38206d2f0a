"""A KernelCI of its own: events, nodes, a storage and a database, over HTTP."""

from __future__ import annotations

import json
import threading
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

TOKEN = "s3cret"  # noqa: S105, of this server


@dataclass
class KernelCi:
    """What the server has, and what was asked of it."""

    address: str
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    # of the storage, by path
    files: dict[str, bytes] = field(default_factory=dict)
    submitted: list[dict[str, Any]] = field(default_factory=list)
    # method, path and whether the token came along
    asked: list[tuple[str, str, bool]] = field(default_factory=list)
    # methods that are answered with a 500
    broken: set[str] = field(default_factory=set)
    # how often files of the storage are answered with a 503 before they come
    hiccups: Counter[str] = field(default_factory=Counter)

    def add_job(self, name: str, **definition: object) -> None:
        """Offer a job below a build, its definition in the storage."""
        self.nodes["build"] = {"id": "build", "kind": "kbuild", "state": "done"}
        self.nodes[name] = {
            "id": name,
            "kind": "job",
            "state": "available",
            "parent": "build",
            "path": ["checkout", "kbuild-gcc-14-x86", "rustbed"],
            "created": "2026-11-20T10:00:00.125000",
            "timeout": "2026-11-20T16:00:00.125000",
            "treeid": "f00",
            "retry_counter": 1,
            "user_groups": ["runtime:rustbed-lab:node-editor"],
            "artifacts": {"job_definition": f"{self.address}/storage/{name}.json"},
            "data": {"runtime": "rustbed-lab", "platform": "qemu-x86_64"},
        }
        self.files[f"/storage/{name}.json"] = json.dumps(definition).encode()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """Return status and body of an answer."""
        if method in self.broken:
            return 500, b"out of order"
        if path == "/storage/break":
            self.broken |= {"GET", "PATCH"}
        if self.hiccups[path] > 0:
            self.hiccups[path] -= 1
            return 503, b""
        if path.startswith("/storage/"):
            data = self.files.get(path)
            return (404, b"") if data is None else (200, data)
        if path == "/submit":
            self.submitted.append(json.loads(body))
            return 200, b""
        return self._answer_api(method, path.removeprefix("/latest"), body)

    def _answer_api(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        if path.startswith("/events?"):
            query = dict(urllib.parse.parse_qsl(path.partition("?")[2]))
            jobs = [node for node in self.nodes.values() if node["kind"] == "job"]
            events = [
                {"timestamp": f"2026-11-20T10:00:00.{n:06}", "node": node} for n, node in enumerate(jobs)
            ]
            later = [event for event in events if str(event["timestamp"]) > query["from"]]
            return 200, json.dumps(later[: int(query["limit"])]).encode()
        if (node := self.nodes.get(path.removeprefix("/node/"))) is None:
            return 404, b"no such node"
        if method == "PUT":
            # what the API's model does with fields that are not sent
            node |= dict.fromkeys(node) | json.loads(body)
        if method == "PATCH":
            node |= json.loads(body)
        return 200, json.dumps(node).encode()


@pytest.fixture
def kernelci() -> Iterator[KernelCi]:
    """Serve a KernelCI on this machine."""
    made = KernelCi(address="")

    class Handler(BaseHTTPRequestHandler):
        def serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            private = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            made.asked.append((self.command, self.path, private))
            status, data = made.answer(self.command, self.path, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_PATCH = do_POST = serve  # noqa: N815, names of http.server

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        made.address = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        http.shutdown()
        thread.join()
