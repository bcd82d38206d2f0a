#!/bin/sh
# modprobe reads the kernel's command line for what concerns modules. kmod's and busybox's read it in two ways, and the kernel, for a driver that
# is built in, in a third. For a module in toy-mod.ko, which is named toy_mod, with the parameters level and name:
#
#                                        kmod              busybox           the kernel
#   modprobe.blacklist=toy-mod           is loaded         is not
#   modprobe.blacklist=toy_mod           is not loaded     is not
#   toy-mod.level=3                      level=3           nothing           level=3
#   "toy_mod.name=a b"                   name="a b"        nothing           name="a b"
#   toy_mod.name="a b"                   name="a b"        name="a b"        name="a b"
#   quiet -- toy_mod.level=3             level=3           level=3           nothing: what follows "--" is init's
#
# With kmod, "blacklist toy-mod" in a file of modprobe.d does hold: there the sign becomes "_". Modules are asked for as udev does, by an alias.
#
# Debian's kmod 34.2-2 and busybox-static 1:1.37.0-6+b9; the kernel's column is from its admin-guide/kernel-parameters and lib/cmdline.c.
#
# What it means here: an image has busybox's modprobe, and distributions have kmod's. A name with "_" and quotes behind "=" mean the same to all
# (docs/packs.md).
#
# Needs mmdebstrap, gcc, and user namespaces or root. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="kmod=34.2-2,busybox-static=1:1.37.0-6+b9" trixie "$dir/root" "deb $mirror trixie main" || exit 2
cd "$dir"
release=$(uname -r)
modules=guest/lib/modules/$release
mkdir -p guest/bin guest/proc "$modules/kernel" none file
cp root/usr/bin/busybox guest/bin/busybox
: >guest/proc/cmdline
cat >toy.c <<'END'
#define INFO(name, text) static const char name[] __attribute__((section(".modinfo"), used)) = text
INFO(name, "name=toy_mod");
INFO(alias, "alias=toy:1");
INFO(level, "parmtype=level:int");
INFO(text, "parmtype=name:charp");
END
gcc -c -o "$modules/kernel/toy-mod.ko" toy.c
: >"$modules/modules.order"
: >"$modules/modules.builtin"
: >"$modules/modules.builtin.modinfo"
echo 'blacklist toy-mod' >file/toy.conf
cat >try.sh <<'END'
loader=root/lib64/ld-linux-x86-64.so.2
[ -e "$loader" ] || loader=root/usr/lib64/ld-linux-x86-64.so.2
kmod() { name=$1; shift; "$loader" --argv0 "$name" --library-path root/usr/lib/x86_64-linux-gnu root/usr/bin/kmod "$@"; }
kmod depmod -b guest "$1"
with() { # COMMAND LINE, COMMAND
	echo "$1" >cmdline
	shift
	mount --bind cmdline /proc/cmdline
	mount --bind cmdline guest/proc/cmdline
	"$@" 2>&1 | sed 's,insmod .*/,,; s, *$,,' | grep . || echo 'not loaded'
	umount guest/proc/cmdline /proc/cmdline
}
echo "$(kmod modprobe --version | head -n 1), $(guest/bin/busybox | head -n 1 | cut -d ' ' -f 1-2)"
release=$1
by_kmod() { kmod modprobe -d guest -S "$release" -C "$1" -b -n -v toy:1; }
by_busybox() { chroot guest /bin/busybox modprobe -b -D toy:1; }
echo "a file has blacklist toy-mod: kmod $(with quiet by_kmod file)"
for line in quiet modprobe.blacklist=toy-mod modprobe.blacklist=toy_mod toy-mod.level=3 '"toy_mod.name=a b"' 'toy_mod.name="a b"' 'quiet -- toy_mod.level=3'; do
	echo "$line: kmod $(with "$line" by_kmod none); busybox $(with "$line" by_busybox)"
done
END
unshare --map-root-user --mount sh -eu try.sh "$release" >seen
cat seen
cat >wanted <<'END'
kmod version 34.2, BusyBox v1.37.0
a file has blacklist toy-mod: kmod not loaded
quiet: kmod toy-mod.ko; busybox toy-mod.ko
modprobe.blacklist=toy-mod: kmod toy-mod.ko; busybox not loaded
modprobe.blacklist=toy_mod: kmod not loaded; busybox not loaded
toy-mod.level=3: kmod toy-mod.ko level=3; busybox toy-mod.ko
"toy_mod.name=a b": kmod toy-mod.ko name="a b"; busybox toy-mod.ko
toy_mod.name="a b": kmod toy-mod.ko name="a b"; busybox toy-mod.ko name="a b"
quiet -- toy_mod.level=3: kmod toy-mod.ko level=3; busybox toy-mod.ko level=3
END
cmp -s seen wanted || { echo "changed: no longer as described" >&2; exit 1; }
