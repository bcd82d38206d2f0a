"""A farm's key: one file, shared by its scheduler, its workers and its sessions.

They recognise each other only by this file, and any user who has it can run programs on the farm.
"""

from __future__ import annotations

import os
import shlex
import ssl
from pathlib import Path

from rustbed import process
from rustbed.cache import named
from rustbed.errors import HostError, UsageError, suggest

VARIABLE = "RUSTBED_FARM_KEY"
KEY_HELP = f"${VARIABLE}, else rustbed/farm.pem below $XDG_CONFIG_HOME or ~/.config"
_DAYS = 3650


def key_path() -> Path:
    """Return where this user's key is, or would be. Raises HostError for a user without a home."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen).absolute()
    try:
        directory = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    except RuntimeError as error:
        raise HostError("this user has no home directory for a key", fix=f"{VARIABLE}=FILE") from error
    return Path(directory) / "rustbed" / "farm.pem"


def make_key(path: Path) -> None:
    """Make a key: a private key, and a certificate that it signed for itself.

    Raises UsageError if the file exists, HostError without openssl, and OSError if it cannot be written.
    """
    argv = [process.require_program("openssl"), "req", "-x509", "-nodes", "-days", str(_DAYS)]
    argv += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=rustbed farm"]
    # each end trusts the certificate as the authority that signed the other's
    argv += ["-addext", "basicConstraints=critical,CA:TRUE", "-keyout", "/dev/stdout", "-out", "/dev/stdout"]
    # without the additions of the host's configuration
    made = process.run(argv, attempted="making the key of a farm", env={"OPENSSL_CONF": os.devnull})
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise UsageError(
            f"there is a key already: {path}", fix=f"use it, or remove it: rm {shlex.quote(str(path))}"
        ) from error
    try:
        with named(path), os.fdopen(descriptor, "wb") as file:
            file.write(made.stdout)
    except OSError:
        # half a key would be in the way of a whole one
        path.unlink()
        raise


def require_key() -> Path:
    """Return this user's key. Raises UsageError if there is none, or if the file is not a key."""
    path = key_path()
    client_context(path)
    return path


def client_context(path: Path) -> ssl.SSLContext:
    """Return a context that connects only to schedulers with this key. Raises UsageError without a key."""
    try:
        context = ssl.create_default_context(cafile=path)
        context.load_cert_chain(path)
    except FileNotFoundError as error:
        raise UsageError(
            f"this user has no farm key: {path}",
            fix=f"{suggest('farm init')}, or copy it from a host of the farm",
        ) from error
    except OSError as error:
        raise UsageError(f"not a farm key: {path}: {error.strerror or error}") from error
    # hosts have many names and addresses: the key alone decides
    context.check_hostname = False
    return context
