#!/bin/sh
# A blob has no types, so fdtget and dtc guess: bytes that can be printed and end with 0 are a string. Some common numbers
# are such bytes: 1400000000 is 53 72 4e 00, and 1500000000 is 59 68 2f 00. A clock of 1.4 GHz is shown as "SrN" and one of
# 1.5 GHz as "Yh/", but one of 1.6 GHz as a number: by fdtget without an option, with status 0, and by dtc as it makes source
# of the blob. That source compiles to the same bytes, so only a reader of the text is misled. fdtget -t u is right.
#
# Debian's device-tree-compiler 1.7.2-2+b1.
#
# What it means here: QEMU's tree is turned into source and compiled again (harness/machine/firmware.py), which changes no
# byte. To read a number of a blob, use -t.
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
cat >clocks.dts <<'END'
/dts-v1/;
/ {
	slow { clock-frequency = <1400000000>; };
	fast { clock-frequency = <1500000000>; };
	faster { clock-frequency = <1600000000>; };
};
END
run dtc -O dtb -o clocks.dtb clocks.dts
run dtc -O dts -o back.dts clocks.dtb
run dtc -O dtb -o again.dtb back.dts
changed=0
expect() { # WHAT SEEN WORDS
	echo "$1: $2"
	[ "$2" = "$3" ] || changed=1
}
expect 'fdtget /slow' "$(run fdtget clocks.dtb /slow clock-frequency)" SrN
expect 'fdtget /fast' "$(run fdtget clocks.dtb /fast clock-frequency)" Yh/
expect 'fdtget /faster' "$(run fdtget clocks.dtb /faster clock-frequency)" 1600000000
expect 'fdtget -t u /fast' "$(run fdtget -t u clocks.dtb /fast clock-frequency)" 1500000000
expect 'dtc -O dts' "$(echo $(grep clock back.dts))" 'clock-frequency = "SrN"; clock-frequency = "Yh/"; clock-frequency = <0x5f5e1000>;'
cmp clocks.dtb again.dtb || changed=1
[ "$changed" = 0 ] || echo "changed: no longer as described" >&2
exit "$changed"
