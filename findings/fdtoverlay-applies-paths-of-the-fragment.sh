#!/bin/sh
# An overlay adds a serial port, and an alias for it: serial8 = &new. dtc compiles that, fdtoverlay applies it, both without a warning,
# and the alias of the result is "/fragment@1/__overlay__/port": the node's path in the overlay, which no tree has. The node
# itself is in the right place, and its label in __symbols__ has the right path. In a tree that is compiled as one source, the same
# alias is "/soc/port".
#
# An overlay that writes `/ { chosen { bootargs = "x"; }; };`, as a tree does, adds nothing: outside of a fragment nodes are not applied.
# dtc has no warning for it, and fdtoverlay ends with 0.
#
# Debian's device-tree-compiler 1.7.2-2+b1.
#
# What it means here: sources for `machine(device_tree=...)` are compiled as one with QEMU's tree, so both do what they say. In an
# overlay, write &{/chosen} { ... }, and an alias as text.
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
tree='/ {
	#address-cells = <1>;
	#size-cells = <1>;
	aliases { serial0 = &uart; };
	chosen { };
	soc: soc { #address-cells = <1>; #size-cells = <1>; ranges; uart: serial@1000 { reg = <0x1000 0x100>; }; };
};'
more='&{/aliases} { serial8 = &new; };
&soc { new: port { compatible = "toy,port"; }; };'
printf '/dts-v1/;\n%s\n' "$tree" >base.dts
printf '/dts-v1/;\n%s\n%s\n' "$tree" "$more" >whole.dts
printf '/dts-v1/;\n/plugin/;\n%s\n' "$more" >alias.dts
printf '/dts-v1/;\n/plugin/;\n/ { chosen { bootargs = "x"; }; };\n' >plain.dts
printf '/dts-v1/;\n/plugin/;\n&{/chosen} { bootargs = "x"; };\n' >targeted.dts
run dtc --version
for name in base whole alias plain targeted; do
	run dtc -@ -o "$name.dtb" "$name.dts" 2>>said
done
for name in alias plain targeted; do
	run fdtoverlay -i base.dtb -o "$name.done" "$name.dtb" 2>>said
done
value() { # FILE NODE PROPERTY
	run fdtget -d '(none)' "$1" "$2" "$3"
}
{
	echo "one source: $(value whole.dtb /aliases serial8)"
	echo "overlay: $(value alias.done /aliases serial8), the node at $(value alias.done /__symbols__ new), $(value alias.done /soc/port compatible)"
	echo "/ { chosen }: $(value plain.done /chosen bootargs)"
	echo "&{/chosen}: $(value targeted.done /chosen bootargs)"
	echo "warnings: $(wc -l <said)"
} >seen
cat seen
cat >wanted <<'END'
one source: /soc/port
overlay: /fragment@1/__overlay__/port, the node at /soc/port, toy,port
/ { chosen }: (none)
&{/chosen}: x
warnings: 0
END
cmp -s seen wanted || { cat said; echo "changed: no longer as described" >&2; exit 1; }
