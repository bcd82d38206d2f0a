"""The test that `rustbed life` has pytest run."""

from __future__ import annotations

import ast

from rustbed.cli.life import render_test


def test_it_is_a_test_with_the_marker() -> None:
    text = render_test("/home/me/it's mine", {"device": "edu", "ioctls": [0x7C80]})
    (function,) = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    (marker,) = function.decorator_list
    assert ast.unparse(marker) == (
        "pytest.mark.lifecycle(\"/home/me/it's mine\", device='edu', ioctls=[31872])"
    )
