#!/bin/sh
# The format of a tracepoint says how its record is printed, in C: "%d", REC->a - REC->b. The kernel prints it as C does. perf and trace-cmd
# print it by libtraceevent, which computes otherwise, without an error. With s = -5, u = 7 and b = 200:
#
#                                           C     libtraceevent
#   10 - 2 - 3                              5     11: operators of one rank from the right
#   REC->u / 2 * 2                          6     1
#   2 * 7 % 4                               2     6
#   REC->u == 7 ? 1 : REC->u == 8 ? 2 : 3   1     3
#   REC->s < 0                              1     0: fields have no sign
#   REC->s / 2                              -2    2147483645
#   REC->b of the type signed char, -1      -1    255
#   (signed char)REC->c                     -56   200: casts do nothing
#   REC->u ^ 5                              2     0
#   __print_symbolic(REC->s, { -5, "gone" })  gone  0xfffffffb
#
# REC->s alone, REC->u - (2 - 1), 2 + 3 * 4 and 1 << 2 + 1 are as in C.
#
# Debian's libtraceevent1 1:1.8.4-2; C by the host's cc.
#
# What it means here: a driver's tracepoints say the same everywhere if its fields are computed when they are recorded
# (TP_fast_assign). /sys/kernel/tracing/trace in the guest is the kernel's own text.
#
# Needs mmdebstrap and cc. Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -n 1)
mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' --include="libtraceevent-dev=1:1.8.4-2,libtraceevent1=1:1.8.4-2" trixie "$dir/root" "deb $mirror trixie main"
cd "$dir"
loader=root/lib64/ld-linux-x86-64.so.2
[ -e "$loader" ] || loader=root/usr/lib64/ld-linux-x86-64.so.2
cat >toy.c <<'END'
#include <event-parse.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <trace-seq.h>

struct record {
	unsigned short common_type;
	int s;
	unsigned int u;
	signed char b;
	unsigned char c;
};
static const struct record record = { 100, -5, 7, -1, 200 }, *REC = &record;

static void by_library(const char *print)
{
#define FIELD(type, name, sign) "\tfield:" type " " #name ";\toffset:%zu;\tsize:%zu;\tsigned:" #sign ";\n"
#define PLACE(name) offsetof(struct record, name), sizeof(record.name)
	struct tep_handle *tep = tep_alloc();
	struct tep_record found = { .data = (void *)&record, .size = sizeof(record) };
	struct trace_seq text;
	char format[2048];
	int length = snprintf(format, sizeof(format),
		"name: toy\nID: 100\nformat:\n"
		FIELD("unsigned short", common_type, 0) "\n"
		FIELD("int", s, 1) FIELD("unsigned int", u, 0) FIELD("signed char", b, 1) FIELD("unsigned char", c, 0)
		"\nprint fmt: %s\n",
		PLACE(common_type), PLACE(s), PLACE(u), PLACE(b), PLACE(c), print);

	tep_set_long_size(tep, 8);
	tep_set_file_bigendian(tep, TEP_LITTLE_ENDIAN);
	tep_set_local_bigendian(tep, TEP_LITTLE_ENDIAN);
	int status = tep_parse_event(tep, format, length, "toys");
	trace_seq_init(&text);
	tep_print_event(tep, &text, &found, "%s", TEP_PRINT_INFO);
	trace_seq_terminate(&text);
	printf("%s\n", status ? "an error" : text.buffer);
	trace_seq_destroy(&text);
	tep_free(tep);
}

#define SAY(expression) \
	printf("%s: C %d, libtraceevent ", #expression, (int)(expression)); \
	by_library("\"%d\", " #expression)

int main(void)
{
	SAY(10 - 2 - 3);
	SAY(REC->u / 2 * 2);
	SAY(2 * 7 % 4);
	SAY(REC->u == 7 ? 1 : REC->u == 8 ? 2 : 3);
	SAY(REC->s < 0);
	SAY(REC->s / 2);
	SAY(REC->b);
	SAY((signed char)REC->c);
	SAY(REC->u ^ 5);
	SAY(REC->s);
	SAY(REC->u - (2 - 1));
	SAY(2 + 3 * 4);
	SAY(1 << 2 + 1);
	printf("symbol: libtraceevent ");
	by_library("\"%s\", __print_symbolic(REC->s, { -5, \"gone\" })");
	return 0;
}
END
cc -w -Iroot/usr/include/traceevent -o toy toy.c -Lroot/usr/lib/x86_64-linux-gnu -ltraceevent -Wl,--allow-shlib-undefined
"$loader" --library-path root/usr/lib/x86_64-linux-gnu ./toy >seen
cat seen
cat >wanted <<'END'
10 - 2 - 3: C 5, libtraceevent 11
REC->u / 2 * 2: C 6, libtraceevent 1
2 * 7 % 4: C 2, libtraceevent 6
REC->u == 7 ? 1 : REC->u == 8 ? 2 : 3: C 1, libtraceevent 3
REC->s < 0: C 1, libtraceevent 0
REC->s / 2: C -2, libtraceevent 2147483645
REC->b: C -1, libtraceevent 255
(signed char)REC->c: C -56, libtraceevent 200
REC->u ^ 5: C 2, libtraceevent 0
REC->s: C -5, libtraceevent -5
REC->u - (2 - 1): C 6, libtraceevent 6
2 + 3 * 4: C 14, libtraceevent 14
1 << 2 + 1: C 8, libtraceevent 8
symbol: libtraceevent 0xfffffffb
END
cmp -s seen wanted || { echo "changed: no longer as described" >&2; exit 1; }
