#!/bin/sh
# An overlay whose source says /delete-property/ and /delete-node/ compiles without a word, is applied without a word
# (fdtoverlay and libfdt's own function), and what it deletes is still there: both are directives of the compiler, not
# part of the format, and there is nothing yet that they could delete from. Written into one source with the tree they
# work. So one fragment means two things, depending on who applies it.
#
# Debian's device-tree-compiler 1.7.2-2, pylibfdt 1.7.2.post2.
#
# What it means here: sources for `machine(device_tree=...)` are compiled as one with QEMU's tree, so they can delete.
#
# Needs mmdebstrap and python3. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="device-tree-compiler=1.7.2-2+b1" trixie "$dir/root" "deb $mirror trixie main"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pylibfdt==1.7.2.post2 2>"$dir/pip.log" || { cat "$dir/pip.log" >&2; exit 2; }
cd "$dir"
loader=root/lib64/ld-linux-x86-64.so.2
[ -e "$loader" ] || loader=root/usr/lib64/ld-linux-x86-64.so.2
run() { program=$1; shift; "$loader" --library-path root/usr/lib/x86_64-linux-gnu "root/usr/bin/$program" "$@"; }
run dtc --version
cat >base.dts <<'END'
/ {
	toy: toy {
		dma-names = "tx";
		child {
		};
	};
};
END
cat >changes.dts <<'END'
&toy {
	/delete-property/ dma-names;
	added;
	/delete-node/ child;
};
END
{ echo '/dts-v1/;'; cat base.dts; } | run dtc -@ -O dtb -o base.dtb - 2>base.said
{ echo '/dts-v1/; /plugin/;'; cat changes.dts; } | run dtc -@ -O dtb -o changes.dtbo - 2>overlay.said
run fdtoverlay -i base.dtb -o merged.dtb changes.dtbo 2>apply.said
{ echo '/dts-v1/;'; cat base.dts changes.dts; } | run dtc -@ -O dtb -o one.dtb - 2>one.said
venv/bin/python - <<'END'
from pathlib import Path
import libfdt

base, changes = libfdt.Fdt(Path("base.dtb").read_bytes()), libfdt.Fdt(Path("changes.dtbo").read_bytes())
base.resize(4096)
libfdt.fdt_overlay_apply(base._fdt, changes._fdt)
Path("library.dtb").write_bytes(base._fdt)
END
changed=0
expect() { # FILE CONTENTS
	found=$(echo $(run fdtget -p "$1" /toy | grep -v phandle) $(run fdtget -l "$1" /toy))
	echo "$1: $found"
	[ "$found" = "$2" ] || changed=1
}
expect base.dtb 'dma-names child'
expect merged.dtb 'added dma-names child'
expect library.dtb 'added dma-names child'
expect one.dtb 'added'
cat *.said
[ -z "$(cat *.said)" ] || changed=1
[ "$changed" = 0 ] || echo "changed: no longer as described" >&2
exit "$changed"
