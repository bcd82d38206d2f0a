#!/bin/sh
# The Python package fdt accepts device tree source and makes other values of it than dtc, without an error. It treats what
# is inside of a string as source: "//" begins a comment, and the property vanishes; ";" and ends of lines are removed;
# escapes are not read. Two strings with a blank before the comma become one. "" becomes a property without a value. A label
# becomes part of the property's name.
#
# fdt 0.3.3, the newest on PyPI; devicetree 0.0.2, which reads these values as dtc does, for comparison.
#
# What it means here: trees of `machine(device_tree=...)` are compiled by dtc (harness/machine/firmware.py).
#
# Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check fdt==0.3.3 devicetree==0.0.2 2>"$dir/pip.log" || { cat "$dir/pip.log" >&2; exit 2; }
cd "$dir"
venv/bin/python - <<'END'
import sys
from importlib.metadata import version
from pathlib import Path

import fdt
from devicetree import dtlib

print("fdt", version("fdt"), "devicetree", version("devicetree"))


def both(source):
    """Return the properties of a node as both packages read it: names and values as the bytes that they are in a blob."""
    text = f"/dts-v1/;\n/ {{\n\ttoy {{\n\t\t{source}\n\t}};\n}};\n"
    tree = fdt.parse_dtb(fdt.parse_dts(text).to_dtb(version=17))
    # fdt gives each node a phandle
    read = [(each.name, value(each)) for each in tree.get_node("/toy").props if each.name != "phandle"]
    Path("toy.dts").write_text(text)
    right = [(name, each.value) for name, each in dtlib.DT("toy.dts").get_node("/toy").props.items()]
    print(f"{source!r:28} fdt {read}\n{'':28} dtc {right}")
    return read, right


def value(item):
    if isinstance(item, fdt.PropStrings):
        return b"".join(each.encode() + b"\0" for each in item.data)
    if isinstance(item, fdt.PropWords):
        return b"".join(each.to_bytes(4, "big") for each in item.data)
    return bytes(getattr(item, "data", b""))


seen = [
    both('url = "coap://toy";'), both('args = "a; b";'), both(r'tab = "a\tb";'), both('names = "tx" , "rx";'),
    both('none = "";'), both("label: speed = <9>;"), both('plain = "tx", "rx";'),
]
as_described = seen == [
    ([], [("url", b"coap://toy\0")]),
    ([("args", b"a b\0")], [("args", b"a; b\0")]),
    ([("tab", b"a\\tb\0")], [("tab", b"a\tb\0")]),
    ([("names", b"tx , rx\0")], [("names", b"tx\0rx\0")]),
    ([("none", b"")], [("none", b"\0")]),
    ([("label: speed", b"\0\0\0\t")], [("speed", b"\0\0\0\t")]),
    ([("plain", b"tx\0rx\0")], [("plain", b"tx\0rx\0")]),
]
sys.exit(0 if as_described else "changed: no longer as described")
END
