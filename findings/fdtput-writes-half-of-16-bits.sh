#!/bin/sh
# fdtput takes the type h, numbers of 16 bits, as fdtget does. fdtget reads both bytes, the most significant one first. fdtput makes room for
# two bytes and writes one, the lower one, in the first place; the second is what was in memory, mostly 0:
#
#   /bits/ 16 <0x0102>, by dtc   01 02, and `fdtget -t hx` shows 102
#   fdtput -t hx 0x0102          02 00, and `fdtget -t hx` shows 200
#   fdtput -t hi 1               01 00, which is 256
#   fdtput -t x 0x01020304       01 02 03 04
#
# And "u" takes no 0x10, which "i" takes: the value is 0, the status as well.
#
# Debian's device-tree-compiler 1.7.2-2+b1.
#
# What it means here: `machine(device_tree=...)` is compiled by dtc. Whoever edits a blob by fdtput gives numbers of 16 bits as bytes
# (-t bx 01 02).
#
# Needs mmdebstrap. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="device-tree-compiler=1.7.2-2+b1" trixie "$dir/root" "deb $mirror trixie main"
cd "$dir"
loader=root/lib64/ld-linux-x86-64.so.2
[ -e "$loader" ] || loader=root/usr/lib64/ld-linux-x86-64.so.2
run() { program=$1; shift; "$loader" --library-path root/usr/lib/x86_64-linux-gnu "root/usr/bin/$program" "$@"; }
run dtc --version
echo '/dts-v1/; / { by-dtc = /bits/ 16 <0x0102>; };' >toy.dts
run dtc -o toy.dtb toy.dts
bytes() { run fdtget -t bx toy.dtb / "$1"; }
put() { # TYPE VALUE; what is there then
	run fdtput -t "$1" toy.dtb / value "$2" || return
	echo "-t $1 $2: $(bytes value), read as $(run fdtget -t "$1" toy.dtb / value)"
}
{
	echo "dtc: $(bytes by-dtc), read as $(run fdtget -t hx toy.dtb / by-dtc)"
	put hx 0x0102
	put hi 1
	put x 0x01020304
	put i 0x10
	put u 0x10
	put u 16
} >all
cat all
# without the byte that is not written
sed -E 's/^(-t h.*: [0-9a-f]+) .*/\1 and another byte/' all >seen
cat >wanted <<'END'
dtc: 1 2, read as 102
-t hx 0x0102: 2 and another byte
-t hi 1: 1 and another byte
-t x 0x01020304: 1 2 3 4, read as 1020304
-t i 0x10: 0 0 0 10, read as 16
-t u 0x10: 0 0 0 0, read as 0
-t u 16: 0 0 0 10, read as 16
END
cmp -s seen wanted || { echo "changed: no longer as described" >&2; exit 1; }
