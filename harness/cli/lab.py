"""`rustbed lab`: runs tests on kernels that KernelCI built, as one of its pull labs."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from rustbed.cli.terminal import complain, say
from rustbed.errors import HostError, UsageError
from rustbed.lab.api import Api, require_private
from rustbed.lab.lab import Lab
from rustbed.lab.rows import is_origin

TOKEN, DATABASE_TOKEN = "KERNELCI_API_TOKEN", "KCIDB_JWT"
# KernelCI's names of emulated platforms: qemu-x86_64, qemu-arm64
_EMULATED = "qemu*"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the source of jobs and the target of results; unknown arguments go to pytest."""
    parser.set_defaults(pytest_args=[])
    parser.add_argument(
        "--kernelci", required=True, metavar="API", help=f"address of KernelCI's API; ${TOKEN} has the token"
    )
    parser.add_argument("--runtime", required=True, metavar="NAME", help="this lab's name at KernelCI")
    parser.add_argument(
        "--platform",
        action="append",
        metavar="PATTERN",
        help="run the jobs of these platforms of KernelCI; may be given several times"
        f" (default: {_EMULATED})",
    )
    parser.add_argument(
        "--origin",
        default="rustbed",
        metavar="NAME",
        help="this lab's name in the database (default: rustbed)",
    )
    parser.add_argument(
        "--kcidb", metavar="URL", help=f"submit results to this address; ${DATABASE_TOKEN} has the token"
    )
    parser.add_argument("--once", action="store_true", help="run the jobs that are waiting, then exit")
    parser.add_argument(
        "--interval",
        type=float,
        default=45.0,
        metavar="SECONDS",
        help="seconds between two polls for jobs (default: 45)",
    )
    parser.add_argument(
        "--directory",
        default="results/lab",
        metavar="DIR",
        help="where jobs, state and evidence are kept (default: results/lab)",
    )


def run(args: argparse.Namespace) -> int:
    """Poll until interrupted, or once: 0, or 2 if the API was unreachable that once. Raises UsageError."""
    if not is_origin(args.origin):
        raise UsageError(f"{args.origin!r} is not an origin: it has small letters, digits and _ only")
    lab = Lab(
        api=Api(base=args.kernelci.rstrip("/"), token=_require_variable(TOKEN)),
        runtime=args.runtime,
        platforms=tuple(args.platform or (_EMULATED,)),
        origin=args.origin,
        directory=Path(args.directory).absolute(),
        tests=tuple(args.pytest_args),
        submit=_submit(args.kcidb),
    )
    lab.directory.mkdir(parents=True, exist_ok=True)
    while True:
        try:
            ran = lab.poll(say)
        except HostError as error:
            if args.once:
                return complain(error.headline, 2)
            say(f"{error.headline}: trying again in {args.interval:g} s")
        else:
            if args.once:
                say(f"jobs run: {ran}")
                return 0
        time.sleep(args.interval)


def _submit(address: str | None) -> tuple[str, str] | None:
    if address is None:
        return None
    require_private(address)
    return address, _require_variable(DATABASE_TOKEN)


def _require_variable(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise UsageError(f"${name} is not set", fix=f"export {name}=... (never an argument: ps shows those)")
    return value
