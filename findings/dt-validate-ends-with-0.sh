#!/bin/sh
# dt-validate writes what is wrong in a device tree to standard error and ends with 0: for a number above the maximum, for a
# property that the binding does not have, for both together. A node whose "compatible" has a typing error is not
# mentioned, because no schema matches it; -m names it, and the status is 0 again. A node that lacks a required property
# is reported, unless it is disabled. So a CI step that runs it cannot fail, and an empty output is no proof that a node
# was looked at. Its neighbour dt-doc-validate, for the bindings, ends with 1 when it finds something.
#
# dtschema 2026.9; blobs by Debian's device-tree-compiler 1.7.2-2+b1.
#
# What it means here: rustbed validates no trees. In a CI step of yours, run it with -m and fail on any output.
#
# Needs mmdebstrap and python3. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="device-tree-compiler=1.7.2-2+b1" trixie "$dir/root" "deb $mirror trixie main"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check dtschema==2026.9 2>"$dir/pip.log" || { cat "$dir/pip.log" >&2; exit 2; }
cd "$dir"
echo "dtschema $(venv/bin/dt-validate --version)"
loader=root/lib64/ld-linux-x86-64.so.2
[ -e "$loader" ] || loader=root/usr/lib64/ld-linux-x86-64.so.2
mkdir -p bindings/toy
cat >bindings/toy/probe,toy.yaml <<'END'
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
%YAML 1.2
---
$id: http://devicetree.org/schemas/toy/probe,toy.yaml#
$schema: http://devicetree.org/meta-schemas/core.yaml#

title: A toy

maintainers:
  - Nobody <nobody@example.org>

properties:
  compatible:
    const: probe,toy
  reg:
    maxItems: 1
  probe,speed:
    description: How fast it is.
    $ref: /schemas/types.yaml#/definitions/uint32
    maximum: 10

required:
  - compatible
  - reg

additionalProperties: false
...
END
sed 's/title: A toy/titel: A toy/' bindings/toy/probe,toy.yaml >wrong.yaml
changed=0
expect() { # WHAT SEEN WORDS
	echo "$1: $2"
	[ "$2" = "$3" ] || changed=1
}
status=0
venv/bin/dt-doc-validate -u bindings bindings/toy/probe,toy.yaml || status=$?
expect 'dt-doc-validate, a good binding' "status $status" 'status 0'
status=0
venv/bin/dt-doc-validate -u bindings wrong.yaml 2>said || status=$?
expect 'dt-doc-validate, a bad one' "status $status" 'status 1'
venv/bin/dt-mk-schema -j -o schema.json bindings
# Says of a node: the status, and whether the report names it.
validated() { # NODE OPTION...
	printf '/dts-v1/;\n/ {\n#address-cells = <1>;\n#size-cells = <1>;\n%s\n};\n' "$1" >toy.dts
	shift
	"$loader" --library-path root/usr/lib/x86_64-linux-gnu root/usr/bin/dtc -q -O dtb -o toy.dtb toy.dts
	status=0
	venv/bin/dt-validate "$@" -s schema.json toy.dtb >out 2>said || status=$?
	grep 'toy@' said | sed 's/^[^:]*: [^:]*: /    /' >&2 || true
	grep -q 'toy@10' said && named=named || named='not named'
	echo "status $status, $named, $(wc -c <out) bytes on standard output"
}
expect 'right' "$(validated 'toy@10 { compatible = "probe,toy"; reg = <0x10 1>; probe,speed = <9>; };')" 'status 0, not named, 0 bytes on standard output'
expect 'too fast' "$(validated 'toy@10 { compatible = "probe,toy"; reg = <0x10 1>; probe,speed = <99>; };')" 'status 0, named, 0 bytes on standard output'
expect 'an unknown property' "$(validated 'toy@10 { compatible = "probe,toy"; reg = <0x10 1>; probe,spede; };')" 'status 0, named, 0 bytes on standard output'
expect 'another compatible' "$(validated 'toy@10 { compatible = "probe,tyo"; reg = <0x10 1>; probe,speed = <99>; };')" 'status 0, not named, 0 bytes on standard output'
expect 'another compatible, -m' "$(validated 'toy@10 { compatible = "probe,tyo"; reg = <0x10 1>; probe,speed = <99>; };' -m)" 'status 0, named, 0 bytes on standard output'
expect 'reg is missing' "$(validated 'toy@10 { compatible = "probe,toy"; };')" 'status 0, named, 0 bytes on standard output'
expect 'reg is missing, disabled' "$(validated 'toy@10 { compatible = "probe,toy"; status = "disabled"; };')" 'status 0, not named, 0 bytes on standard output'
[ "$changed" = 0 ] || echo "changed: no longer as described" >&2
exit "$changed"
