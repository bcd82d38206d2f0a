#!/bin/sh
# junit-xml takes the escape byte out of a coloured line and leaves its tail: "[31m" becomes text of the
# report. And one undecodable byte of one test's output, as Python keeps such bytes (surrogateescape),
# costs the whole file: to_xml_report_string raises for all suites, and with prettyprint=False returns
# a document that no XML parser accepts.
#
# junit-xml 1.9, the newest on PyPI.
#
# What it means here: text from a guest is made valid before it reaches the library.
#
# Exit status 0: as described.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check junit-xml==1.9 2>"$dir/pip.log" || { cat "$dir/pip.log" >&2; exit 2; }
"$dir/venv/bin/python" - <<'END'
import sys
from importlib.metadata import version
from xml.etree import ElementTree
from xml.parsers.expat import ExpatError

from junit_xml import TestCase, TestSuite, to_xml_report_string

print("junit-xml", version("junit-xml"))


def suites(output):
    return [TestSuite("console", [TestCase("red", stdout=output), TestCase("green")])]


coloured = ElementTree.fromstring(to_xml_report_string(suites("\x1b[31mpanic\x1b[0m"))).findtext(".//system-out")
print("coloured:", coloured)

torn = suites(b"UART says \xfb".decode("utf-8", "surrogateescape"))
try:
    pretty = to_xml_report_string(torn)
except ExpatError as error:
    pretty = f"ExpatError: {error}"
print("torn, pretty:", pretty)

plain = to_xml_report_string(torn, prettyprint=False)
try:
    ElementTree.fromstring(plain)
    parses = True
except ElementTree.ParseError as error:
    parses = False
    print("torn, plain:", plain[plain.index("<system-out>") :][:40], "->", error)

as_described = coloured == "[31mpanic[0m" and pretty.startswith("ExpatError: reference to invalid") and not parses
sys.exit(0 if as_described else "changed: no longer as described")
END
