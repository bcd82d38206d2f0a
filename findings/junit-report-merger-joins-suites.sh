#!/bin/sh
# junit-report-merger joins suites of the same name, also when they come from different files. pytest names each of its
# suites "pytest", so the results of two boards become one suite with the first board's name and time. Each test is in it
# twice, and nothing says which board a result is from. Suites with different names stay apart.
#
# junit-report-merger 9.0.4.
#
# What it means here: for `rustbed gate`, a test that is in a suite of pytest's more often than another was run again, and is
# red. So it needs the files as they were written (docs/ci.md).
#
# Needs npm and python3. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
cd "$dir"
npm install --silent --no-audit --no-fund --prefix "$dir" junit-report-merger@9.0.4 >npm.log 2>&1 || { cat npm.log >&2; exit 2; }
echo "junit-report-merger $(sed -n 's/.*"version": "\(.*\)".*/\1/p' node_modules/junit-report-merger/package.json)"
results() { # SUITE BOARD SECOND TEST'S CONTENTS
	echo "<testsuites><testsuite name=\"$1\" hostname=\"$2\" timestamp=\"2026-11-29T07:13:06\" tests=\"2\" failures=\"0\">"
	echo "<testcase classname=\"test_a\" name=\"test_one\"/><testcase classname=\"test_a\" name=\"test_two\">$3</testcase>"
	echo "</testsuite></testsuites>"
}
results pytest arm64 '' >one.xml
results pytest riscv64 '<failure message="no answer"/>' >two.xml
results riscv64 riscv64 '<failure message="no answer"/>' >named.xml
changed=0
expect() { # FILES... is merged, and compared with standard input
	node_modules/.bin/jrm merged.xml "$@" >said
	python3 - <<'END' | sort >found
from xml.etree import ElementTree

for suite in ElementTree.parse("merged.xml").getroot():
    print(suite.get("name"), suite.get("hostname"), *(case.get("name") + (" failed," if len(case) else ",") for case in suite))
END
	echo "$*:"
	cat found
	cmp -s found - || changed=1
}
expect one.xml two.xml <<'END'
pytest arm64 test_one, test_two, test_one, test_two failed,
END
expect one.xml named.xml <<'END'
pytest arm64 test_one, test_two,
riscv64 riscv64 test_one, test_two failed,
END
[ "$changed" = 0 ] || echo "changed: no longer as described" >&2
exit "$changed"
