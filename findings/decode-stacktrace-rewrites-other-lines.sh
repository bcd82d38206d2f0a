#!/bin/sh
# The kernel's scripts/decode_stacktrace.sh is fed whole logs, and is known to change the lines that it can decode. It
# changes others, too. It reads with a plain `read`, so backslashes vanish and a line that begins with blanks is moved
# to the margin: the suites of a KTAP report are nested no more. And each line with the word "Code:" is a dump of machine
# code to it: behind a driver's "Error Code: 5" it puts three lines of a disassembly that has nothing in it. The status
# is 0.
#
# Linux 7.3.4, Debian's linux-source-7.3 7.3.4-1~bpo13+1 of trixie-backports.
#
# What it means here: `rustbed explain` reads decoded logs; `rustbed ktap` wants the log as it was (docs/ci.md).
#
# Needs apt-get, dpkg-deb, bash, gcc, binutils and 1 GB in the temporary directory. Exit status 0: as described.
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
	tar -xJ -C "$dir/tree" --strip-components=1 --wildcards '*/scripts/decode*'
echo "scripts/decode_stacktrace.sh of linux-source-7.3 $version"

cd "$dir"
echo 'int kernel_init(void) { return 1; }' >vmlinux.c
gcc -g -nostdlib -static -Wl,-e,kernel_init -o vmlinux vmlinux.c
cat >log <<'END'
KTAP version 1
1..1
    KTAP version 1
    1..1
    ok 1 splits a\tb
ok 1 toy_suite
[    2.000000] toy 0000:00:05.0: Error Code: 5, retry
END
status=0
bash tree/scripts/decode_stacktrace.sh vmlinux <log >decoded 2>said || status=$?
cat >wanted <<'END'
KTAP version 1
1..1
KTAP version 1
1..1
ok 1 splits atb
ok 1 toy_suite
[    2.000000] toy 0000:00:05.0: Error Code: 5, retry

Code starting with the faulting instruction
===========================================
END
echo "status $status:"
cat decoded
[ "$status" = 0 ] && [ "$(cat decoded)" = "$(cat wanted)" ] || { echo "changed: no longer as described" >&2; exit 1; }
