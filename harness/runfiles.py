"""The names of the files that a session and a run leave behind: docs/writing-tests.md lists them."""

from __future__ import annotations

# -- of a run, in its directory

# what the kernel wrote to its serial console
CONSOLE = "console.log"
# the raw stream of /dev/kmsg
RECORDS = "records.log"
# the kernel log of the test's window, rendered
KERNEL = "kernel.log"
# commands, what they wrote, and their statuses
SHELL = "shell.log"
# the same commands and QMP's, to be given again
TRANSCRIPT = "transcript.jsonl"
# QMP commands, answers and events
MONITOR = "monitor.log"
# what QEMU itself wrote
QEMU = "qemu.log"
# what was found out about a machine that hung
HANG = "hang.log"
# starts the same machine without rustbed
REPEAT = "run.sh"
# what the machine was made of
MACHINE = "machine.json"
# where the debug information is that the run's addresses are looked up in
SYMBOLS = "symbols.json"
# which of its modules' code ran
EXECUTED = "executed.json"
# how the names end of files with what happened between a driver and a device in Python
TRACE = ".trace"
VERDICT = "verdict.json"
# the directory with the file that a red test is in
SOURCE = "source"

# -- of a session

JUNIT = "junit.xml"
PAGE = "report.html"
# which lines of drivers ran: for people, and for genhtml and the like
COVERAGE_PAGE = "coverage.html"
COVERAGE = "coverage.lcov"
# the symbolic link to the newest session
LATEST = "latest"
