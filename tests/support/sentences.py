"""What the program may say when something is wrong, read from its source: every sentence of an error, of the page's refusals, and of `status`.

What is only known at run time stands as `…` in it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

SERVICE = Path(__file__).parents[2] / "service/photodiary"
INSTALLING = Path(__file__).parents[2] / "deploy/installing"
PAGE = {"Refused", "HTTPException"}  # starlette's word for no: (status, sentence)
NAMED = {"trouble", "problem", "_trouble", "TROUBLE"}  # what `status` calls degraded is kept under these names ...
TOLD_BY = {"complaint", "_trouble", "_instead", "_sentence", "refusal"}  # ... or told by these
OUTCOMES = {"error", "unknown_url", "unreachable", "failed"}  # keys of what came of a wish, and of a message
CONFIGURATION = {"settings/clashes.py", "settings/loading.py"}  # their generators tell what check-config prints


@dataclass(frozen=True)
class Said:
    """kind: the class of an error, "page", "status", "check-config", "message", "wish" (what came of one) or "install.sh"; code: an Unreadable's, "" else."""

    kind: str
    sentence: str
    code: str
    where: str


@cache
def source() -> dict[str, ast.Module]:
    """Every module by its path below the package, and install.sh's by installing/…"""
    files = {
        str(path.relative_to(root)): path
        for root in (SERVICE, INSTALLING.parent)
        for path in sorted(root.rglob("*.py"))
        if root == SERVICE or path.parent == INSTALLING
    }
    return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in files.items()}


@cache
def nodes() -> list[tuple[str, ast.AST]]:
    """What is looked at of every module: calls, assignments, functions, classes, yields, tables, texts."""
    wanted = (ast.Call, ast.Assign, ast.FunctionDef, ast.ClassDef, ast.Yield, ast.Dict, ast.Constant, ast.JoinedStr)
    return [(module, node) for module, tree in source().items() for node in ast.walk(tree) if isinstance(node, wanted)]


@cache
def errors() -> dict[str, tuple[str, ...]]:
    """Every class of errors.py with those that it is of."""
    bases = {
        node.name: tuple(base.id for base in node.bases if isinstance(base, ast.Name)) for node in source()["errors.py"].body if isinstance(node, ast.ClassDef)
    }
    return {name: parents for name, parents in bases.items() if name != "PhotodiaryError"}


@cache
def _narrower() -> dict[str, tuple[str, str]]:
    """Errors that a room keeps to itself: the module of each, and the class of errors.py that it is of."""
    return {
        node.name: (module, base.id)
        for module, node in nodes()
        if isinstance(node, ast.ClassDef) and module != "errors.py"
        for base in node.bases
        if isinstance(base, ast.Name) and base.id in errors()
    }


def _kind(name: str, module: str) -> str:
    if name in errors():
        return name
    home, kind = _narrower().get(name, ("", ""))
    return kind if module.partition("/")[0] == home.partition("/")[0] or "/" not in module else ""


@cache
def _constants() -> dict[tuple[str, str], str]:
    """(module, name) of every text that stands at the top of a module under a name in capitals."""
    found = {}
    for module, tree in source().items():
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper():
                said = list(texts(node.value, ""))
                if len(said) == 1 and said[0] != "…":
                    found[module, node.targets[0].id] = said[0]
    return found


@cache
def _tellers() -> dict[str, ast.expr]:
    """Functions that only put a text together, with it."""
    return {
        node.name: node.body[-1].value
        for tree in source().values()
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and isinstance(node.body[-1], ast.Return) and isinstance(node.body[-1].value, ast.JoinedStr)
    }


def _meant(module: str, name: str) -> str:
    if not module:
        return "…"
    here = _constants().get((module, name))
    elsewhere = {text for (_, other), text in _constants().items() if other == name}
    return here or (elsewhere.pop() if len(elsewhere) == 1 else "…")


