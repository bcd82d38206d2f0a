#!/bin/sh
# dmesg -F reads a kernel's log from a file. A log from a serial console has times and no levels, "[    1.204000] toy: probe",
# and of such a file dmesg makes one record, without an error: all lines but the first belong to the first one's message.
# With -J that is a list of one, with -t the other times stay, with -d none has a difference. A log that has some levels is
# cut at those only. -l err,warn leaves nothing of the console's log, status 0, as if nothing had failed.
#
# Debian's util-linux 2.41.5-0+deb13u1. What dmesg -r prints, "<6>[    1.204000] toy: probe", is read as it was.
#
# What it means here: console.log of a run is for `rustbed explain`, which reads both forms (docs/splats.md).
#
# Needs mmdebstrap and python3. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="util-linux=2.41.5-0+deb13u1" trixie "$dir/root" "deb $mirror trixie main"
python3 - "$dir" <<'END'
import json, os, subprocess, sys

work = sys.argv[1]
root = f"{work}/root"
loader = next(path for path in (f"{root}/lib64/ld-linux-x86-64.so.2", f"{root}/usr/lib64/ld-linux-x86-64.so.2") if os.path.exists(path))


def dmesg(*options):
    command = [loader, "--library-path", f"{root}/usr/lib/x86_64-linux-gnu", f"{root}/usr/bin/dmesg", *options]
    return subprocess.run(command, check=True, text=True, capture_output=True).stdout


def records(log):
    """Return the messages of a log by -J, and what is left of it by -l err,warn."""
    with open(f"{work}/log", "w") as file:
        file.write("\n".join(log) + "\n")
    found = [each["msg"] for each in json.loads(dmesg("-J", "-F", f"{work}/log"))["dmesg"]]
    left = dmesg("-l", "err,warn", "-F", f"{work}/log").split("\n")
    print(*log, f"-J:         {found}", f"-l err,warn {left}", "", sep="\n")
    return found, [line for line in left if line]


print(dmesg("--version"), end="")
PROBE, FAILED, GONE = "[    1.204000] toy: probe", "[    1.205000] toy: failed", "[    1.206000] toy: gone"
as_described = [
    records([PROBE, FAILED, GONE]),
    records([f"<6>{PROBE}", FAILED, f"<4>{GONE}"]),
    records([f"<6>{PROBE}", f"<3>{FAILED}", f"<4>{GONE}"]),
] == [
    ([f"toy: probe\n{FAILED}\n{GONE}"], []),
    ([f"toy: probe\n{FAILED}", "toy: gone"], [GONE]),
    (["toy: probe", "toy: failed", "toy: gone"], [FAILED, GONE]),
]
sys.exit(0 if as_described else "changed: no longer as described")
END
