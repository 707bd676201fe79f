"""What a unittest file says about itself, read without importing it: its tests and its directives.

Directives are comments among the first lines:

    # runs on: micropython        (or: cpython; default: both)
    # heap: 1m                    (default: 256k, as on a board)
    # timeout: 120                (seconds for the whole file; default: 60)
"""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

HEAP = "256k"
TIMEOUT_S = 60.0
HEAD_LINES = 30
DIRECTIVE = re.compile(r"#\s*(runs on|heap|timeout):\s*(\S+)\s*$")
TEST_BASES = ("TestCase", "IsolatedAsyncioTestCase")


class BadDirective(ValueError):
    """A directive that means nothing, with the file that holds it."""


@dataclass(frozen=True)
class Source:
    """One test file."""

    on_cpython: bool
    on_micropython: bool
    heap: str
    timeout_s: float
    tests: tuple[str, ...]
    """`Class::method`, in the order of the file's classes and the methods' names."""


def read(path: Path) -> Source:
    text = path.read_text(encoding="utf-8")
    given = {}
    for line in text.splitlines()[:HEAD_LINES]:
        match = DIRECTIVE.match(line)
        if match:
            given[match[1]] = match[2].lower()
    where = given.get("runs on", "both")
    heap = given.get("heap", HEAP)
    timeout = given.get("timeout", str(TIMEOUT_S))
    if where not in ("both", "cpython", "micropython"):
        raise BadDirective(f"{path}: `runs on` is cpython, micropython or both, not {where}")
    if not re.fullmatch(r"\d+[km]?", heap) or not re.fullmatch(r"\d+(\.\d+)?", timeout):
        raise BadDirective(f"{path}: heap is a number with k or m, timeout one of seconds")
    on_micropython = where != "cpython"
    tests = tuple(find_tests(ast.parse(text, str(path)))) if on_micropython else ()
    return Source(where != "micropython", on_micropython, heap, float(timeout), tests)


def base_name(base: ast.expr) -> str:
    return base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""


def find_tests(module: ast.Module) -> list[str]:
    """Test methods of every TestCase class of a module, also those inherited from its other classes."""
    classes = {node.name: node for node in module.body if isinstance(node, ast.ClassDef)}

    def ancestry(node: ast.ClassDef) -> list[ast.ClassDef]:
        parents = [classes[base_name(base)] for base in node.bases if base_name(base) in classes]
        return [node, *(relative for parent in parents for relative in ancestry(parent))]

    found = []
    for name, node in classes.items():
        family = ancestry(node)
        if not any(base_name(base) in TEST_BASES for relative in family for base in relative.bases):
            continue
        methods = {
            item.name
            for relative in family
            for item in relative.body
            if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) and item.name.startswith("test")
        }
        found += [f"{name}::{method}" for method in sorted(methods)]
    return found
