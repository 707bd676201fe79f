"""Reads modules' interfaces, from shim sources and from the ESP32 stubs, into one comparable form."""

import ast
from dataclasses import dataclass, field
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef
UNTYPED = "Incomplete"


@dataclass(frozen=True)
class Parameter:
    name: str
    required: bool
    default: object = None  # a constant's value; None also for what is no constant


@dataclass
class Signature:
    positional: list[Parameter]  # without self
    positional_only: int  # how many of them cannot be named
    keyword: dict[str, Parameter]
    any_positional: bool
    any_keyword: bool


@dataclass
class Interface:
    """What a module, or a class in it, offers."""

    functions: dict[str, list[Signature]] = field(default_factory=dict)
    constants: dict[str, object] = field(default_factory=dict)  # value, or None where it is not known
    classes: dict[str, "Interface"] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        return {*self.functions, *self.constants, *self.classes}


def read(path: Path) -> Interface:
    return _interface(ast.parse(path.read_text()).body, in_class=False)


def _interface(body: list[ast.stmt], *, in_class: bool) -> Interface:
    found = Interface()
    for node in body:
        if isinstance(node, Function):
            found.functions.setdefault(node.name, []).append(_signature(node, in_class))
        elif isinstance(node, ast.ClassDef):
            found.classes[node.name] = _interface(node.body, in_class=True)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.constants[node.target.id] = _value(node.value)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found.constants[target.id] = _value(node.value)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            for alias in node.names:
                found.constants[alias.asname or alias.name] = None
    return found


def _signature(node: Function, in_class: bool) -> Signature:
    a = node.args
    parameters = [*a.posonlyargs, *a.args]
    defaults = [None] * (len(parameters) - len(a.defaults)) + list(a.defaults)
    positional = [_parameter(p, d) for p, d in zip(parameters, defaults, strict=True)]
    only = len(a.posonlyargs)
    is_static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list)
    if in_class and not is_static:
        positional, only = positional[1:], max(0, only - 1)
    keyword = {p.arg: _parameter(p, d) for p, d in zip(a.kwonlyargs, a.kw_defaults, strict=True)}
    return Signature(positional, only, keyword, a.vararg is not None, a.kwarg is not None)


def _parameter(parameter: ast.arg, default: ast.expr | None) -> Parameter:
    return Parameter(parameter.arg, default is None, _value(default))


def _value(node: ast.expr | None) -> object:
    if node is None or (isinstance(node, ast.Constant) and node.value is ...):
        return None
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None
