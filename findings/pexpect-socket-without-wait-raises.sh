#!/bin/sh
# expect(pattern, timeout=0) of pexpect looks whether something is there, and raises pexpect.TIMEOUT, or returns the index of it
# in the list of patterns, if it is not. SocketSpawn hands the 0 on to the socket, where it means "do not block", and
# BlockingIOError comes out. A list with TIMEOUT in it does not help. fdspawn on the same socket does what is documented.
#
# pexpect 4.9.0.
#
# What it means here: the shell never waits for less than 1 ms (harness/guest/shell.py).
#
# Needs python3. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pexpect==4.9.0 ptyprocess==0.7.0 2>"$dir/pip.log" || { cat "$dir/pip.log" >&2; exit 2; }
"$dir/venv/bin/python" - <<'END'
import socket, sys

import pexpect
from pexpect.fdpexpect import fdspawn
from pexpect.socket_pexpect import SocketSpawn


def ask(spawn, patterns, timeout):
    try:
        return spawn.expect(patterns, timeout=timeout)
    except Exception as error:
        return type(error).__name__


seen = {}
for kind in (SocketSpawn, fdspawn):
    near, far = socket.socketpair()
    spawn = kind(near)
    listed = ["ready", pexpect.TIMEOUT]
    seen[kind.__name__] = ask(spawn, "ready", 0), ask(spawn, listed, 0), ask(spawn, listed, 0.1)
print("pexpect", pexpect.__version__)
for kind, answers in seen.items():
    print(f"{kind}: alone {answers[0]}, with TIMEOUT in the list {answers[1]}, that for 0.1 s {answers[2]}")
as_described = seen == {"SocketSpawn": ("BlockingIOError", "BlockingIOError", 1), "fdspawn": ("TIMEOUT", 1, 1)}
sys.exit(0 if as_described else "changed: no longer as described")
END
