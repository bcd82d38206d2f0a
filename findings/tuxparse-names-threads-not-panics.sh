#!/bin/sh
# tuxparse names each failure in a kernel log, once without and once with a checksum, so that the same failure is found in
# other runs. Two unrelated Rust panics get the same name, because all of them end in "kernel BUG at rust/helpers/bug.c"; the
# two lines before that, which say where and why, are not in the excerpt. With CONFIG_PRINTK_CALLER the opposite happens:
# the number of the thread becomes part of the name and the checksum of everything that begins with "cut here", so the same
# warning has no name in common with that of the next run.
#
# tuxparse 0.6.0, --log-parser boot_test; the logs are in the form of Linux 7.3.
#
# What it means here: `rustbed explain` gives that warning one fingerprint in all three logs, and the two panics two, made of
# message and source file (docs/ci.md, "Fingerprints").
#
# Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check tuxparse==0.6.0 2>"$dir/pip.log" || { cat "$dir/pip.log" >&2; exit 2; }
cd "$dir"
venv/bin/python - <<'END'
import json
import subprocess
import sys
from importlib.metadata import version

print("tuxparse", version("tuxparse"))


def panic(place, reason, function):
    return f"""rust_kernel: panicked at {place}:
{reason}
------------[ cut here ]------------
kernel BUG at rust/helpers/bug.c:7!
Oops: invalid opcode: 0000 [#1] SMP
CPU: 1 UID: 0 PID: 88 Comm: cat Not tainted 7.3.4 #1 PREEMPT
RIP: 0010:rust_helper_BUG+0x8/0x10
Call Trace:
 <TASK>
 {function}+0x7e/0x90 [toy]
 </TASK>
---[ end trace 0000000000000000 ]---"""


WARNING = """------------[ cut here ]------------
WARNING: drivers/toy/toy.c:12 at toy_probe+0x10/0x20 [toy], CPU#0: cat/88
CPU: 1 UID: 0 PID: 88 Comm: cat Not tainted 7.3.4 #1 PREEMPT
---[ end trace 0000000000000000 ]---"""


def names(log, caller=""):
    """Return the names that the log's failures get, and whether any excerpt has Rust's own words."""
    with open("log", "w") as file:
        file.writelines(f"[   11.000000]{caller} {line}\n" for line in log.splitlines())
    command = ["venv/bin/tuxparse", "--log-parser", "boot_test", "--log-file", "log"]
    found = json.loads(subprocess.check_output(command))["log-parser-boot"]
    print(*found, sep="\n")
    excerpts = [line for each in found.values() for line in each["log_excerpt"]]
    return set(found), any("panicked" in line or "divide" in line for line in excerpts)


toy, toy_said = names(panic("drivers/toy/toy.rs:42:9", "attempt to divide by zero", "toy_read"))
net, net_said = names(panic("drivers/net/net.rs:7:1", "index out of bounds: the len is 4 but the index is 9", "net_open"))
plain, _ = names(WARNING)
first, _ = names(WARNING, "[   T88]")
second, _ = names(WARNING, "[  T412]")
as_described = (
    toy & net == {"exception-kernel_BUG_at_rust_helpers_bug"} and not toy_said and not net_said
    and "exception-WARNING_drivers_toy_toy_at_toy_probe" in plain
    and "exception-T88_WARNING_drivers_toy_toy_at_toy_probe" in first
    and "exception-T412_WARNING_drivers_toy_toy_at_toy_probe" in second
    and len(first) == len(second) == 2 and not first & second
)
sys.exit(0 if as_described else "changed: no longer as described")
END
