"""Formats of objects and memory: references, lists, names, pages, leaks, objects that are still in use."""

from __future__ import annotations

from rustbed.log.formats.row import Kind, Row, Stage

# SLUB's reports are dense, and a later warning of SLUB itself is another one
_REACH = 6

OBJECTS = (
    Row(
        kind=Kind.REFCOUNT,
        pattern="refcount_t: ",
        literals=("refcount_t: ",),
        title="WARNING: refcount bug",
        stage=Stage.MESSAGE,
    ),
    Row(
        kind=Kind.LIST_CORRUPTION,
        pattern=r"list_(?:add|del)(?:_\w+)?(?: corruption| double add)",
        literals=("list_add", "list_del"),
        title="BUG: corrupted list",
        stage=Stage.MESSAGE,
    ),
    Row(
        kind=Kind.DEBUG_OBJECTS,
        pattern=r"ODEBUG: (?!selftest passed|Out of memory)",
        literals=("ODEBUG: ",),
        title="WARNING: ODEBUG bug",
        stage=Stage.MESSAGE,
    ),
    Row(
        kind=Kind.BUG,
        pattern=r"usercopy: [Kk]ernel memory (?:exposure|overwrite) attempt detected",
        literals=("usercopy: ",),
        title="BUG: bad usercopy",
        stage=Stage.MESSAGE,
        ends_task=True,
    ),
    Row(
        kind=Kind.DUPLICATE_NAME,
        pattern=r"sysfs: cannot create duplicate filename '(?P<what>[^']*)'",
        literals=("duplicate filename",),
        title="sysfs: duplicate filename {what}",
        located=False,
        stage=Stage.MESSAGE,
    ),
    Row(
        kind=Kind.DUPLICATE_NAME,
        pattern=r"(?:kobject: )?kobject_add_internal failed for (?P<what>.+?) with -EEXIST",
        literals=("kobject_add_internal",),
        title="kobject: duplicate name {what}",
        located=False,
        traced=False,
        continues=frozenset({Kind.DUPLICATE_NAME}),
    ),
    Row(
        kind=Kind.LEAK,
        pattern=r"kmemleak: \d+ new suspected memory leaks",
        literals=("kmemleak: ",),
        title="memory leak",
        located=False,
        stage=Stage.MESSAGE,
        traced=False,
        # one line, and the objects if kmemleak is told to print them
        reach=4,
    ),
    Row(
        kind=Kind.LEAK,
        pattern="BUG: memory leak",
        literals=("BUG",),
        title="memory leak",
        stage=Stage.MESSAGE,
    ),
    # /sys/kernel/debug/kmemleak, if a script writes it to the log
    Row(
        kind=Kind.LEAK,
        pattern=r"unreferenced object 0x[0-9a-f]+ \(size \d+\):",
        literals=("unreferenced object",),
        title="memory leak",
        continues=frozenset({Kind.LEAK}),
    ),
    Row(
        kind=Kind.BAD_PAGE,
        pattern=r"BUG: (?P<what>Bad page \w+)(?!\w|: \d+ messages)",
        literals=("BUG",),
        title="BUG: {what}",
    ),
    Row(
        kind=Kind.BAD_PAGE,
        pattern=r"BUG: (?P<what>Bad (?:rss-counter state|swap \w+)"
        r"|non-zero (?:pgtables_bytes|nr_p(?:te|md)s))",
        literals=("BUG",),
        title="BUG: {what}",
        located=False,
        traced=False,
    ),
    # since 6.15 the overwritten bytes come before the report, which is only "Object corrupt"
    Row(
        kind=Kind.SLAB_CORRUPTION,
        pattern=r"\[(?P<what>[\w ]{1,40} overwritten)\] 0x",
        literals=("overwritten]",),
        is_anywhere=True,
        title="slab: {what}",
        stage=Stage.MESSAGE,
        reach=_REACH,
    ),
    Row(
        kind=Kind.SLAB_CORRUPTION,
        pattern=r"BUG (?P<cache>\S+) \([^)]*\): (?P<what>.{1,80})",
        literals=("BUG",),
        title="BUG {cache}: {what}",
        stage=Stage.FAULT,
        continues=frozenset({Kind.SLAB_CORRUPTION}),
        reach=_REACH,
    ),
    Row(
        kind=Kind.OUT_OF_MEMORY,
        pattern=r".{1,40} invoked oom-killer: ",
        literals=("oom-killer",),
        is_anywhere=True,
        title="out of memory",
        located=False,
        traced=False,
        stage=Stage.MESSAGE,
        # the state of memory and a line per task come before the verdict
        reach=200,
    ),
    Row(
        kind=Kind.OUT_OF_MEMORY,
        pattern=r"(?:Memory cgroup )?[Oo]ut of memory(?: \(\w+\))?: Killed process",
        literals=("ut of memory",),
        title="out of memory",
        located=False,
        traced=False,
        continues=frozenset({Kind.OUT_OF_MEMORY}),
    ),
    Row(
        kind=Kind.OUT_OF_MEMORY,
        pattern=r".{1,40}: page allocation failure: order:\d+",
        literals=("page allocation failure",),
        is_anywhere=True,
        title="page allocation failure",
    ),
    # a reference was not dropped: device and count differ each time
    Row(
        kind=Kind.BUG_REPORT,
        pattern=r"unregister_netdevice: waiting for \S+ to become free",
        literals=("unregister_netdevice: waiting",),
        title="unregister_netdevice: waiting for a device to become free",
        located=False,
        traced=False,
    ),
    Row(
        kind=Kind.BUG_REPORT,
        pattern=r"VFS: (?P<what>Busy inodes after unmount|Close: file count is (?:zero|0))",
        literals=("VFS: Busy", "VFS: Close"),
        title="VFS: {what}",
        located=False,
        traced=False,
    ),
    # the stack is that of the interrupted task; the handlers that did not accept the interrupt follow
    Row(
        kind=Kind.BUG_REPORT,
        pattern=r"irq (?:\d+: (?P<what>nobody cared)|event \d+: (?P<value>bogus return value))",
        literals=("nobody cared", "bogus return value"),
        title="irq: {what}{value}",
        located=False,
        closing=r"Disabling IRQ #",
    ),
    # the address and the count differ each time
    Row(
        kind=Kind.BUG_REPORT,
        pattern=r"BUG: Dentry \S+ {1,2}still in use \(-?\d+\)(?P<what>(?: {1,2}\[.*\])?)",
        literals=("still in use",),
        title="BUG: Dentry still in use{what}",
        located=False,
        stage=Stage.MESSAGE,
    ),
)
