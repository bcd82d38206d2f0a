"""Reading from the places where packs are: files, web servers, registries.

Nothing is returned unverified: documents are returned, and blobs left in
their file, only when size and digest are as they should be. The OCI
distribution specification (1.1) says how registries answer:
https://github.com/opencontainers/distribution-spec.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import shlex
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from rustbed.errors import suggest
from rustbed.packs import oci
from rustbed.packs.oci import Blob, Pack, PackError
from rustbed.packs.place import Kind, Place
from rustbed.progress import Progress, Report

_CHUNK = 1 << 16
_MIB = 1 << 20
_ACCEPT = f"{oci.INDEX}, {oci.MANIFEST}"
# 'realm="https://auth.example/token",service="registry.example",scope="repository:x:pull"'
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """How long to wait for a server."""

    # seconds without a byte
    silence_s: float = 30.0
    # bytes per second: a slower server is given up after so many seconds
    slowest: float = 8192.0
    patience_s: float = 60.0


@dataclass(frozen=True, kw_only=True)
class Store:
    """A place, opened."""

    place: Place
    waiting: Waiting = Waiting()
    # headers for a registry that asked for a token: "Bearer ..."
    _tokens: dict[str, str] = field(default_factory=dict)

    def index(self) -> Blob:
        """Return the descriptor of the store's index: the pinned one, else the current one."""
        if self.place.pin:
            # its size is not known yet
            return Blob(digest=self.place.pin, size=-1, media_type=oci.INDEX)
        return oci.parse_top(self._read(Path(self.place.base, oci.TOP).as_posix(), oci.DOCUMENT_LIMIT))

    def packs(self) -> tuple[Pack, ...]:
        """Return the store's packs, without their parts. Raises PackError."""
        return oci.parse_index(self.document(self.index()))

    def pack(self, blob: Blob) -> Pack:
        """Return a pack with its parts, by its manifest. Raises PackError."""
        return oci.parse_manifest(self.document(blob), blob)

    def document(self, blob: Blob) -> bytes:
        """Return an index or a manifest, verified. Raises PackError."""
        limit = blob.size if blob.size >= 0 else oci.DOCUMENT_LIMIT
        data = self._read(self._locate(blob), limit)
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != blob.digest:
            raise PackError(f"{self.place}: {blob.digest[:19]} is damaged: its SHA-256 differs")
        return data

    def fetch(self, blob: Blob, target: Path, what: str, report: Report) -> None:
        """Leave a blob, verified, in a file. Raises PackError; OSError if the file cannot be written."""
        digest, done = hashlib.sha256(), 0
        with target.open("wb") as sink:
            for chunk in self._chunks(self._locate(blob), blob.size):
                digest.update(chunk)
                sink.write(chunk)
                done += len(chunk)
                report(Progress(what=what, done=done // _MIB, total=blob.size // _MIB, detail="MiB"))
        if done != blob.size:
            raise PackError(f"{self.place}: {what} broke off: {done} of {blob.size} bytes came")
        if digest.hexdigest() != blob.hex:
            raise PackError(f"{self.place}: {what}: {blob.digest[:19]} is damaged: its SHA-256 differs")

    def _locate(self, blob: Blob) -> str:
        """Return the path or address of a blob."""
        base = str(self.place)
        if self.place.kind is Kind.REGISTRY:
            kind = "manifests" if blob.media_type in (oci.INDEX, oci.MANIFEST) else "blobs"
            return f"{self.place.base}/v2/{self.place.name}/{kind}/{blob.digest}"
        return f"{base}/blobs/sha256/{blob.hex}"

    def _read(self, where: str, limit: int) -> bytes:
        return b"".join(self._chunks(where, limit))

    def _chunks(self, where: str, limit: int) -> Iterator[bytes]:
        """Yield the bytes at a path or an address, no more than `limit`. Raises PackError."""
        left, began = limit, time.monotonic()
        with self._open(where) as stream:
            while chunk := self._receive(stream, where):
                left -= len(chunk)
                if left < 0:
                    raise PackError(
                        f"{where}: the server sends more than {limit} bytes, which is not the expected file"
                    )
                yield chunk
                took = time.monotonic() - began
                if took > self.waiting.patience_s and (limit - left) / took < self.waiting.slowest:
                    raise PackError(f"{where}: the server is too slow: {(limit - left) / took:.0f} bytes/s")

    def _receive(self, stream: BufferedIOBase, where: str) -> bytes:
        """Return the next bytes. Raises PackError for the server's errors only, not for the sink's."""
        try:
            # the bytes that have arrived: a slow server would delay a read of a whole chunk
            return stream.read1(_CHUNK)
        except TimeoutError as error:
            raise PackError(f"{where}: the server is silent for {self.waiting.silence_s:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            raise PackError(f"{where}: the connection broke off: {error}") from error

    @contextmanager
    def _open(self, where: str) -> Iterator[BufferedIOBase]:
        try:
            stream = Path(where).open("rb") if self.place.kind is Kind.DIRECTORY else self._ask(where)  # noqa: SIM115 - below
        except urllib.error.HTTPError as error:
            error.close()
            login = ": packs are fetched without a login" if error.code == 401 else ""
            raise PackError(f"{where}: the server says {error.code} {error.reason}{login}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            if self.place.kind is Kind.DIRECTORY:
                require_layout(Path(self.place.base))
            # of a server that cannot be reached, the reason is an error again
            reason = getattr(error, "reason", None) or error
            reason = getattr(reason, "strerror", None) or reason
            raise PackError(f"{where}: {reason}") from error
        with closing(stream):
            yield stream

    def _ask(self, where: str) -> Any:
        """Return the answer to a request, with a token if a registry requires one and gives it to anyone."""
        try:
            return self._request(where)
        except urllib.error.HTTPError as error:
            scheme, _, challenge = error.headers.get("WWW-Authenticate", "").partition(" ")
            if error.code != 401 or scheme.lower() != "bearer":
                raise
            error.close()
        # the first token, or a new one for one that has expired: some are valid for a minute
        self._tokens["Authorization"] = f"Bearer {self._fetch_token(challenge)}"
        return self._request(where)

    def _request(self, where: str) -> Any:
        request = urllib.request.Request(where, headers={"Accept": _ACCEPT})  # noqa: S310 - http and https only
        for name, value in self._tokens.items():
            # a redirection may lead to another server, which must not get the token
            request.add_unredirected_header(name, value)
        return urllib.request.urlopen(request, timeout=self.waiting.silence_s)  # noqa: S310 - as above

    def _fetch_token(self, challenge: str) -> str:
        facts = dict(_CHALLENGE.findall(challenge))
        realm = facts.pop("realm", "")
        if not realm.startswith(("https://", "http://")):
            raise PackError(f"{self.place}: the registry wants a token and does not say where to get one")
        where = f"{realm}{'&' if '?' in realm else '?'}{urllib.parse.urlencode(facts)}"
        with urllib.request.urlopen(where, timeout=self.waiting.silence_s) as answer:  # noqa: S310 - as above
            said = json.loads(answer.read(oci.DOCUMENT_LIMIT))
        token = said.get("token") or said.get("access_token") if isinstance(said, dict) else None
        if not isinstance(token, str):
            raise PackError(f"{self.place}: the registry's token server gives no token")
        return token


def require_layout(directory: Path) -> None:
    """Raise PackError, with a fix, for a directory without packs."""
    if not (directory / oci.TOP).is_file():
        lacks = f"it has no {oci.TOP}" if directory.is_dir() else "there is no such directory"
        fix = suggest(f"pack push {shlex.quote(str(directory))}")
        raise PackError(f"no packs are in {directory}: {lacks}", fix=fix)
