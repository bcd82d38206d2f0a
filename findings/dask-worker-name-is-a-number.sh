#!/bin/sh
# `dask worker --name 7` makes a worker with the name 7, not "7": a text that looks like a number becomes one, and "007"
# becomes 7. A task that is submitted with workers="7" then waits for ever, without an error or a warning, because "7" is
# taken for the name of a host. workers=7 works, and so does a name with a letter in it.
#
# distributed 2026.8.0.
#
# What it means here: workers of a farm get their names from rustbed, not from that command, and tests are sent to them by
# what they have, not by name (harness/farm/engine.py).
#
# Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check distributed==2026.8.0 2>"$dir/pip.log" || { cat "$dir/pip.log" >&2; exit 2; }
cd "$dir"
cat >names.py <<'END'
import asyncio
import subprocess
import sys
from importlib.metadata import version

from distributed import Client, Scheduler


async def outcome(name, wanted):
    """Return what becomes of a task for the worker `wanted` where there is one that was given `name`."""
    async with Scheduler(host="127.0.0.1", port=0, dashboard_address=None) as scheduler:
        options = ["--name", name, "--nworkers", "1", "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        worker = subprocess.Popen(["venv/bin/dask", "worker", scheduler.address, *options], stderr=subprocess.DEVNULL)
        try:
            async with Client(scheduler.address, asynchronous=True) as client:
                await client.wait_for_workers(1)
                future = client.submit(str, "ran", workers=wanted, pure=False)
                while (state := scheduler.tasks[future.key].state if future.key in scheduler.tasks else "") not in ("no-worker", "memory", "erred"):
                    await asyncio.sleep(0.05)
                # one that waits goes on to wait
                await asyncio.sleep(2)
                state = scheduler.tasks[future.key].state
                taken_for = scheduler.tasks[future.key].host_restrictions
                print(f"--name {name}, workers={wanted!r}: worker {list(scheduler.aliases)}, task {state}, hosts {taken_for}")
                return list(scheduler.aliases), state, taken_for
        finally:
            worker.kill()
            worker.wait()


async def main():
    print("distributed", version("distributed"))
    return (
        await outcome("7", "7") == ([7], "no-worker", {"7"})
        and await outcome("007", "007") == ([7], "no-worker", {"007"})
        and await outcome("7", 7) == ([7], "memory", None)
        and await outcome("bench7", "bench7") == (["bench7"], "memory", None)
    )


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(main()) else "changed: no longer as described")
END
venv/bin/python names.py 2>said || { tail -n 5 said >&2; exit 1; }
