#!/bin/sh
# An expression in a device tree, `<((A) / (B))>`, is computed by dtc in 64 bits without a sign. The Python package devicetree, which
# reads the trees of Zephyr's drivers, computes as Python does. Both take the same source without an error, and make other blobs of it:
#
#                dtc                            devicetree    C, with int
#   (-1) > 0     1                              0             0
#   (-7) % 4     1                              1             -3
#   (-8) / 2     0xfffffffc, with a warning     0xfffffffc    0xfffffffc
#   (-7) / 2     0xfffffffc, with a warning     0xfffffffc    0xfffffffd
#   (-8) / 2 in 64 bits: 0x7ffffffffffffffc, no word of it; devicetree has 0xfffffffffffffffc
#
# The warning, "truncated", is about the cell: the quotient 0x7ffffffffffffffc fits where it should not be.
#
# Debian's device-tree-compiler 1.7.2-2+b1, devicetree 0.0.2.
#
# What it means here: a machine's device_tree is dtc's (docs/writing-tests.md, "Devices"): no negative numbers in its expressions.
#
# Needs mmdebstrap and python3. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="device-tree-compiler=1.7.2-2+b1" trixie "$dir/root" "deb $mirror trixie main"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check devicetree==0.0.2 2>"$dir/pip.log" || { cat "$dir/pip.log" >&2; exit 2; }
cd "$dir"
loader=root/lib64/ld-linux-x86-64.so.2
[ -e "$loader" ] || loader=root/usr/lib64/ld-linux-x86-64.so.2
run() { program=$1; shift; "$loader" --library-path root/usr/lib/x86_64-linux-gnu "root/usr/bin/$program" "$@"; }
run dtc --version
cat >toy.dts <<'END'
/dts-v1/;
/ {
	greater = <((-1) > 0)>;
	rest = <((-7) % 4)>;
	even = <((-8) / 2)>;
	odd = <((-7) / 2)>;
	wide = /bits/ 64 <((-8) / 2)>;
};
END
run dtc -O dtb -o toy.dtb toy.dts 2>said
cat said
changed=0
expect() { # PROPERTY DTC DEVICETREE
	by_dtc=$(run fdtget -t bx toy.dtb / "$1" | awk '{ for (i = 1; i <= NF; i++) printf "%2s", $i }' | tr ' ' 0)
	by_python=$(venv/bin/python -c 'import sys; from devicetree import dtlib; print(dtlib.DT("toy.dts").root.props[sys.argv[1]].value.hex())' "$1")
	echo "$1: dtc $by_dtc, devicetree $by_python"
	[ "$by_dtc $by_python" = "$2 $3" ] || changed=1
}
expect greater 00000001 00000000
expect rest 00000001 00000001
expect even fffffffc fffffffc
expect odd fffffffc fffffffc
expect wide 7ffffffffffffffc fffffffffffffffc
[ "$(grep -c truncated said)" = 2 ] || changed=1
[ "$changed" = 0 ] || echo "changed: no longer as described" >&2
exit "$changed"
