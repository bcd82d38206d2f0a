"""Converts Rust symbol names in v0 mangling to the names in the source.

Source of the grammar: the rustc book, "v0 Symbol Format". Crate hashes and
lifetimes are left out, so that a name is the same from build to build. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from rustbed.log.legacy import demangle_legacy

# limits, because back references can make short names very long: a name beyond them stays mangled
_LONGEST, _DEEPEST, _STEPS = 4096, 64, 4096

# prefixes of the symbols that KCFI and function padding add
_SYMBOL = re.compile(r"(?:__cfi_|__pfx_)?_R([A-Z][A-Za-z0-9_]+)")

_ANYWHERE = re.compile(r"\b_(?:R[A-Z]\w+|ZN[\w$.]+?17h[0-9a-f]{16}E)")

_DIGITS = {
    digit: value
    for value, digit in enumerate("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
}
_BASIC = {
    "a": "i8", "b": "bool", "c": "char", "d": "f64", "e": "str", "f": "f32", "h": "u8", "i": "isize",
    "j": "usize", "l": "i32", "m": "u32", "n": "i128", "o": "u128", "p": "_", "s": "i16", "t": "u16",
    "u": "()", "v": "...", "x": "i64", "y": "u64", "z": "!",
}  # fmt: skip

_POINTERS = {"R": "&", "Q": "&mut ", "P": "*const ", "O": "*mut "}


class _MangledError(Exception):
    """The name does not follow the grammar, or would be too long to be shown."""


def demangle(symbol: str) -> str:
    """Return the path that a symbol stands for; other text and malformed symbols are returned unchanged."""
    match = _SYMBOL.match(symbol)
    if match is None:
        return demangle_legacy(symbol) if "_ZN" in symbol else symbol
    try:
        return _Name(match[1]).path(in_value=True)
    except (_MangledError, LookupError, ValueError):
        return symbol


def demangle_all(text: str) -> str:
    """Return a text with the symbols in it demangled."""
    return _ANYWHERE.sub(lambda match: demangle(match[0]), text) if "_R" in text or "_ZN" in text else text


class _Name:
    """A reader of the text after `_R`; a method consumes what it returns."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._steps = 0

    # -- characters and numbers ----------------------------------------------

    def _next(self) -> str:
        self._at += 1
        return self._text[self._at - 1]

    def _take(self, wanted: str) -> bool:
        if not self._text.startswith(wanted, self._at):
            return False
        self._at += len(wanted)
        return True

    def _upto(self, end: str) -> str:
        start, stop = self._at, self._text.index(end, self._at)
        self._at = stop + 1
        return self._text[start:stop]

    def _base62(self) -> int:
        """Read a base-62 number up to `_`: no digits mean 0, others their value plus 1."""
        value = 0
        digits = self._upto("_")
        for digit in digits[:12]:
            value = value * 62 + _DIGITS[digit]
        return value + 1 if digits else 0

    def _tagged(self, tag: str) -> int:
        """Read an optional number (disambiguator, binder): 0 without one."""
        return self._base62() + 1 if self._take(tag) else 0

    # -- limits and repetition -----------------------------------------------

    def _deeper(self, read: Callable[[], str]) -> str:
        self._depth += 1
        self._steps += 1
        if self._depth > _DEEPEST or self._steps > _STEPS:
            raise _MangledError
        text = read()
        self._depth -= 1
        if len(text) > _LONGEST:
            raise _MangledError
        return text

    def _again(self, read: Callable[[], str]) -> str:
        """Read the target of a back reference, then go on behind the reference."""
        reference = self._at - 1
        target = self._base62()
        if target >= reference:
            raise _MangledError
        behind, self._at = self._at, target
        text = self._deeper(read)
        self._at = behind
        return text

    def _until_end(self, read: Callable[[], str]) -> list[str]:
        texts = []
        while not self._take("E"):
            texts.append(read())
        return texts

    # -- names ---------------------------------------------------------------

    def _identifier(self) -> str:
        """Read length and name; `u` marks Punycode with `_` for its hyphen."""
        encoded = self._take("u")
        start = self._at
        while self._text[self._at].isdigit() and self._text[start] != "0":
            self._at += 1
        self._at = max(self._at, start + 1)
        length = int(self._text[start : self._at])
        self._take("_")
        name = self._text[self._at : self._at + length]
        if len(name) < length:
            raise _MangledError
        self._at += length
        if not encoded:
            return name
        plain, _, rest = name.rpartition("_")
        return (f"{plain}-{rest}" if plain else rest).encode().decode("punycode")

    def path(self, *, in_value: bool) -> str:
        """Read a path; in a value `::` stands before generic arguments."""
        return self._deeper(lambda: self._path(in_value))

    def _path(self, in_value: bool) -> str:
        forms: dict[str, Callable[[bool], str]] = {
            "C": self._crate,
            "M": self._inherent,
            "X": self._implemented,
            "Y": self._trait,
            "N": self._nested,
            "I": self._generic,
            "B": lambda in_value: self._again(lambda: self.path(in_value=in_value)),
        }
        return forms[self._next()](in_value)

    def _crate(self, in_value: bool) -> str:
        self._tagged("s")
        return self._identifier()

    def _inherent(self, in_value: bool) -> str:
        self._implementation()
        return f"<{self.type()}>"

    def _implemented(self, in_value: bool) -> str:
        self._implementation()
        return self._trait(in_value)

    def _trait(self, in_value: bool) -> str:
        return f"<{self.type()} as {self.path(in_value=False)}>"

    def _generic(self, in_value: bool) -> str:
        name = self.path(in_value=in_value)
        arguments = ", ".join(self._until_end(self._argument))
        return f"{name}::<{arguments}>" if in_value else f"{name}<{arguments}>"

    def _implementation(self) -> None:
        """Skip the path of an impl block."""
        self._tagged("s")
        self.path(in_value=False)

    def _nested(self, in_value: bool) -> str:
        space = self._next()
        parent = self.path(in_value=in_value)
        number = self._tagged("s")
        name = self._identifier()
        if space.isupper():
            word = {"C": "closure", "S": "shim"}.get(space, space)
            return f"{parent}::{{{word}{':' if name else ''}{name}#{number}}}"
        return f"{parent}::{name}" if name else parent

    def _argument(self) -> str:
        if self._take("L"):
            self._base62()
            return "'_"
        return self._const() if self._take("K") else self.type()

    # -- types and constants -------------------------------------------------

    def type(self) -> str:
        """Read a type."""
        return self._deeper(self._type)

    def _type(self) -> str:
        tag = self._next()
        if tag in _BASIC:
            return _BASIC[tag]
        if tag in _POINTERS:
            if self._take("L"):
                self._base62()
            return _POINTERS[tag] + self.type()
        forms: dict[str, Callable[[], str]] = {
            "A": self._array,
            "S": lambda: f"[{self.type()}]",
            "T": self._tuple,
            "F": self._function,
            "D": self._dyn,
            "B": lambda: self._again(self.type),
        }
        if tag in forms:
            return forms[tag]()
        self._at -= 1
        return self.path(in_value=False)

    def _array(self) -> str:
        return f"[{self.type()}; {self._const()}]"

    def _tuple(self) -> str:
        items = self._until_end(self.type)
        return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"

    def _function(self) -> str:
        self._tagged("G")
        words = "unsafe " if self._take("U") else ""
        if self._take("K"):
            abi = "C" if self._take("C") else self._identifier().replace("_", "-")
            words += f'extern "{abi}" '
        arguments = ", ".join(self._until_end(self.type))
        returned = self.type()
        return f"{words}fn({arguments})" + ("" if returned == "()" else f" -> {returned}")

    def _dyn(self) -> str:
        self._tagged("G")
        traits = " + ".join(self._until_end(self._dyn_trait))
        if not self._take("L"):
            raise _MangledError
        self._base62()
        return f"dyn {traits}"

    def _dyn_trait(self) -> str:
        name = self.path(in_value=False)
        bound = []
        while self._take("p"):
            bound.append(f"{self._identifier()} = {self.type()}")
        if not bound:
            return name
        return f"{name[:-1]}, {', '.join(bound)}>" if name.endswith(">") else f"{name}<{', '.join(bound)}>"

    def _const(self) -> str:
        return self._deeper(self._constant)

    def _constant(self) -> str:
        tag = self._next()
        match tag:
            case "p":
                return "_"
            case "B":
                return self._again(self._const)
            case "R" if self._take("e"):
                text = bytes.fromhex(self._upto("_")).decode()
                return f'"{text}"'
        if tag not in "abchijlmnostxy":
            # arrays, structures and the like are unnecessary in a title
            raise _MangledError
        sign = "-" if self._take("n") else ""
        number = int(self._upto("_") or "0", 16)
        named = {"b": {0: "false", 1: "true"}.get(number), "c": f"'{chr(number % 0x110000)}'"}
        return named.get(tag) or f"{sign}{number}"
