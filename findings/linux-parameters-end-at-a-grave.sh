#!/bin/sh
# Linux ends a parameter, of a module or on the kernel's command line, at a blank outside of double quotes. Its isspace() looks at single
# bytes in a table for Latin-1, where 0xA0 is a blank. In UTF-8 that byte is part of common letters: "à" is C3 A0, so the kernel reads
# label=voilà as label=voil\xC3, and label=à-propos as label=\xC3 and a parameter "-propos". "é" is C3 A9, and is read as it is.
#
# kmod's insmod puts a value with a blank (0x20) into quotes, busybox insmod does not, and neither does it for "à":
#
#   label='a b'      kmod label="a b", busybox label=a b, which is label=a and a parameter "b"
#   label=voilà      both label=voilà
#   label='"voilà"'  both label="voilà", which the kernel reads as a whole
#
# The kernel loads a module with an unknown parameter, and warns in its log only.
#
# Linux 7.3.4, Debian's linux-source-7.3 7.3.4-1~bpo13+1 of trixie-backports: next_arg() of lib/cmdline.c and lib/ctype.c, compiled
# as a program. Debian's kmod 34.2-2 and busybox-static 1:1.37.0-6+b9. strace keeps them from loading anything.
#
# What it means here: `vm.insmod(name, label="voilà")` writes the quotes (harness/guest/modules.py).
#
# Needs apt-get, dpkg-deb, mmdebstrap, gcc, strace and 1 GB in the temporary directory. Exit status 0: as described.
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
	tar -xJ -C "$dir/tree" --strip-components=1 --wildcards 'linux-source-7.3/lib/cmdline.c' 'linux-source-7.3/lib/ctype.c' 'linux-source-7.3/include/linux/ctype.h'
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="kmod=34.2-2,busybox-static=1:1.37.0-6+b9" trixie "$dir/root" "deb $mirror trixie main"
cd "$dir"
mkdir -p stubs/linux
touch stubs/linux/compiler.h
echo '#define EXPORT_SYMBOL(name)' >stubs/linux/export.h
{
	echo '#include <stdio.h>'
	echo '#include <linux/ctype.h>'
	echo 'static char *skip_spaces(const char *at) { while (isspace(*at)) at++; return (char *)at; }'
	sed -n '/^char \*next_arg/,/^}/p' tree/lib/cmdline.c
	cat <<'END'
int main(int argc, char **argv)
{
	char *at = argv[1], *name, *value;

	while (*at) {
		at = next_arg(at, &name, &value);
		printf("[%s]", name);
		for (; value && *value; value++)
			printf(*value & 0x80 ? "\\x%02X" : "%c", *value & 0xFF);
	}
	puts("");
	return 0;
}
END
} >parse.c
gcc -w -Istubs -Itree/include -o parse parse.c tree/lib/ctype.c
loader=root/lib64/ld-linux-x86-64.so.2
[ -e "$loader" ] || loader=root/usr/lib64/ld-linux-x86-64.so.2
echo | gcc -c -x c -o toy.ko -
echo "linux-source-7.3 $version; $(root/usr/bin/busybox | head -n 1)"
given() { # COMMAND...; what it hands to the kernel, with bytes above 7f in octal
	strace -s 200 -e trace=finit_module -e inject=finit_module:error=EPERM "$@" 2>&1 | sed -n 's/^finit_module([0-9]*, "\(.*\)", .*/\1/p' | sed 's/\\"/"/g; s/ *$//'
}
kmod() { given "$loader" --argv0 insmod --library-path root/usr/lib/x86_64-linux-gnu root/usr/bin/kmod toy.ko "$@"; }
busybox() { given root/usr/bin/busybox insmod toy.ko "$@"; }
for line in 'label=a b' 'label="a b"' 'label=voilà n=1' 'label="voilà" n=1' 'label=été n=1' 'label=à-propos'; do
	printf 'kernel, %s: %s\n' "$line" "$(./parse "$line")"
done >seen
for word in 'label=a b' 'label=voilà' 'label="voilà"'; do
	printf '%s: kmod %s, busybox %s\n' "$word" "$(kmod "$word" n=1)" "$(busybox "$word" n=1)"
done >>seen
cat seen
cat >wanted <<'END'
kernel, label=a b: [label]a[b]
kernel, label="a b": [label]a b
kernel, label=voilà n=1: [label]voil\xC3[n]1
kernel, label="voilà" n=1: [label]voil\xC3\xA0[n]1
kernel, label=été n=1: [label]\xC3\xA9t\xC3\xA9[n]1
kernel, label=à-propos: [label]\xC3[-propos]
label=a b: kmod label="a b" n=1, busybox label=a b n=1
label=voilà: kmod label=voil\303\240 n=1, busybox label=voil\303\240 n=1
label="voilà": kmod label="voil\303\240" n=1, busybox label="voil\303\240" n=1
END
cmp -s seen wanted || { echo "changed: no longer as described" >&2; exit 1; }
