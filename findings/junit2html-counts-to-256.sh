#!/bin/sh
# junit2html --max-failures N promises: "exit non-zero if FAILURES or more test cases are failures". The exit status is the
# number of failures, and a status has eight bits: with 256 failures it is 0. Test cases in a suite within a suite are not
# counted, are not shown in the matrix, and are missing from the file that --merge writes. --max-skipped compares with the
# number of the other option: with a limit of 5, one skipped test is too many.
#
# junit2html 31.1.4.
#
# What it means here: `rustbed gate` reads suites at any depth, and its status says what happened, not how often
# (docs/ci.md).
#
# Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check junit2html==31.1.4 2>"$dir/pip.log" || { cat "$dir/pip.log" >&2; exit 2; }
cd "$dir"
venv/bin/python - <<'END'
from importlib.metadata import version
from pathlib import Path

print("junit2html", version("junit2html"))


def case(name, inside=""):
    return f'<testcase classname="toy" name="{name}" time="1">{inside}</testcase>'


def write(name, *contents):
    Path(f"{name}.xml").write_text(f'<testsuites><testsuite name="outer">{"".join(contents)}</testsuite></testsuites>')


failure = '<failure message="no answer"/>'
write("255", *(case(number, failure) for number in range(255)))
write("256", *(case(number, failure) for number in range(256)))
write("nested", case("good"), f'<testsuite name="inner">{case("bad", failure)}</testsuite>')
write("skips", case("good"), case("none", "<skipped/>"))
END
changed=0
expect() { # STATUS WORDS FILE OPTION...
	wanted=$1 words=$2 file=$3
	shift 3
	status=0
	said=$(venv/bin/junit2html --summary-matrix "$@" "$file.xml") || status=$?
	said=$(echo $(echo "$said" | sed -n '/Test Results/,$p' | grep -v Results | sort))
	echo "$file.xml $*: status $status, $said"
	[ "$status" = "$wanted" ] && [ "$said" = "$words" ] || changed=1
}
expect 255 'Failed : 255' 255 --max-failures 1
expect 0 'Failed : 256' 256 --max-failures 1
expect 0 'Passed : 1' nested --max-failures 1
expect 1 'Passed : 1 Skipped : 1' skips --max-skipped 5
venv/bin/junit2html --merge merged.xml nested.xml
echo "merged from nested.xml: $(grep -o '<testcase [^ ]*' merged.xml)"
[ "$(grep -o '<testcase [^ ]*' merged.xml)" = '<testcase name="good"' ] || changed=1
[ "$changed" = 0 ] || echo "changed: no longer as described" >&2
exit "$changed"
