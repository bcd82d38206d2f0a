"""Every option that a command offers is read by it: the parsers are compared with the commands' sources."""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
from collections.abc import Iterator, Mapping

import pytest

from rustbed.cli import arguments
from rustbed.cli.main import COMMANDS, load_command
from rustbed.options import BUILDS_KERNELS, NAMES_KERNELS, STARTS_MACHINES, add_options

BUILDS = {name.replace("-", "_") for name in BUILDS_KERNELS}
STARTS = {name.replace("-", "_") for name in STARTS_MACHINES}
# the options of kernels and machines that functions and attributes of `Choices` read, by their names
READ_BY = {
    "read_arches": {"arch", "kernel", "cache"},
    "choose_arch": {"arch", "kernel", "cache"},
    "cache_root": {"cache"},
    "toolchain": {"toolchain"},
    "qemu": {"qemu"},
    "wanted": set(NAMES_KERNELS),
    "find_rebuilt_difference": {*NAMES_KERNELS, "toolchain"},
    "Platforms": BUILDS,
    # what runs a machine
    "boot": STARTS,
    "Machines": STARTS,
    # makes a QEMU ready for copies, too
    "prepare": {*STARTS, "forks"},
}
# options that argparse itself handles
OF_THE_PARSER = {"help"}


def functions_of(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def words_of(tree: ast.Module, name: str) -> set[str]:
    """Return the names and attributes in a function and in those of its module that it names.

    An attribute of `args`, such as `args.test`, has a dot before it.
    """
    functions, words, todo = functions_of(tree), set[str](), [name]
    while todo:
        for node in ast.walk(functions.pop(todo.pop())):
            match node:
                case ast.Attribute(value=ast.Name(id="args"), attr=word):
                    words.add(f".{word}")
                case ast.Name(id=word) | ast.Attribute(attr=word):
                    words.add(word)
        todo = [word for word in functions if word in words]
    return words


def shared_options() -> Mapping[str, str | None]:
    """Return the text of --help by the destination of each option of kernels and machines."""
    parser = argparse.ArgumentParser(add_help=False)
    add_options(parser.add_argument)
    return {action.dest: action.help for action in parser._actions}


def find_unread(parser: argparse.ArgumentParser, words: set[str]) -> set[str]:
    """Return the options and arguments of a parser that a function with these words does not read."""
    chosen = set[str]().union(*(READ_BY[word] for word in words if word in READ_BY))
    unread = {action.dest: action.help for action in parser._actions if f".{action.dest}" not in words}
    return {dest for dest, text in unread.items() if dest not in OF_THE_PARSER} - {
        dest for dest, text in shared_options().items() if dest in chosen and unread.get(dest) == text
    }


def leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parsers of the actions of a command, or its own."""
    nested = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    if not nested:
        yield parser
    for each in nested:
        for made in each.choices.values():
            yield from leaves(made)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_offered_option_is_read(name: str) -> None:
    command, parser = load_command(name), argparse.ArgumentParser()
    command.add_arguments(parser)
    tree = ast.parse(inspect.getsource(importlib.import_module(command.run.__module__)))
    shared = ast.parse(inspect.getsource(arguments))
    for made in leaves(parser):
        entry = made.get_default("action") or command.run
        words = words_of(tree, entry.__name__)
        for word in functions_of(shared).keys() & words:
            words |= words_of(shared, word)
        assert find_unread(made, words) == set()


@pytest.mark.parametrize(
    ("body", "unread"),
    [
        ("return read_arches(vars(args))", {"forks", "accel", "profile", "name"}),
        ("return boot(args.name)", {"forks"}),
        ("return prepare(args.name)", set()),
        ("return _run(args)\ndef _run(args):\n    return prepare(args.name)", set()),
        ("return 0\ndef _other(args):\n    return prepare(args.name)", {"forks", "accel", "profile", "name"}),
    ],
)
def test_unread_option_is_found(body: str, unread: set[str]) -> None:
    parser = argparse.ArgumentParser()
    add_options(parser.add_argument, ("arch", "forks", "accel", "profile"))
    parser.add_argument("--name")
    words = words_of(ast.parse(f"def run(args):\n    {body}\n"), "run")
    assert find_unread(parser, words) - {"arch"} == unread


@pytest.mark.parametrize("name", ["doctor", "dev", "lint", "model", "boot"])
def test_command_without_copies_does_not_offer_them(name: str) -> None:
    parser = argparse.ArgumentParser()
    load_command(name).add_arguments(parser)
    assert "forks" not in {action.dest for action in parser._actions}
