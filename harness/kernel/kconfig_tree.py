"""Explains why Kconfig dropped an option, by its dependencies in the Kconfig files of a source tree.

Not a complete Kconfig implementation: it reads definitions, the menus, ifs and choices
around them, and their `depends on` and prompt conditions. Conditions on the compiler,
such as $(cc-option,...), are shown but not evaluated. The language:
Documentation/kbuild/kconfig-language.rst.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rustbed.kernel.kconfig import Lost

_TYPES = ("bool", "tristate", "string", "int", "hex", "prompt")
_SOURCES = ("source", "osource", "rsource", "orsource")
_TOKEN = re.compile(r'\s*(\|\||&&|!=|>=|<=|[!()=<>]|"[^"]*"|\'[^\']*\'|\$\((?:[^()]|\([^()]*\))*\)|[\w.-]+)')
_RANK = {"n": 0, "m": 1, "y": 2}


@dataclass(frozen=True, kw_only=True)
class Definition:
    """One place where a symbol is defined."""

    # path relative to the source tree, with the 1-based line
    where: str
    # conditions, which must all hold; the enclosing ones first
    depends: tuple[str, ...]
    # whether a .config may set it; otherwise only other options do
    prompt: bool


@dataclass
class _Block:
    """A config, menu, if or choice while it is being read."""

    kind: str
    name: str = ""
    where: str = ""
    depends: list[str] = field(default_factory=list)
    prompt: bool = False


def load_definitions(source: Path, source_arch: str) -> dict[str, tuple[Definition, ...]]:
    """Read all Kconfig files of a tree, for one architecture; takes a second or two."""
    found: dict[str, list[Definition]] = {}
    reader = _Reader(source, source_arch)
    for name, definition in reader.read("Kconfig", []):
        found.setdefault(name, []).append(definition)
    return {name: tuple(definitions) for name, definitions in found.items()}


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield numbered lines without help texts and comments, continuations joined."""
    help_indent: int | None = None
    in_help = False
    held, first = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.expandtabs(8).rstrip()
        indent = len(line) - len(line.lstrip())
        if in_help:
            if not line:
                continue
            help_indent = indent if help_indent is None else help_indent
            if indent >= help_indent and indent > 0:
                continue
            in_help = False
        joined, number_of = held + line.strip(), first or number
        if joined.endswith("\\"):
            held, first = joined[:-1] + " ", number_of
            continue
        held, first = "", 0
        if joined in ("help", "---help---"):
            in_help, help_indent = True, None
        elif joined and not joined.startswith("#"):
            yield number_of, joined


class _Reader:
    """Walks Kconfig files; knows the tree and the architecture."""

    def __init__(self, source: Path, source_arch: str) -> None:
        self.source = source
        self.source_arch = source_arch

    def read(self, file: str, outer: list[_Block]) -> Iterator[tuple[str, Definition]]:
        """Yield the definitions in a file and in those it includes."""
        path = self.source / file
        if not path.is_file():
            return
        stack = list(outer)
        current: _Block | None = None
        for number, line in _logical_lines(path.read_text(errors="replace")):
            word, _, rest = line.partition(" ")
            rest = rest.strip()
            if word in ("config", "menuconfig", "menu", "if", "choice", "comment", "endmenu", "endif",
                        "endchoice", "mainmenu", *_SOURCES):  # fmt: skip
                yield from _definition(current, stack)
                current = None
            if word in ("config", "menuconfig", "comment"):
                current = _Block(kind=word, name=rest, where=f"{file}:{number}")
            elif word in ("menu", "choice", "if"):
                stack.append(_Block(kind=word, depends=[rest] if word == "if" else []))
            elif word in ("endmenu", "endif", "endchoice"):
                stack.pop()
            elif word in _SOURCES:
                yield from self.read(self._included(word, rest, file), stack)
            elif current is not None or stack:
                _attribute(current or stack[-1], word, rest)
        yield from _definition(current, stack)

    def _included(self, word: str, rest: str, file: str) -> str:
        name = rest.strip('"').replace("$(SRCARCH)", self.source_arch).replace("$SRCARCH", self.source_arch)
        return str(Path(file).parent / name) if "r" in word[:2] else name


def _attribute(block: _Block, word: str, rest: str) -> None:
    if word == "depends":
        block.depends.append(rest.removeprefix("on").partition("#")[0].strip())
    elif word == "visible":
        block.depends.append(rest.removeprefix("if").strip())
    elif word in _TYPES and block.kind in ("config", "menuconfig") and rest[:1] in ('"', "'"):
        block.prompt = True
        if found := re.search(r"""["']\s+if\s+(.*)$""", rest):
            block.depends.append(found[1])


