#!/bin/sh
# A file of lcov may have a section for each test (TN:) and source file, so one source file may be there several times: the files of two
# machines joined by cat are valid, and `lcov -a` adds them up. lcov_cobertura takes the lines of the last section and the
# totals of all:
#
#   line                1st machine    2nd machine    sum       lcov_cobertura
#   1                   1              0              1         0
#   2                   0              1              1         1
#   3                   0              0              0         0
#   4                   1                             1         not there
#   covered, of lines   2 of 4         1 of 3         3 of 4    3 of 7
#
# So a machine that ran less takes away what another one ran, and the rate is that of no file.
#
# lcov_cobertura 2.1.1.
#
# What it means here: coverage.lcov has each file once, all machines added up (harness/report/coverage.py). Join those of several sessions by
# `lcov -a` and not by cat.
#
# Needs python3. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check lcov_cobertura==2.1.1 2>"$dir/pip.log" || { cat "$dir/pip.log" >&2; exit 2; }
cd "$dir"
cat >both.lcov <<'END'
TN:x86_64
SF:drivers/toy.rs
DA:1,1
DA:2,0
DA:3,0
DA:4,1
LF:4
LH:2
end_of_record
TN:arm64
SF:drivers/toy.rs
DA:1,0
DA:2,1
DA:3,0
LF:3
LH:1
end_of_record
END
venv/bin/lcov_cobertura both.lcov --output both.xml >/dev/null
venv/bin/python - <<'END'
import sys
import xml.etree.ElementTree as tree

root = tree.parse("both.xml").getroot()
hits = {line.get("number"): line.get("hits") for line in root.iter("line")}
stated = root.get("lines-covered"), root.get("lines-valid")
print("hits", hits, "covered and valid", stated)
as_described = hits == {"1": "0", "2": "1", "3": "0"} and stated == ("3", "7")
sys.exit(0 if as_described else "changed: no longer as described")
END
