"""What is changed in a driver's source, and what is not."""

from __future__ import annotations

import pytest

from rustbed.life.mutants import find_mutants


def changes(source: str) -> list[str]:
    data = source.encode()
    return [mutant.applied(data).decode() for mutant in find_mutants(data)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("fn f() -> bool { a == b }", "fn f() -> bool { a != b }"),
        ("fn f() -> bool { a <= b }", "fn f() -> bool { a < b }"),
        ("fn f() -> X { x += y; }", "fn f() -> X { x -= y; }"),
        ("fn f() -> u32 { a & b }", "fn f() -> u32 { a | b }"),
        ("fn f() -> bool { true }", "fn f() -> bool { false }"),
        ("fn f() -> u32 { 0x10_u32 }", "fn f() -> u32 { 17u32 }"),
        ("fn f() -> Result<X> { Err(EINVAL) }", "fn f() -> Result<X> { Err(EIO) }"),
        ("fn f() -> bool { !a }", "fn f() -> bool { a }"),
        ("fn f() -> X { let x = size! { a } * b; }", "fn f() -> X { let x = size! { a } / b; }"),
        ("fn f() -> X { x = size! { a } * b; }", "fn f() -> X { x = size! { a } / b; }"),
        ("fn f() -> X { size!(a) * b }", "fn f() -> X { size!(a) / b }"),
        ("fn f() -> X { g(h)?; }", "fn f() -> X {  }"),
        ("fn f() -> X { if ready { x = y; } }", "fn f() -> X { if !(ready) { x = y; } }"),
        ("fn f() -> X { for i in a..b {} }", "fn f() -> X { for i in a..=b {} }"),
        ('fn f(&self) { pr_info!("bye"); }', "fn f(&self) {}"),
        ("fn f() -> Result { x = y; Ok(()) }", "fn f() -> Result { Ok(()) }"),
        ("fn f() -> Result<usize> { Ok(n) }", "fn f() -> Result<usize> { Ok(0) }"),
    ],
)
def test_one_change(before: str, after: str) -> None:
    assert changes(before) == [after]


@pytest.mark.parametrize(
    "source",
    [
        "// a == b\nfn f() {}",
        'fn f() -> X { let s = "1 == 2"; }',
        'fn f() -> X { pr_info!("{}", a + 1); }',
        '#[cfg(CONFIG_X = "1")]\nfn f() {}',
        'module! { type: T, name: "t", }',
        "const EMPTY: &str = s;",
        "fn f() -> X { if let Some(x) = y {} }",
        "fn f() { a(); } // no mutant: it only prints".replace("a();", "let x = 1;"),
        "use kernel::error::code::EINVAL;",
        "fn f() -> Result { Ok(()) }",
        "fn f() { /* nothing yet */ }",
        "trait T { fn f(&self); }",
        # two statements, of which tree-sitter-rust makes an operation
        "fn f() -> X { trace! { a } -x }",
        "fn f() -> X { trace! { a } *x = y; }",
    ],
)
def test_nothing_to_change(source: str) -> None:
    assert changes(source) == []


def test_a_mutant_says_where_and_what() -> None:
    (mutant,) = find_mutants(b"fn f() -> bool {\n    a < b\n}\n")
    assert (mutant.line, mutant.change) == (2, "`<` became `<=`")


def test_a_function_that_returns_at_once_is_named_where_it_begins() -> None:
    (mutant,) = find_mutants(b"impl T {\n    fn f()\n    {\n        x = y;\n    }\n}\n")
    assert (mutant.line, mutant.change) == (2, "`f` returned at once")


def test_broken_source_is_no_error() -> None:
    assert changes("fn f( { == 1 &&") is not None
