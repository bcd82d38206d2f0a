"""The HTTP side of a lab: KernelCI's API, its storage, its database.

The token is sent to the API only: not to the server of a job's files, and not with a redirection.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rustbed.checked import hash_file
from rustbed.errors import HostError, UsageError
from rustbed.kernel.archive import download
from rustbed.lab.job import RefusedError
from rustbed.progress import ignore

# seconds without a byte
_SILENCE_S = 30.0
# bytes of a document, and of an artifact
_DOCUMENT, _LARGEST = 16 << 20, 2 << 30
# events of an answer: no more are sent at once with their nodes
PAGE = 1000
# where the first poll begins
EPOCH = "1970-01-01T00:00:00.000000"


class _Stays(urllib.request.HTTPRedirectHandler):
    """Follows no redirection, which would take the token to another server."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_Stays)


@dataclass(frozen=True, kw_only=True)
class Api:
    """KernelCI's API. Methods raise HostError when it cannot be reached, or refuses."""

    # without a slash at its end: "https://api.kernelci.org/latest"
    base: str
    token: str

    def __post_init__(self) -> None:
        require_private(self.base)

    def events(self, since: str) -> list[dict[str, Any]]:
        """Return the next events of jobs that became available since a time stamp: PAGE at most."""
        query = {"state": "available", "kind": "job", "recursive": "true", "limit": PAGE, "from": since}
        found = self._call("GET", f"/events?{urllib.parse.urlencode(query)}")
        if not isinstance(found, list):
            raise HostError(f"{self.base}: its events are not a list")
        return [event for event in found if isinstance(event, dict)]

    def node(self, name: str) -> dict[str, Any]:
        """Return a node."""
        found = self._call("GET", f"/node/{urllib.parse.quote(name, safe='')}")
        if not isinstance(found, dict):
            raise HostError(f"{self.base}: node {name} is not a record")
        return found

    def change(self, name: str, fields: Mapping[str, Any]) -> None:
        """Replace these fields of a node; what it has besides stays.

        PUT would reset fields that a lab does not send, such as the tree's id, to their defaults.
        """
        self._call("PATCH", f"/node/{urllib.parse.quote(name, safe='')}", fields)

    def build_of(self, node: Mapping[str, Any]) -> str | None:
        """Return the id of the build above a job's node; None if none of 8 parents is a build."""
        for _ in range(8):
            parent = node.get("parent")
            if not isinstance(parent, str):
                return None
            node = self.node(parent)
            if node.get("kind") == "kbuild":
                return parent
        return None

    def _call(self, method: str, path: str, body: object = None) -> Any:
        return call(f"{self.base}{path}", self.token, method, body)


def require_private(address: str) -> None:
    """Raise UsageError for an address to which a token would travel unencrypted."""
    parts = urllib.parse.urlsplit(address)
    if parts.scheme == "https" or (
        parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
    ):
        return
    raise UsageError(f"{address}: a token is sent over https only, or to this machine")


def call(address: str, token: str, method: str, body: object = None) -> Any:
    """Send a request, perhaps with a document; return the answer, None if empty. Raises HostError."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    if data is not None:
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(address, data=data, headers=headers, method=method)  # noqa: S310, see above
    try:
        with _OPENER.open(request, timeout=_SILENCE_S) as answer:
            text = answer.read(_DOCUMENT)
        return json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        said = error.read(300).decode(errors="replace")
        raise HostError(f"{method} {address}: {error.code} {error.reason}", said=said or None) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise HostError(f"{method} {address}: {getattr(error, 'reason', error)}") from error


def fetch_document(address: str) -> Any:
    """Return a public document. Raises HostError, and RefusedError if it is not JSON."""
    try:
        with urllib.request.urlopen(address, timeout=_SILENCE_S) as answer:  # noqa: S310, http(s) by is_address
            return json.loads(answer.read(_DOCUMENT))
    except (OSError, http.client.HTTPException) as error:
        raise HostError(f"cannot fetch {address}: {getattr(error, 'reason', error)}") from error
    except ValueError as error:
        raise RefusedError(f"{address} is not JSON: {error}") from error


def fetch_artifact(address: str, to: Path, sha256: str | None) -> None:
    """Fetch a file of a job. Raises HostError, UsageError if it is huge, RefusedError for a wrong SHA-256."""
    try:
        download(address, to, ignore, largest=_LARGEST)
    except OSError as error:
        raise HostError(f"cannot fetch {address}: {error}") from error
    if sha256 is not None and hash_file(to) != sha256:
        raise RefusedError(f"{address}: its SHA-256 differs from the job's")
