"""Mutants of a driver's Rust source: small changes that its tests should detect. Pure.

The only door to tree-sitter. Changes are found in the syntax tree, so comments, strings and the arguments
of macros are not changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rustbed.errors import HostError

if TYPE_CHECKING:
    from tree_sitter import Node

# a comment with this keeps its line from being changed, or only what it names; the reason follows
_KEPT = re.compile(r"no mutant(?: of (?P<what>`[^`]+`))?:")

_OPERATORS = {
    "==": "!=",
    "!=": "==",
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "+": "-",
    "-": "+",
    "*": "/",
    "/": "*",
    "%": "*",
    "&&": "||",
    "||": "&&",
    "&": "|",
    "|": "&",
    "^": "|",
    "<<": ">>",
    ">>": "<<",
    "+=": "-=",
    "-=": "+=",
    "|=": "&=",
    "&=": "|=",
    "..": "..=",
    "..=": "..",
}
_SWAPPED = frozenset({"binary_expression", "compound_assignment_expr", "range_expression"})
# nodes in which the compiler or no test would notice a change: tables, attributes, macros
_LEFT_ALONE = frozenset({"attribute_item", "inner_attribute_item", "macro_invocation", "token_tree"})
# the body of a function that returns at once, by its return type
_AT_ONCE = {
    "": "{}",
    "Result": "{ Ok(()) }",
    "Result<()>": "{ Ok(()) }",
    "Result<usize>": "{ Ok(0) }",
    "Result<isize>": "{ Ok(0) }",
}
_ERRNO = re.compile(rb"E[A-Z0-9]{2,}")
_NUMBER = re.compile(rb"(0x[0-9a-fA-F_]+|0b[01_]+|[0-9][0-9_]*?)(_?[iu](?:8|16|32|64|size))?")


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One change of a source file."""

    # bytes of the file that are replaced
    start: int
    end: int
    replacement: bytes
    # 1-based
    line: int
    # a description: "`<` became `<=`"
    change: str

    def applied(self, source: bytes) -> bytes:
        """Return the file with the change in it."""
        return source[: self.start] + self.replacement + source[self.end :]


def find_mutants(source: bytes) -> list[Mutant]:
    """Return the mutants of a Rust file, in its order. Raises HostError without tree-sitter."""
    try:
        import tree_sitter_rust  # noqa: PLC0415 - only mutants need it
        from tree_sitter import Language, Parser  # noqa: PLC0415 - as above
    except ImportError as error:
        raise HostError(
            "mutants are made with tree-sitter, which is not installed", fix="pip install 'rustbed[mutate]'"
        ) from error
    tree = Parser(Language(tree_sitter_rust.language())).parse(source)
    lines = source.decode(errors="replace").splitlines()
    found = [
        mutant for mutant in _walk(tree.root_node, source) if not _is_kept(mutant, lines[mutant.line - 1])
    ]
    return sorted(dict.fromkeys(found), key=lambda mutant: (mutant.start, mutant.end))


def _is_kept(mutant: Mutant, line: str) -> bool:
    kept = _KEPT.search(line)
    return kept is not None and mutant.change.startswith(kept["what"] or "")


def _walk(node: Node, source: bytes) -> Iterator[Mutant]:
    if node.type in _LEFT_ALONE:
        return
    yield from _changes(node, source)
    if node.type == "function_item":
        yield from _emptied(node, source)
    for child in node.children:
        yield from _walk(child, source)


def _changes(node: Node, source: bytes) -> Iterator[Mutant]:
    """Yield the mutants of a node itself, without those of its children."""
    text = source[node.start_byte : node.end_byte]
    if node.type in _SWAPPED and not _is_two_statements(node):
        for child in node.children:
            if not child.is_named and (other := _OPERATORS.get(child.type)):
                yield _swap(child, source, other.encode())
    elif node.type == "boolean_literal":
        yield _swap(node, source, b"false" if text == b"true" else b"true")
    elif node.type == "integer_literal" and (match := _NUMBER.fullmatch(text)):
        number = int(match[1].replace(b"_", b""), 0) if match[1] != b"0" else 0
        yield _swap(node, source, str(number + 1).encode() + (match[2] or b""))
    elif node.type in ("if_expression", "while_expression"):
        yield from _negated(node.child_by_field_name("condition"), source)
    elif node.type == "unary_expression" and text[:1] in (b"!", b"-"):
        yield _swap(node, source, text[1:])
    elif node.type == "identifier" and _is_errno(node, text):
        yield _swap(node, source, b"EIO" if text != b"EIO" else b"EINVAL")
    elif node.type == "expression_statement" and _is_call(node):
        yield _swap(node, source, b"", f"`{_shortened(text)}` was removed")


def _emptied(function: Node, source: bytes) -> Iterator[Mutant]:
    """Yield the function with a body that returns at once, unless it already does only that."""
    body, name, returned = map(function.child_by_field_name, ("body", "name", "return_type"))
    if body is None or name is None or all("comment" in child.type for child in body.named_children):
        return
    kind = "" if returned is None else "".join(_text(returned, source).split())
    if (empty := _AT_ONCE.get(kind)) and "".join(_text(body, source).split()) != "".join(empty.split()):
        at = source.count(b"\n", 0, name.start_byte) + 1
        change = f"`{_text(name, source)}` returned at once"
        yield replace(_swap(body, source, empty.encode(), change), line=at)


def _text(node: Node, source: bytes) -> str:
    return source[node.start_byte : node.end_byte].decode(errors="replace")


def _negated(condition: Node | None, source: bytes) -> Iterator[Mutant]:
    if condition is not None and "let" not in condition.type:
        text = source[condition.start_byte : condition.end_byte]
        yield _swap(condition, source, b"!(" + text + b")", f"`{_shortened(text)}` was negated")


def _is_errno(node: Node, text: bytes) -> bool:
    """Whether a name is an errno that is returned, rather than the driver's own constant or an import."""
    parent = node.parent
    return (
        _ERRNO.fullmatch(text) is not None
        and parent is not None
        and parent.type
        not in ("const_item", "use_list", "scoped_identifier", "use_declaration", "static_item")
    )


def _is_two_statements(node: Node) -> bool:
    """Whether an operator begins a statement, behind one that is a macro in braces.

    tree-sitter-rust 0.24.2 joins them: findings/tree-sitter-joins-statements.sh.
    """
    left, outermost = node.children[0], node
    while outermost.parent is not None and outermost.parent.start_byte == node.start_byte:
        outermost = outermost.parent
    return (
        outermost.parent is not None
        and outermost.parent.type == "block"
        and left.type == "macro_invocation"
        and left.text is not None
        and left.text.endswith(b"}")
    )


def _is_call(node: Node) -> bool:
    inner = node.children[0] if node.children else None
    while inner is not None and inner.type == "try_expression":
        inner = inner.children[0]
    return inner is not None and bool(inner.type == "call_expression")


def _swap(node: Node, source: bytes, replacement: bytes, change: str = "") -> Mutant:
    before = source[node.start_byte : node.end_byte]
    return Mutant(
        start=node.start_byte,
        end=node.end_byte,
        replacement=replacement,
        line=node.start_point[0] + 1,
        change=change or f"`{_shortened(before)}` became `{_shortened(replacement)}`",
    )


def _shortened(text: bytes) -> str:
    words = " ".join(text.decode(errors="replace").split())
    return words if len(words) <= 50 else f"{words[:47]}..."
