#!/bin/sh
# QEMU does not tell anybody that the server of a vfio-user-pci device is gone. The guest runs on, no event comes by
# QMP, query-status says "running", query-pci still has the device with its ids and its BAR; reads yield all-ones and
# writes are dropped, each with a line on standard error. A driver that takes 0xffffffff for a value, or a test that
# looks at QMP alone, sees nothing.
#
# Debian's qemu-system-x86 1:11.1.3+ds-1~bpo13+1. No guest runs: registers are read by qtest. The server is below.
#
# What it means here: the harness watches its devices in Python and fails the test (harness/devices/watch.py).
#
# Needs mmdebstrap and python3. Exit status 0: as described.
set -eu
version=1:11.1.3+ds-1~bpo13+1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="qemu-system-x86=$version,qemu-system-common=$version,qemu-system-data=$version,seabios/trixie-backports" trixie "$dir/root" \
	"deb $mirror trixie main" "deb $mirror trixie-backports main"
python3 - "$dir" <<'END'
import atexit, json, os, socket, struct, subprocess, sys, threading

work = sys.argv[1]
root = f"{work}/root"
lib = f"{root}/usr/lib/x86_64-linux-gnu"
loader = next(path for path in (f"{root}/lib64/ld-linux-x86-64.so.2", f"{root}/usr/lib64/ld-linux-x86-64.so.2") if os.path.exists(path))
qemu = [loader, "--library-path", lib, f"{root}/usr/bin/qemu-system-x86_64", "-L", f"{root}/usr/share/qemu", "-L", f"{root}/usr/share/seabios"]
os.environ["QEMU_MODULE_DIR"] = f"{lib}/qemu"
print(subprocess.check_output([*qemu, "--version"], text=True).splitlines()[0])
# a device of vendor 1234 with one BAR, that of memory, whose register 0 is 0x11223344
config = bytearray(struct.pack("<HHHHI", 0x1234, 0x5678, 0, 0, 0xFF000000).ljust(256, b"\0"))


def answer(command, sent):
    if command == 1:  # version 0.0
        return struct.pack("<HH", 0, 0) + b'{"capabilities":{}}\0'
    if command == 4:  # what there is: 9 regions, 5 kinds of interrupts
        return struct.pack("<IIII", 16, 3, 9, 5)
    index = struct.unpack_from("<I", sent, 8)[0] if len(sent) >= 12 else 0
    if command == 5:  # a region: BAR 0, or config space
        size = {0: 4096, 7: 256}.get(index, 0)
        return struct.pack("<IIIIQQ", 32, 3 if size else 0, index, 0, size, 0)
    if command == 7:  # interrupts
        return struct.pack("<IIII", 16, 0, index, 0)
    if command == 9:  # read
        offset, region, count = struct.unpack("<QII", sent)
        return sent + (bytes(config[offset : offset + count]) if region == 7 else struct.pack("<I", 0x11223344)[:count])
    if command == 10:  # write
        offset, region, count = struct.unpack_from("<QII", sent)
        if region == 7:
            config[offset : offset + count] = sent[16:]
        return sent[:16]
    return b""


def serve():
    peer, _ = listener.accept()
    peers.append(peer)
    stream = peer.makefile("rb")
    while len(header := stream.read(16)) == 16:
        number, command, size, flags, _ = struct.unpack("<HHIII", header)
        reply = answer(command, stream.read(size - 16))
        if not flags & 0x10:
            peer.sendall(struct.pack("<HHIII", number, command, 16 + len(reply), 1, 0) + reply)


listener, peers = socket.socket(socket.AF_UNIX), []
listener.bind(f"{work}/device")
listener.listen()
server = threading.Thread(target=serve, daemon=True)
server.start()
(ours, theirs) = socket.socketpair()
device = {"driver": "vfio-user-pci", "id": "toy", "addr": "5", "socket": {"type": "unix", "path": f"{work}/device"}}
machine = subprocess.Popen(
    [*qemu, "-machine", "q35,accel=qtest", "-display", "none", "-nodefaults", "-device", json.dumps(device), "-chardev", f"socket,id=q,fd={theirs.fileno()}",
     "-qtest", "chardev:q", "-qtest-log", "none", "-qmp", "stdio"], pass_fds=[theirs.fileno()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
atexit.register(machine.kill)
theirs.close()
bus, events = ours.makefile("rw"), []


def say(text):
    print(text, file=bus, flush=True)
    while not (line := bus.readline()).startswith("OK"):
        pass
    return int((line.split() + ["0"])[1], 0)


def execute(command):
    print(json.dumps({"execute": command}), file=machine.stdin, flush=True)
    while "return" not in (message := json.loads(machine.stdout.readline())):
        events.append(message["event"])
    return message["return"]


def state():
    toy = next(each for each in execute("query-pci")[0]["devices"] if each["qdev_id"] == "toy")
    return say("readl 0xfe000000"), execute("query-status")["status"], toy["id"]["device"], toy["regions"][0]["address"], list(events)


machine.stdout.readline()
execute("qmp_capabilities")
for register, value in ((0x10, 0xFE000000), (0x04, 0x2)):
    say(f"outl 0xcf8 {1 << 31 | 5 << 11 | register:#x}")
    say(f"outl 0xcfc {value:#x}")
before = state()
peers[0].shutdown(socket.SHUT_RDWR)
server.join()
after = state()
execute("quit")
complaints = [line for line in machine.stderr.read().splitlines() if "failed" in line]
print("register, status, device, BAR, events", *(f"{name}: {each}" for name, each in (("before", before), ("after", after))), complaints[-1], sep="\n")
as_described = before == (0x11223344, "running", 0x5678, 0xFE000000, []) and after == (0xFFFFFFFF, *before[1:]) and complaints
sys.exit(0 if as_described else "changed: no longer as described")
END
