"""Splats for programs: JSON, and annotations of source lines for GitHub Actions. Pure.

docs/explain.schema.json describes the JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from rustbed.escape import one_line, workflow_text
from rustbed.escape import render_json as render_value
from rustbed.log.splat import Splat

# version of the format: keys may be added without a new number, but not removed or changed
SCHEMA = 1


def render_json(logs: Iterable[tuple[str, Iterable[Splat]]]) -> Iterator[str]:
    """Yield the text of a list of objects, of each log by name; lines count from 1, the last one included."""
    yield "["
    comma = ""
    for name, splats in logs:
        for splat in splats:
            head = _head(_facts(name, splat))
            yield f'{comma}\n  {head}, "first_line": {splat.first + 1}, "last_line": {splat.last + 1}}}'
            comma = ","
    yield "\n]\n" if comma else "]\n"


def _facts(name: str, splat: Splat) -> tuple[tuple[str, object], ...]:
    """Return the keys and values of an object that do not depend on its place in the log."""
    return (
        ("schema", SCHEMA),
        ("log", name),
        ("kind", splat.kind.value),
        ("title", splat.title),
        ("function", splat.function),
        ("file", splat.file),
        ("line", splat.line),
        ("corrupted", splat.corrupted),
        ("fatal", splat.fatal),
        ("fingerprint", splat.fingerprint),
    )


# a driver that fails in a loop prints the same report again and again
@lru_cache(maxsize=256)
def _head(facts: tuple[tuple[str, object], ...]) -> str:
    """Return an object as JSON, without its end."""
    return render_value(dict(facts), indent=None).rstrip().removesuffix("}")


def render_github(logs: Iterable[tuple[str, Iterable[Splat]]]) -> Iterator[str]:
    """Yield a workflow command for each splat: an error at a line of the source, or of the log."""
    for name, splats in logs:
        for splat in splats:
            file, line = (splat.file, splat.line or 1) if splat.file else (name, splat.first + 1)
            where = f"file={workflow_text(one_line(file), is_property=True)},line={line}"
            title = workflow_text(one_line(splat.title), is_property=True)
            said = f"{splat.kind} in {name}, lines {splat.first + 1} to {splat.last + 1}"
            said += f" (not whole: {splat.damage})" if splat.damage else ""
            yield f"::error {where},title={title}::{workflow_text(one_line(said))}\n"
