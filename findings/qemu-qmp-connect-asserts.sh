#!/bin/sh
# QMPClient.connect() of qemu.qmp says that it raises ConnectError when no session comes to be. Without a
# greeting to wait for (await_greeting and negotiate off, for a QEMU that was negotiated with before), a peer
# that has gone is noticed by the reader while connect() is about to return: what comes is a bare
# AssertionError, and the client is left in the state DISCONNECTING instead of IDLE. With the greeting it is the
# ConnectError.
#
# qemu.qmp 0.0.6, the newest on PyPI.
#
# What it means here: the monitor of a copied machine takes that AssertionError for a QEMU that is gone.
#
# Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check qemu.qmp==0.0.6 2>"$dir/pip.log" || { cat "$dir/pip.log" >&2; exit 2; }
"$dir/venv/bin/python" - <<'END'
import asyncio
import logging
import socket
import sys
from importlib.metadata import version

from qemu.qmp import ConnectError, QMPClient, Runstate

logging.disable()
print("qemu.qmp", version("qemu.qmp"))


async def connect(greeting):
    ours, theirs = socket.socketpair()
    theirs.close()
    client = QMPClient("finding")
    client.await_greeting = client.negotiate = greeting
    try:
        await client.connect(ours)
        raised = None
    except (ConnectError, AssertionError) as error:
        raised = type(error)
    state = client.runstate
    print("greeting:", greeting, "raised:", raised, "state:", state.name)
    return raised, state


with_greeting, without = asyncio.run(connect(True)), asyncio.run(connect(False))
as_described = with_greeting == (ConnectError, Runstate.IDLE) and without == (AssertionError, Runstate.DISCONNECTING)
sys.exit(0 if as_described else "changed: no longer as described")
END
