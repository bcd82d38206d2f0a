#!/bin/sh
# hid-parser takes a report apart by its descriptor, without an error, and has other numbers than the device sent:
#
#   8 bits, logical minimum -127, c8           200, where -56 was sent
#   12 bits, from -2048 to 2047, ff 0f         61455, where -1 was sent
#   two of 12 bits each, 34 12 ab              16643 and 43778, where 564 and 2737 were sent
#
# The sign is never looked at, and a field that ends within a byte gets its bits in another order. Fields of whole
# bytes that are not negative, and keys, are right.
#
# hid-parser 0.1.0, the newest on PyPI; hid-tools 0.12, which reads them as Linux does, for comparison.
#
# What it means here: a test of a USB input device in Python decodes reports itself (docs/devices.md, "A USB device").
#
# Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check hid-parser==0.1.0 hid-tools==0.12 2>"$dir/pip.log" || { cat "$dir/pip.log" >&2; exit 2; }
"$dir/venv/bin/python" - <<'END'
import re
import sys
from importlib.metadata import version

import hid_parser
from hidtools.hid import ReportDescriptor

print("hid-parser", version("hid-parser"), "hid-tools", version("hid-tools"))
# usage page generic desktop, usage game pad, a collection of which the usages are axes
BEGIN, END = "05 01 09 05 a1 01", "c0"


def both(fields, report):
    """Return the axes' values as hid-parser and as hid-tools read them."""
    descriptor, sent = bytes.fromhex(f"{BEGIN} {fields} {END}"), bytes.fromhex(report)
    parsed = [int(value) for value in hid_parser.ReportDescriptor(descriptor).parse_input_report(sent).values()]
    [layout] = ReportDescriptor.from_bytes(list(descriptor)).input_reports.values()
    right = [int(number) for number in re.findall(r"[XY]: *(-?\d+)", layout.format_report(list(sent)))]
    print(f"{report}: hid-parser {parsed}, hid-tools {right}")
    return parsed, right


# X 0x30 and Y 0x31; 15 and 16 the logical minimum, 25 and 26 the maximum, 75 bits, 95 how many, 81 02 data, 81 03 padding
as_described = [
    both("09 30 15 81 25 7f 75 08 95 01 81 02", "c8"),
    both("09 30 16 00 f8 26 ff 07 75 0c 95 01 81 02 75 04 95 01 81 03", "ff 0f"),
    both("09 30 09 31 15 00 26 ff 0f 75 0c 95 02 81 02", "34 12 ab"),
    both("09 30 09 31 15 00 26 ff 00 75 08 95 02 81 02", "c8 07"),
] == [
    ([200], [-56]),
    ([61455], [-1]),
    ([16643, 43778], [564, 2737]),
    ([200, 7], [200, 7]),
]
sys.exit(0 if as_described else "changed: no longer as described")
END
