#!/bin/sh
# What the kernel's scripts/config --set-str writes depends on whether the option has a line in the file already.
# If it has one, the text becomes the right side of a sed command: quotes are escaped as Kconfig wants them, but "&"
# is replaced by the whole old line and "\n" by the end of a line. If it has none, these arrive whole, but a quote
# gets two backslashes, which Kconfig reads as a backslash and the end of the string. The status is 0, nothing is said.
#
#   --set-str CMDLINE 'dyndbg="+p"'   first CONFIG_CMDLINE="dyndbg=\\"+p\\"", run again CONFIG_CMDLINE="dyndbg=\"+p\""
#   --set-str CMDLINE 'a && b'        first CONFIG_CMDLINE="a && b", run again that with two copies of the old line in it
#
# Linux 7.3.4, Debian's linux-source-7.3 7.3.4-1~bpo13+1 of trixie-backports.
#
# What it means here: fragments are merged by rustbed itself (harness/kernel/kconfig.py), not by scripts/config.
#
# Needs apt-get, dpkg-deb and 1 GB in the temporary directory. Exit status 0: as described.
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
	tar -xJ -C "$dir/tree" --strip-components=1 --wildcards '*/scripts/config'
echo "scripts/config of linux-source-7.3 $version"

changed=0
expect() { # TEXT FIRST SECOND: what the file has after the first run and after the second
	: >"$dir/.config"
	for wanted in "$2" "$3"; do
		status=0
		"$dir/tree/scripts/config" --file "$dir/.config" --set-str CMDLINE "$1" || status=$?
		found=$(cat "$dir/.config")
		printf 'status %s: %s\n' "$status" "$found"
		[ "$status" = 0 ] && [ "$found" = "$wanted" ] || changed=1
	done
}
expect 'dyndbg="+p"' 'CONFIG_CMDLINE="dyndbg=\\"+p\\""' 'CONFIG_CMDLINE="dyndbg=\"+p\""'
whole='CONFIG_CMDLINE="a && b"'
expect 'a && b' "$whole" "CONFIG_CMDLINE=\"a $whole$whole b\""
expect 'a\nb' 'CONFIG_CMDLINE="a\nb"' 'CONFIG_CMDLINE="a
b"'
[ "$changed" = 0 ] || echo "changed: no longer as described" >&2
exit "$changed"
