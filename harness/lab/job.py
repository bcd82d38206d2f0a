"""Jobs of KernelCI's pull labs: reads events and job definitions. Pure.

The format is that of KernelCI's PULL_LABS runtime: config/runtime/base/pull_labs.jinja2 in kernelci-core,
and doc/connecting-pull-lab.md in kernelci-pipeline.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rustbed.arch import ARCHES, Arch
from rustbed.bundle.manifest import is_sha256

# a node's id, which its directory here is named by
_NODE = re.compile(r"[A-Za-z0-9_-]+")


class RefusedError(Exception):
    """A job that this lab refuses; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A job that waits for a lab."""

    node: str
    # address of the job's definition
    definition: str
    # the lab that it is meant for, and the machine that it is to run on
    runtime: str
    platform: str
    # whether no lab had claimed it when the event was sent
    is_free: bool


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a job definition asks for."""

    arch: Arch
    # addresses
    kernel: str
    modules: str
    # checksums of both, by name; an artifact without one is not checked
    sha256: Mapping[str, str] = field(default_factory=dict)


# KernelCI's codes for a lab that failed, a test whose own code failed, a job that cannot be run
INFRASTRUCTURE, TEST, INVALID = "Infrastructure", "Test", "invalid_job_params"


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a job ended."""

    # pass, fail, skip, or incomplete
    result: str
    # why it is incomplete
    error: str = ""
    # KernelCI's code for the reason
    code: str = INFRASTRUCTURE


def parse_event(event: object) -> Offer | None:
    """Return the job that an event of the API offers; None if it offers none. Raises RefusedError."""
    node = _record(_record(event).get("node"))
    address = _record(node.get("artifacts")).get("job_definition")
    if node.get("kind") != "job" or not address:
        return None
    if not isinstance(node.get("id"), str) or not _NODE.fullmatch(node["id"]):
        raise RefusedError(f"it has no id: {node.get('id')!r}")
    if not is_address(address):
        raise RefusedError(f"its job_definition is not an address: {address!r}")
    data = _record(node.get("data"))
    return Offer(
        node=node["id"],
        definition=address,
        runtime=str(data.get("runtime") or ""),
        platform=str(data.get("platform") or ""),
        is_free=_is_free(node),
    )


def parse_definition(definition: object) -> Job:
    """Return what a job definition asks for. Raises RefusedError."""
    artifacts = _record(_record(definition).get("artifacts"))
    name = _record(_record(definition).get("environment")).get("arch")
    arch = find_arch(name)
    if arch is None:
        raise RefusedError(f"it is for the architecture {name!r}")
    for artifact in ("kernel", "modules"):
        if not is_address(artifacts.get(artifact)):
            raise RefusedError(f"it has no address of its {artifact}")
    sums = _record(_record(_record(definition).get("integrity")).get("sha256"))
    known: dict[str, str] = {key: str(sums[key]).lower() for key in ("kernel", "modules") if key in sums}
    if wrong := [key for key, text in known.items() if not is_sha256(text)]:
        raise RefusedError(f"the SHA-256 of its {wrong[0]} is not one: {sums[wrong[0]]!r}")
    return Job(arch=arch, kernel=artifacts["kernel"], modules=artifacts["modules"], sha256=known)


def find_arch(name: object) -> Arch | None:
    """Return the architecture of KernelCI's name for it: our name, or the kernel's ARCH."""
    return next((row for row in ARCHES.values() if name in (row.name, row.kernel_arch)), None)


def claimed(node: Mapping[str, Any], job_id: str) -> dict[str, Any] | None:
    """Return the fields of a node that claim it; None if it is not free any more.

    The API has no state for that: a lab writes an id of its own into an available job.
    """
    return {"data": _record(node.get("data")) | {"job_id": job_id}} if _is_free(node) else None


def finished(node: Mapping[str, Any], ending: Ending) -> dict[str, Any]:
    """Return the fields of a node whose job is done."""
    fields: dict[str, Any] = {"state": "done", "result": ending.result}
    if ending.error:
        reason = {"error_code": ending.code, "error_msg": ending.error}
        fields["data"] = _record(node.get("data")) | reason
    return fields


def _is_free(node: Mapping[str, Any]) -> bool:
    return node.get("state") == "available" and not _record(node.get("data")).get("job_id")


def is_address(text: object) -> bool:
    """Whether something is an http or https address."""
    return isinstance(text, str) and text.startswith(("http://", "https://"))


def _record(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}
