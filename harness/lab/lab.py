"""Polls for jobs. A job is claimed, fetched, run and reported.

Each job runs in its own pytest, as a user would start it, and its results files are read.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import TypeVar

from rustbed import cache, process, runfiles
from rustbed.errors import HarnessError, HostError
from rustbed.kernel.builtkernel import load_built
from rustbed.lab import rows
from rustbed.lab.api import EPOCH, PAGE, Api, call, fetch_artifact, fetch_document
from rustbed.lab.files import unpack_modules
from rustbed.lab.job import (
    INVALID,
    Ending,
    Job,
    Offer,
    RefusedError,
    claimed,
    finished,
    parse_definition,
    parse_event,
)
from rustbed.progress import Say
from rustbed.report.results import load_results

_Fetched = TypeVar("_Fetched")

STATE = "lab.json"
REPORT = "kcidb.json"
ENDING = "ending.json"
# KernelCI's name of itself in its database
_MAESTRO = "maestro"


@dataclass(frozen=True, kw_only=True)
class Lab:
    """A lab, and where it keeps what it does."""

    api: Api
    # its name at KernelCI, and patterns of the platforms that it stands in for: other jobs are left alone
    runtime: str
    platforms: tuple[str, ...]
    # its name in the database
    origin: str
    directory: Path
    # pytest's arguments for each kernel
    tests: tuple[str, ...]
    # the database's address and token; None: results are kept in files only
    submit: tuple[str, str] | None = None
    # seconds to wait before each further try of a failed download
    pauses_s: tuple[float, ...] = (2.0, 10.0)

    def poll(self, say: Say) -> int:
        """Run the waiting jobs, and return their number. Raises HostError without the API."""
        self._deliver(say)
        ran, state = 0, self.directory / STATE
        since = _read_cursor(state)
        while True:
            events, began = self.api.events(since), since
            for event in events:
                ran += self._take(event, say)
                # the API promises no order
                since = max(since, str(event.get("timestamp") or ""))
                cache.write_atomically(state, json.dumps({"from": since}))
            # jobs of all labs: a week's are more than one answer has
            if len(events) < PAGE or since == began:
                return ran

    def _take(self, event: dict[str, object], say: Say) -> bool:
        """Claim and run an event's job; return whether it was claimed. A claimed job is always finished."""
        try:
            offer = parse_event(event)
            if offer is None or offer.runtime != self.runtime or not offer.is_free:
                return False
            self._require_platform(offer.platform)
            job = parse_definition(self._persist(partial(fetch_document, offer.definition), say))
        except (RefusedError, HostError) as error:
            say(f"refused: {error}")
            return False
        node = self.api.node(offer.node)
        claim = claimed(node, f"{self.runtime}:{uuid.uuid4().hex}")
        if claim is None:
            say(f"{offer.node}: another lab has claimed it")
            return False
        # before the tests, so that results do not depend on whether the API answers later
        build = self.api.build_of(node)
        self.api.change(offer.node, claim)
        say(f"{offer.node}: {job.arch}, {job.kernel}")
        directory = self.directory / offer.node
        cache.remove_tree(directory)
        directory.mkdir(parents=True)
        # reported by the next start if this lab is killed
        _keep(directory, Ending(result="incomplete", error="the lab was ended"))
        _keep(directory, self._run(offer, build, job, say))
        self._deliver(say)
        return True

    def _require_platform(self, platform: str) -> None:
        """Raise RefusedError for a job of another platform: an emulator says nothing about a board."""
        if not any(fnmatchcase(platform, pattern) for pattern in self.platforms):
            raise RefusedError(f"it is for the platform {platform!r}, not {' or '.join(self.platforms)}")

    def _deliver(self, say: Say) -> None:
        """Report the endings that the API does not know yet. They are kept until then. Raises HostError."""
        for kept in sorted(self.directory.glob(f"*/{ENDING}")):
            ending, node = Ending(**json.loads(kept.read_text())), kept.parent.name
            self.api.change(node, finished(self.api.node(node), ending))
            kept.unlink()
            say(f"{node}: {ending.result}{f': {ending.error}' if ending.error else ''}")

    def _run(self, offer: Offer, build: str | None, job: Job, say: Say) -> Ending:
        directory = self.directory / offer.node
        kernel = directory / "kernel"
        kernel.mkdir()
        try:
            archive = directory / "modules.tar"
            wanted = {"kernel": (job.kernel, kernel / "image"), "modules": (job.modules, archive)}
            for name, (address, to) in wanted.items():
                self._persist(partial(fetch_artifact, address, to, job.sha256.get(name)), say)
            unpack_modules(archive, kernel / "modules")
            archive.unlink()
            load_built(kernel, job.arch, f"the kernel of {offer.node}")
        except HostError as error:
            return Ending(result="incomplete", error=error.headline)
        except (RefusedError, HarnessError) as error:
            return Ending(result="incomplete", error=str(error).partition("\n")[0], code=INVALID)
        return rows.judge_node(self._test(offer, build, job, say))

    def _persist(self, fetch: Callable[[], _Fetched], say: Say) -> _Fetched:
        """Return a download; a failed one is tried again. Raises HostError of the last try."""
        for pause_s in self.pauses_s:
            try:
                return fetch()
            except HostError as error:
                say(f"  {error.headline}: trying again in {pause_s:g} s")
            time.sleep(pause_s)
        return fetch()

    def _test(self, offer: Offer, build: str | None, job: Job, say: Say) -> list[dict[str, object]]:
        """Run the tests on a job's kernel, report them, and return their rows."""
        directory = self.directory / offer.node
        results = directory / "results"
        words = [f"--rustbed-kernel=built:{directory / 'kernel'}", f"--rustbed-arch={job.arch}"]
        argv = [sys.executable, "-m", "pytest", *self.tests, *words, f"--rustbed-results={results}"]
        process.run_logged(argv, log=directory / "pytest.log", on_line=lambda line: say(f"  {line}"))
        junit = results / runfiles.LATEST / runfiles.JUNIT
        if not junit.exists():
            return []
        cases = load_results([junit]).cases
        build_id = f"{_MAESTRO}:{build or f'unknown_{offer.node}'}"
        made = rows.make_rows(cases, self.origin, offer.node, build_id, offer.platform)
        report = rows.make_report(made)
        (directory / REPORT).write_text(json.dumps(report, indent=1))
        if self.submit is not None:
            address, token = self.submit
            try:
                call(address, token, "POST", report)
            except HostError as error:
                # the rows are kept, and the node has the result anyway
                say(f"  {error.headline}; the results are in {directory / REPORT}")
        return made


def _keep(directory: Path, ending: Ending) -> None:
    cache.write_atomically(directory / ENDING, json.dumps(asdict(ending)))


def _read_cursor(state: Path) -> str:
    try:
        since = json.loads(state.read_text())["from"]
    except (OSError, ValueError, KeyError, TypeError):
        return EPOCH
    return since if isinstance(since, str) else EPOCH
