#!/bin/sh
# QMP's device-list-properties and qom-list say that led0 of QEMU's pca9552 and pin0 of its pca9554 are of type "bool". They
# have no booleans: qom-get answers with a word, and qom-set refuses true and false. The words are not those of QEMU's
# command line (on, off, true, yes), and those of one chip are refused by the other:
#
#   pca9552 led0   off, on, pwm0, pwm1
#   pca9554 pin0   low, high
#
# "off" is true for Python's bool(). A client that goes by the types that QEMU states gets all of this wrong.
#
# Debian's qemu-system-arm 1:11.1.3+ds-1~bpo13+1. No guest runs.
#
# What it means here: docs/devices.md, "QEMU's own chips".
#
# Needs mmdebstrap and python3. Exit status 0: as described.
set -eu
version=1:11.1.3+ds-1~bpo13+1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="qemu-system-arm=$version,qemu-system-common=$version,qemu-system-data=$version" trixie "$dir/root" \
	"deb $mirror trixie main" "deb $mirror trixie-backports main"
python3 - "$dir/root" <<'END'
import atexit, json, os, subprocess, sys

root = sys.argv[1]
lib = f"{root}/usr/lib/x86_64-linux-gnu"
loader = next(path for path in (f"{root}/lib64/ld-linux-x86-64.so.2", f"{root}/usr/lib64/ld-linux-x86-64.so.2") if os.path.exists(path))
qemu = [loader, "--library-path", lib, f"{root}/usr/bin/qemu-system-arm", "-L", f"{root}/usr/share/qemu"]
os.environ["QEMU_MODULE_DIR"] = f"{lib}/qemu"
print(subprocess.check_output([*qemu, "--version"], text=True).splitlines()[0])
machine = subprocess.Popen(
    [*qemu, "-machine", "versatilepb,accel=qtest,audiodev=none", "-audiodev", "none,id=none", "-display", "none", "-nodefaults", "-qtest", "null", "-qmp", "stdio",
     "-device", "pca9552,bus=i2c,address=0x60,id=pca9552", "-device", "pca9554,bus=i2c,address=0x20,id=pca9554"],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
atexit.register(machine.kill)
machine.stdout.readline()


def execute(command, **arguments):
    print(json.dumps({"execute": command, "arguments": arguments}), file=machine.stdin, flush=True)
    return json.loads(machine.stdout.readline())


def words(chip, name, *tried):
    """Return the two types that QEMU states of a property, its first value, and which values it takes."""
    path = f"/machine/peripheral/{chip}"
    stated = {
        each["type"]
        for answer in (execute("device-list-properties", typename=chip), execute("qom-list", path=path))
        for each in answer["return"] if each["name"] == name
    }
    first = execute("qom-get", path=path, property=name)["return"]
    taken = []
    for value in tried:
        answer = execute("qom-set", path=path, property=name, value=value)
        print(f"{chip} {name} = {value!r}:", answer.get("error", {}).get("desc", "taken"))
        if "return" in answer:
            taken.append(execute("qom-get", path=path, property=name)["return"])
    print(f"{chip} {name}: {stated}, {first!r}, taken: {taken}")
    return stated, first, taken


execute("qmp_capabilities")
TRIED = (True, False, 1, "true", "yes", "off", "on", "pwm0", "pwm1", "low", "high")
as_described = (
    words("pca9552", "led0", *TRIED) == ({"bool"}, "off", ["off", "on", "pwm0", "pwm1"])
    and words("pca9554", "pin0", *TRIED) == ({"bool"}, "high", ["low", "high"])
)
machine.kill()
sys.exit(0 if as_described else "changed: no longer as described")
END
