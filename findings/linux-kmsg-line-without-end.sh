#!/bin/sh
# What is written to /dev/kmsg without a newline at its end is a record that nobody is shown: not by dmesg, and not by
# reading /dev/kmsg. It waits for more of its line. Any other record ends it: then both are there. The write itself
# returned at once, without an error. The QR code of a panic screen, too, lacked such a last record.
#
# Debian's linux-binary-7.3.4+deb13-amd64 in qemu-system-x86 1:11.1.3+ds-1~bpo13+1, with trixie's busybox-static.
#
# What it means here: the last thing that a test writes there needs its newline; the harness's own marks have theirs
# (harness/guest/kmsg.py), and so they show what was written before them.
#
# Needs mmdebstrap and python3; takes a minute. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
version=1:11.1.3+ds-1~bpo13+1
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="qemu-system-x86=$version,qemu-system-common=$version,qemu-system-data=$version,seabios/trixie-backports,linux-binary-7.3.4+deb13-amd64/trixie-backports,busybox-static" trixie "$dir/root" \
	"deb $mirror trixie main" "deb $mirror trixie-backports main"
cat >"$dir/init" <<'END'
#!/bin/sh
/bin/busybox mkdir -p /dev /proc
/bin/busybox mount -t devtmpfs none /dev
/bin/busybox mount -t proc none /proc
exec >/dev/ttyS0 2>&1
seen() { echo "$1: dmesg $(/bin/busybox dmesg | /bin/busybox grep -c "$2"), kmsg $(/bin/busybox timeout 2 /bin/busybox cat /dev/kmsg | /bin/busybox grep -c "$2")"; }
/bin/busybox printf '<6>with an end\n' >/dev/kmsg
seen "with its newline" "with an end"
/bin/busybox printf '<6>without an end' >/dev/kmsg
seen "without" "without an end"
/bin/busybox printf '<6>another\n' >/dev/kmsg
seen "without, after another record" "without an end"
/bin/busybox poweroff -f
END
python3 - "$dir" <<'END'
import os, subprocess, sys

work = sys.argv[1]
root = f"{work}/root"


def find(*places):
    return next(path for path in places if os.path.exists(path))


def member(name, mode, data=b""):
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


busybox = open(find(f"{root}/usr/bin/busybox", f"{root}/bin/busybox"), "rb").read()
with open(f"{work}/initramfs", "wb") as image:
    for name in ("bin", "dev", "proc"):
        image.write(member(name, 0o40755))
    image.write(member("bin/busybox", 0o100755, busybox))
    image.write(member("bin/sh", 0o120777, b"busybox"))
    image.write(member("init", 0o100755, open(f"{work}/init", "rb").read()))
    image.write(member("TRAILER!!!", 0))

lib = f"{root}/usr/lib/x86_64-linux-gnu"
loader = find(f"{root}/lib64/ld-linux-x86-64.so.2", f"{root}/usr/lib64/ld-linux-x86-64.so.2")
os.environ["QEMU_MODULE_DIR"] = f"{lib}/qemu"
qemu = [loader, "--library-path", lib, f"{root}/usr/bin/qemu-system-x86_64",
        "-L", f"{root}/usr/share/qemu", "-L", f"{root}/usr/share/seabios"]
print(subprocess.check_output([*qemu, "--version"], text=True).splitlines()[0])
print(subprocess.check_output([find(f"{root}/usr/bin/busybox", f"{root}/bin/busybox")], text=True).splitlines()[0])
kernel = f"{root}/usr/lib/modules/7.3.4+deb13-amd64/vmlinuz"
argv = [*qemu, "-accel", "tcg", "-m", "512", "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio",
        "-kernel", kernel, "-initrd", f"{work}/initramfs", "-append", "console=ttyS0 quiet panic=-1"]
console = subprocess.check_output(argv, text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=600)
lines = [line.strip() for line in console.splitlines() if ": dmesg " in line]
print(*lines, sep="\n")
expected = ["with its newline: dmesg 1, kmsg 1", "without: dmesg 0, kmsg 0", "without, after another record: dmesg 1, kmsg 1"]
sys.exit(0 if lines == expected else f"changed: {console[-2000:]}")
END