def _definition(block: _Block | None, stack: list[_Block]) -> Iterator[tuple[str, Definition]]:
    if block is not None and block.kind != "comment":
        depends = [condition for outer in stack for condition in outer.depends] + block.depends
        yield block.name, Definition(where=block.where, depends=tuple(depends), prompt=block.prompt)


def split_conjunction(condition: str) -> tuple[str, ...]:
    """Split a condition at its outermost && operators."""
    parts, depth, current = [], 0, ""
    for word in _TOKEN.findall(condition):
        depth += (word == "(") - (word == ")")
        if word == "&&" and depth == 0:
            parts.append(current.strip())
            current = ""
        elif word == "||" and depth == 0:
            return (condition.strip(),)
        else:
            current += word if word in ("(", ")", "!") else f"{word} "
    parts.append(current.strip())
    return tuple(part.replace(" )", ")") for part in parts if part)


def evaluate(condition: str, config: Mapping[str, str]) -> int | None:
    """Return 2, 1, 0 for y, m, n; None if it depends on the compiler or a macro."""
    return _Evaluation(_TOKEN.findall(condition), config).disjunction()


class _Evaluation:
    """A recursive-descent evaluator for the words of one condition."""

    def __init__(self, words: list[str], config: Mapping[str, str]) -> None:
        self.words = words
        self.config = config

    def disjunction(self) -> int | None:
        values = [self._conjunction()]
        while self.words[:1] == ["||"]:
            self.words.pop(0)
            values.append(self._conjunction())
        known = [value for value in values if value is not None]
        return None if None in values and max(known, default=0) < 2 else max(known, default=0)

    def _conjunction(self) -> int | None:
        values = [self._term()]
        while self.words[:1] == ["&&"]:
            self.words.pop(0)
            values.append(self._term())
        known = [value for value in values if value is not None]
        return None if None in values and min(known, default=2) > 0 else min(known, default=2)

    def _term(self) -> int | None:
        word = self.words.pop(0) if self.words else ""
        if word == "!":
            value = self._term()
            return None if value is None else 2 - value
        if word == "(":
            value = self.disjunction()
            del self.words[:1]
            return value
        if self.words[:1] and self.words[0] in ("=", "!=", "<", ">", "<=", ">="):
            operator, other = self.words.pop(0), self.words.pop(0) if len(self.words) else ""
            return _compare(self._text(word), operator, self._text(other))
        text = self._text(word)
        return None if text is None else _RANK.get(text, 0)

    def _text(self, word: str) -> str | None:
        if word.startswith("$("):
            return None
        if word[:1] in ('"', "'") or word in _RANK or re.fullmatch(r"-?\d+|0x[\da-fA-F]+", word):
            return word.strip("\"'")
        return self.config.get(word, "n").strip('"')


def _compare(left: str | None, operator: str, right: str | None) -> int | None:
    if left is None or right is None:
        return None
    if operator in ("=", "!="):
        return 2 if (left == right) == (operator == "=") else 0
    try:
        numbers = int(left, 0), int(right, 0)
    except ValueError:
        return 0
    less, equal = numbers[0] < numbers[1], numbers[0] == numbers[1]
    holds = {"<": less, ">": not less and not equal, "<=": less or equal, ">=": not less}[operator]
    return 2 if holds else 0


def unmet_conditions(definition: Definition, wanted: str, config: Mapping[str, str]) -> tuple[str, ...]:
    """Return the conditions of a definition that prevent the value `wanted`."""
    needed = _RANK.get(wanted, 1)
    parts = [part for condition in definition.depends for part in split_conjunction(condition)]
    values = [(part, evaluate(part, config)) for part in dict.fromkeys(parts)]
    return tuple(part for part, value in values if value is None or value < needed)


def explain_lost(
    lost: Lost, definitions: Mapping[str, tuple[Definition, ...]], config: Mapping[str, str]
) -> str:
    """Render in one line why an option has another value than requested."""
    option = lost.option
    known = definitions.get(option.name)
    if not known:
        return "this kernel has no such option"
    if option.value == "n":
        return f"is {lost.got}: other options select it, or it cannot be turned off here"
    unmet = min((unmet_conditions(item, option.value, config) for item in known), key=len)
    if unmet:
        return "needs " + ", ".join(_render_condition(part, config) for part in unmet)
    if not any(item.prompt for item in known):
        return f"cannot be set, only selected by other options ({known[0].where})"
    return f"its dependencies hold, but Kconfig made it {lost.got} (a choice, a select or a range)"


def _render_condition(condition: str, config: Mapping[str, str]) -> str:
    names = [name for name in re.findall(r"(?<![\w(-])[A-Z][A-Z0-9_]+\b", condition) if not name.isdigit()]
    values = [f"{name} is {config.get(name, 'n')}" for name in dict.fromkeys(names)]
    return f"{condition} ({', '.join(values)})" if values else condition
