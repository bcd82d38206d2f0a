#!/bin/sh
# The parser of the kernel's own kunit.py, given logs that KTAP allows, ends with 0 although a test failed
# or is missing, and with 1 although none did:
#
#   a second document in the same log, with a failure     not counted, status 0
#   a suite whose own result line is missing              shown as crashed, status 0
#   "# skip" in lower case                                counted as passed
#   nothing but skips                                     status 1
#   "not ok" with "# XFAIL", an expected failure          failed, status 1
#
# Linux 7.3.4, Debian's linux-source-7.3 7.3.4-1~bpo13+1 of trixie-backports.
#
# What it means here: `rustbed ktap` differs on purpose; docs/ci.md has the table.
#
# Needs apt-get, dpkg-deb, python3 and 1 GB in the temporary directory. Exit status 0: as described.
set -eu
version=7.3.4-1~bpo13+1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mkdir -p "$dir/lists/partial" "$dir/archives/partial" "$dir/tree"
echo "deb [trusted=yes] $mirror trixie-backports main" >"$dir/sources.list"
apt() {
	apt-get -qq -o Dir::Etc::SourceList="$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$dir/lists" \
		-o Dir::Cache="$dir" -o APT::Sandbox::User=root "$@"
}
apt update
(cd "$dir" && apt download "linux-source-7.3=$version")
dpkg-deb --fsys-tarfile "$dir"/linux-source-7.3_*.deb | tar -xO --wildcards './usr/src/linux-source-7.3.tar.xz' |
	tar -xJ -C "$dir/tree" --strip-components=1 --wildcards '*/tools/testing/kunit'
echo "kunit.py of linux-source-7.3 $version"

changed=0
expect() { # STATUS WORDS LOG...
	status=$1 words=$2
	shift 2
	printf '%s\n' "$@" >"$dir/log"
	seen=0
	said=$(python3 "$dir/tree/tools/testing/kunit/kunit.py" parse "$dir/log" 2>&1) || seen=$?
	last=$(echo "$said" | tail -n 1 | sed 's/\x1b\[[0-9;]*m//g; s/^\[[0-9:]*\] //')
	echo "status $seen: $last"
	case $last in *"$words"*) [ "$seen" = "$status" ] || changed=1 ;; *) changed=1 ;; esac
}
expect 0 'Ran 1 tests: passed: 1' 'KTAP version 1' '1..1' 'ok 1 one' 'KTAP version 1' '1..1' 'not ok 1 two'
expect 0 'passed: 2, errors: 1' 'KTAP version 1' '1..1' '  KTAP version 1' '  # Subtest: s' '  1..2' '  ok 1 a' '  ok 2 b'
expect 0 'Ran 1 tests: passed: 1' 'KTAP version 1' '1..1' 'ok 1 a # skip no device'
expect 1 'Ran 1 tests: skipped: 1' 'KTAP version 1' '1..1' 'ok 1 a # SKIP no device'
expect 1 'Ran 1 tests: failed: 1' 'KTAP version 1' '1..1' 'not ok 1 a # XFAIL broken'
[ "$changed" = 0 ] || echo "changed: no longer as described" >&2
exit "$changed"
