#!/bin/sh
# A USB driver that supports some releases of a device has an alias with ranges, usb:v1209p0001d010[1-9]dc*..., as the kernel's build
# writes it. busybox's modprobe takes every "-" of modules.alias for a "_", in brackets too, so the range becomes two digits and a
# sign. What it finds for a device of release
#
#   1.01, 1.09   the module
#   1.02 to 1.08 nothing: "not found in modules.dep"
#
# kmod finds the module for all nine. Outside of brackets both commands take the signs for each other, also in a device's name: a node
# with the compatible "toy,my_dev" finds the module for "toy,my-dev", whose driver does not bind to it.
#
# Debian's busybox-static 1:1.37.0-6+b9 and kmod 34.2-2; depmod is kmod's.
#
# What it means here: an image has busybox's modprobe. Tests load modules by `vm.insmod`, which asks no alias (docs/packs.md).
#
# Needs mmdebstrap, gcc, and user namespaces or root. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="kmod=34.2-2,busybox-static=1:1.37.0-6+b9" trixie "$dir/root" "deb $mirror trixie main"
cd "$dir"
loader=root/lib64/ld-linux-x86-64.so.2
[ -e "$loader" ] || loader=root/usr/lib64/ld-linux-x86-64.so.2
kmod() { name=$1; shift; "$loader" --argv0 "$name" --library-path root/usr/lib/x86_64-linux-gnu root/usr/bin/kmod "$@"; }
release=$(uname -r)
modules=guest/lib/modules/$release
mkdir -p guest/bin "$modules/kernel"
cp root/usr/bin/busybox guest/bin/busybox
# what modpost writes of { USB_DEVICE_VER(0x1209, 0x0001, 0x0101, 0x0109) }, and of a compatible
cat >toy.c <<'END'
#define INFO(name, text) static const char name[] __attribute__((section(".modinfo"), used)) = text
INFO(alias, "alias=usb:v1209p0001d010[1-9]dc*dsc*dp*ic*isc*ip*in*");
INFO(node, "alias=of:N*T*Ctoy,my-dev");
INFO(name, "name=toy");
END
gcc -c -o "$modules/kernel/toy.ko" toy.c
: >"$modules/modules.order"
: >"$modules/modules.builtin"
: >"$modules/modules.builtin.modinfo"
kmod depmod -b guest "$release"
busybox() { unshare --map-root-user chroot guest /bin/busybox "$@"; }
echo "$(busybox | head -n 1), $(kmod modprobe --version | head -n 1)"
cat "$modules/modules.alias"
find_module() { # DEVICE'S ALIAS, WORD FOR IT
	device=$1
	by_busybox=$(busybox modprobe -D "$device" 2>&1 | sed 's/.* \(not found\)/\1/; s,.*/,,; s/ *$//')
	by_kmod=$(kmod modprobe -q -d guest -R "$device") || by_kmod=nothing
	echo "$2: busybox $by_busybox, kmod $by_kmod"
}
{
	for number in 1 2 5 8 9; do
		find_module "usb:v1209p0001d010${number}dc00dsc00dp00icFFiscFFip00in00" "1.0$number"
	done
	find_module "of:NtoyT(null)Ctoy,my_dev" my_dev
	find_module "of:NtoyT(null)Ctoy,mydev" mydev
} >seen
cat seen
cat >wanted <<'END'
1.01: busybox toy.ko, kmod toy
1.02: busybox not found in modules.dep, kmod toy
1.05: busybox not found in modules.dep, kmod toy
1.08: busybox not found in modules.dep, kmod toy
1.09: busybox toy.ko, kmod toy
my_dev: busybox toy.ko, kmod toy
mydev: busybox not found in modules.dep, kmod nothing
END
cmp -s seen wanted || { echo "changed: no longer as described" >&2; exit 1; }
