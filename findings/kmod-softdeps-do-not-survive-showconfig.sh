#!/bin/sh
# `modprobe --showconfig` prints the effective configuration, in the form of a file of modprobe.d. A soft dependency with a module before
# and one after loses the space between:
#
#   softdep toy pre: first post: last      as a module or a file says it
#   softdep toy pre: firstpost: last       as it is printed
#
# Read again, this is two modules before: `last` is loaded first instead of last, `first` is not loaded at all, and there is no message.
#
# With one kind (pre: or post: alone), and for options, aliases and blacklists, what is printed means what was read.
#
# Debian's kmod 34.2-2.
#
# What it means here: whoever takes a machine's modprobe configuration along to a test copies its files, not this output (docs/packs.md).
#
# Needs mmdebstrap and gcc. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="kmod=34.2-2" trixie "$dir/root" "deb $mirror trixie main" || exit 2
cd "$dir"
loader=root/lib64/ld-linux-x86-64.so.2
[ -e "$loader" ] || loader=root/usr/lib64/ld-linux-x86-64.so.2
kmod() { name=$1; shift; "$loader" --argv0 "$name" --library-path root/usr/lib/x86_64-linux-gnu root/usr/bin/kmod "$@"; }
modules=guest/lib/modules/6.1.0
mkdir -p "$modules/kernel"
for name in first toy last before; do
	echo "static const char name[] __attribute__((section(\".modinfo\"), used)) = \"name=$name\";" >toy.c
	gcc -c -o "$modules/kernel/$name.ko" toy.c
done
: >"$modules/modules.order"
: >"$modules/modules.builtin"
: >"$modules/modules.builtin.modinfo"
kmod depmod -b guest 6.1.0
modprobe() { kmod modprobe -d guest -S 6.1.0 "$@"; }
# the words of an insmod that is shown, and not done
loaded() { echo $(modprobe -C "$1" -n -v toy | sed 's,insmod .*/,,'); }
# CONFIGURATION: what it loads, what is printed of it, and what that loads
try() {
	mkdir -p said printed
	echo "$1" >said/toy.conf
	modprobe -C said --showconfig | sed '/^# End of configuration/,$d' >printed/toy.conf
	echo "$(loaded said); $(grep ' toy ' printed/toy.conf | sed 's, *$,,'); $(loaded printed)"
}
{
	kmod modprobe --version | head -n 1
	try 'softdep toy pre: first post: last'
	try 'softdep toy pre: before first'
	try 'softdep toy post: last'
	try 'options toy level=3 name="a b"'
} >seen
cat seen
cat >wanted <<'END'
kmod version 34.2
first.ko toy.ko last.ko; softdep toy pre: firstpost: last; last.ko toy.ko
before.ko first.ko toy.ko; softdep toy pre: before first; before.ko first.ko toy.ko
toy.ko last.ko; softdep toy post: last; toy.ko last.ko
END
echo 'toy.ko level=3 name="a b"; options toy level=3 name="a b"; toy.ko level=3 name="a b"' >>wanted
cmp -s seen wanted || { echo "changed: no longer as described" >&2; exit 1; }