def texts(node: ast.expr, module: str) -> Iterator[str]:
    """What an expression says, once for each of its alternatives."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            yield from ("".join(said) for said in product(*(list(texts(part, module)) for part in parts)))
        case ast.FormattedValue(value=ast.IfExp() as inner):
            yield from texts(inner, module)
        case ast.FormattedValue(value=ast.Name(id=name)) | ast.Name(id=name) | ast.Attribute(attr=name) if name.isupper():
            yield _meant(module, name)
        case ast.IfExp(body=one, orelse=other):
            yield from texts(one, module)
            yield from texts(other, module)
        case ast.BinOp(left=one, op=ast.Add(), right=other):
            yield from ("".join(said) for said in product(texts(one, module), texts(other, module)))
        case ast.BinOp(left=one, op=ast.Mod()):
            yield from texts(one, module)
        case ast.Call(func=ast.Attribute(value=inner, attr="format")):
            yield from (re.sub(r"\{[^{}]*\}", "…", text) for text in texts(inner, module))
        case ast.BoolOp(values=values):
            for value in values:
                yield from texts(value, module)
        case ast.FormattedValue(value=ast.Call(func=ast.Name(id=name))) if name in _tellers():
            yield from texts(_tellers()[name], module)
        case ast.Constant(value=None):
            return
        case _:
            yield "…"


def plain(text: str) -> str:
    """A sentence in the form in which two are compared."""
    return re.sub(r"\s+", " ", re.sub(r"…[…\s]*…", "…", text)).strip()


def _sentences(node: ast.expr, module: str) -> set[str]:
    return {said for text in texts(node, module) if re.search(r"[^\W\d_]{2}.*\s", said := plain(text))}


@cache
def everything() -> frozenset[Said]:
    """All that can be read."""
    found: set[Said] = set()
    for module, node in nodes():
        where = f"{module}:{getattr(node, 'lineno', 0)}"
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=arguments) if _kind(name, module) and arguments:
                kind, code = _kind(name, module), ""
                if kind == "Unreadable" and len(arguments) > 1:
                    (code,), arguments = texts(arguments[0], module), arguments[1:]
                found |= {Said(kind, text, code, where) for argument in arguments for text in _sentences(argument, module)}
            case ast.Call(func=ast.Name(id="Answer"), args=[ast.Constant(value=False), told]) if module.startswith("notify/"):
                found |= {Said("message", text, "", where) for text in _sentences(told, module)}
            case ast.Dict(keys=keys, values=values):
                parts = [part for key, part in zip(keys, values, strict=True) if isinstance(key, ast.Constant) and key.value in OUTCOMES]
                found |= {Said("wish", text, "", where) for part in parts for text in _sentences(part, module)}
            case ast.Call(func=ast.Name(id="Trouble"), args=[told, *_]) if module.startswith("installing/"):
                found |= {Said("install.sh", text, "", where) for text in _sentences(told, module)}
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[_, told, *_]) if name in PAGE and module.startswith("review/"):
                found |= {Said("page", text, "", where) for text in _sentences(told, module)}
            case ast.Assign(targets=[ast.Name(id=name) | ast.Attribute(attr=name)], value=told) if name in NAMED:
                found |= {Said("status", text, "", where) for text in _sentences(told, module)}
            case ast.Call(func=ast.Attribute(value=ast.Name(id="troubles"), attr="append"), args=[told]):
                found |= {Said("status", text, "", where) for text in _sentences(told, module)}
            case ast.FunctionDef(name=name) if name in TOLD_BY:
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Return) and inner.value is not None:
                        values = inner.value.args if isinstance(inner.value, ast.Call) else [inner.value]
                        found |= {Said("status", text, "", where) for value in values for text in _sentences(value, module)}
            case ast.Yield(value=ast.expr() as told) if module in CONFIGURATION:
                found |= {Said("check-config", text, "", where) for text in _sentences(told, module)}
    return frozenset(found)
