"""Every call of the log in the service, read from its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SERVICE = Path(__file__).parents[2] / "service/photodiary"
LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error", "critical": "critical"}


@dataclass(frozen=True)
class Said:
    """where: module and line; level: as the log has it; code: None where there is none; words: the constant pieces of the sentence; fields: besides code."""

    where: str
    level: str
    code: str | None
    words: tuple[str, ...]
    fields: frozenset[str]


def said_in(tree: ast.AST, name: str) -> Iterator[Said]:
    """All calls like log.info(...).  Raises AssertionError for one that cannot be read from the source: a code that is computed, fields in a dictionary."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS):
            continue
        whose = node.func.value
        if not (isinstance(whose, ast.Name) and whose.id in ("log", "logger")) and not (isinstance(whose, ast.Attribute) and whose.attr in ("log", "_log")):
            continue
        where = f"{name}:{node.lineno}"
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        assert None not in keywords, f"{where}: its fields stand in a dictionary, so that nobody can tell which there are"
        code = keywords.pop("code", None)
        assert code is None or (isinstance(code, ast.Constant) and isinstance(code.value, str)), f"{where}: its code is computed"
        extra = {"exception"} if node.func.attr == "exception" else set()
        fields = frozenset({key for key in keywords if key is not None and key != "exc_info"} | extra)
        yield Said(where, LEVELS[node.func.attr], None if code is None else str(code.value), tuple(_pieces(node.args[0])), fields)


def _pieces(node: ast.expr) -> Iterator[str]:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    yield from (part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str))


def everything_said() -> list[Said]:
    return [said for path in sorted(SERVICE.rglob("*.py")) for said in said_in(ast.parse(path.read_text(encoding="utf-8")), str(path.relative_to(SERVICE)))]
