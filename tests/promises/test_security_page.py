"""SECURITY.md claims nothing that no test holds."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / ".github/SECURITY.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def claims(page: str) -> dict[str, list[tuple[str, str]]]:
    """Each claim (an item of a list, except of what is not held yet) with the tests it names, as (path, name)."""
    held = page.partition("## Not yet")[0]
    items = re.split(r"^(?=- |#|$)", held, flags=re.MULTILINE)
    return {item.partition("\n")[0]: NAMED.findall(item) for item in items if item.startswith("- ")}


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED.findall(PAGE))))
def test_every_named_test_exists(path: str, name: str) -> None:
    """Each test that the page names is there, under that name, with a docstring."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    assert len(found) == 1
    assert ast.get_docstring(found[0])


def test_every_claim_names_a_test() -> None:
    """Each claim is followed by a test that holds it, but for the one that only points to a chapter of the page."""
    bare = [claim for claim, tests in claims(PAGE).items() if not tests]
    assert bare == ["- **The machine**: what a hostile photo can reach is a worker process, see *The darkroom*."]
    assert len(claims(PAGE)) > 20


def test_a_claim_without_a_test_would_be_seen() -> None:
    """The check finds a claim that nothing holds, and does not look at what is not held yet."""
    page = "- Held.\n  `tests/a.py::test_a`\n- Not held.\n\n## Not yet\n- Later.\n"
    assert claims(page) == {"- Held.": [("tests/a.py", "test_a")], "- Not held.": []}
