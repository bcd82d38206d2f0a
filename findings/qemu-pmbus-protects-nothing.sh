#!/bin/sh
# WRITE_PROTECT of PMBus with the value 0x80 disables all commands that write, but for itself (PMBus 1.3, part II, 11.1). QEMU's chips
# acknowledge the value, show it when they are asked, and take every write as before:
#
#   max34451, VOUT_OV_WARN_LIMIT    0x7fff, and 0x155 when that is written
#   isl69260, VOUT_COMMAND          0x384, and 0x155
#
# QEMU's adm1272 compares with limits that the part does not have, and that are 0: when 12 V are set from outside, STATUS_VOUT has bit 7, a
# fault by overvoltage, while VOUT_OV_WARN_LIMIT is 0xfff, the widest there is. The ADM1275's data sheet, of the same family,
# says of that bit "always reads as 0". CLEAR_FAULTS clears it, until the next value is set.
#
# Debian's qemu-system-arm 1:11.1.3+ds-1~bpo13+1. No guest runs: a bus is driven bit by bit through qtest.
#
# What it means here: a driver that forgets to lift the protection works with QEMU's chips, and one that heeds the status finds faults
# (docs/devices.md, "QEMU's own chips").
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
import atexit, json, os, socket, subprocess, sys

root = sys.argv[1]
lib = f"{root}/usr/lib/x86_64-linux-gnu"
loader = next(path for path in (f"{root}/lib64/ld-linux-x86-64.so.2", f"{root}/usr/lib64/ld-linux-x86-64.so.2") if os.path.exists(path))
qemu = [loader, "--library-path", lib, f"{root}/usr/bin/qemu-system-arm", "-L", f"{root}/usr/share/qemu"]
os.environ["QEMU_MODULE_DIR"] = f"{lib}/qemu"
print(subprocess.check_output([*qemu, "--version"], text=True).splitlines()[0])
# the board's bus: writing a pin to the first address raises it, to the second lowers it
BUS, SCL, SDA = 0x10002000, 1, 2
ADM1272, MAX34451, ISL69260 = 0x10, 0x11, 0x12
ours, theirs = socket.socketpair()
process = subprocess.Popen(
    [*qemu, "-machine", "versatilepb,accel=qtest,audiodev=none", "-audiodev", "none,id=none", "-display", "none", "-nodefaults",
     "-device", f"adm1272,id=adm1272,bus=i2c,address={ADM1272}", "-device", f"max34451,bus=i2c,address={MAX34451}",
     "-device", f"isl69260,bus=i2c,address={ISL69260}", "-qtest", "stdio", "-qtest-log", "none",
     "-chardev", f"socket,id=m,fd={theirs.fileno()}", "-mon", "chardev=m,mode=control"],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, pass_fds=(theirs.fileno(),))
atexit.register(process.kill)
theirs.close()
monitor = ours.makefile("rw")
monitor.readline()


def execute(command, **arguments):
    print(json.dumps({"execute": command, "arguments": arguments}), file=monitor, flush=True)
    if "return" not in (answer := json.loads(monitor.readline())):
        raise SystemExit(f"changed: {answer}")


execute("qmp_capabilities")


def say(text):
    print(text, file=process.stdin, flush=True)
    while not (line := process.stdout.readline()).startswith("OK"):
        pass
    return int((line.split() + ["0"])[1], 0)


def pins(*levels):
    for pin, high in levels:
        say(f"writel {BUS + (0 if high else 4):#x} {pin}")


def begin(*sent):
    pins((SDA, 1), (SCL, 1), (SDA, 0), (SCL, 0))
    for byte in sent:
        for bit in f"{byte:08b}":
            pins((SDA, bit == "1"), (SCL, 1), (SCL, 0))
        pins((SDA, 1), (SCL, 1))
        if say(f"readl {BUS:#x}") & SDA:
            raise SystemExit("changed: not acknowledged")
        pins((SCL, 0))


def end():
    pins((SDA, 0), (SCL, 1), (SDA, 1))


def write(chip, *data):
    begin(chip << 1, *data)
    end()


def read(chip, command, count=1):
    """Return a number, whose lower byte comes first."""
    begin(chip << 1, command)
    begin(chip << 1 | 1)
    found = 0
    for at in range(count):
        for bit in reversed(range(8)):
            pins((SDA, 1), (SCL, 1))
            found |= (say(f"readl {BUS:#x}") >> 1 & 1) << 8 * at + bit
            pins((SCL, 0))
        # the last byte is not acknowledged
        pins((SDA, at == count - 1), (SCL, 1), (SCL, 0))
    end()
    return found


CLEAR_FAULTS, WRITE_PROTECT, VOUT_COMMAND, OV_WARN_LIMIT, UV_WARN_LIMIT, STATUS_WORD, STATUS_VOUT, READ_VOUT = 3, 0x10, 0x21, 0x42, 0x43, 0x79, 0x7A, 0x8B
seen = []


def note(what, *values):
    print(f"{what}:", *(f"{value:#x}" for value in values))
    seen.append(values)


def status(chip):
    return read(chip, STATUS_WORD, 2), read(chip, STATUS_VOUT)


note("adm1272 at first", *status(ADM1272), read(ADM1272, READ_VOUT, 2))
execute("qom-set", path="/machine/peripheral/adm1272", property="vout", value=12000)
note("adm1272 at 12 V; limits of its warnings", *status(ADM1272), read(ADM1272, OV_WARN_LIMIT, 2), read(ADM1272, UV_WARN_LIMIT, 2))
write(ADM1272, CLEAR_FAULTS)
note("after CLEAR_FAULTS", *status(ADM1272))
for name, chip, command in (("max34451", MAX34451, OV_WARN_LIMIT), ("isl69260", ISL69260, VOUT_COMMAND)):
    before = read(chip, command, 2)
    write(chip, WRITE_PROTECT, 0x80)
    write(chip, command, 0x55, 0x01)
    note(f"{name}, protected: 0x10; the command before and after", read(chip, WRITE_PROTECT), before, read(chip, command, 2))
as_described = seen == [
    (0, 0, 0x1E7), (0xC000, 0x80, 0xFFF, 0), (0, 0),
    (0x80, 0x7FFF, 0x155), (0x80, 0x384, 0x155),
]
sys.exit(0 if as_described else "changed: no longer as described")
END
