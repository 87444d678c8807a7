"""The rules for Prometheus and the dashboard for Grafana ask for what there is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.metrics.documents import documented_metrics

DEPLOY = Path(__file__).parents[2] / "deploy"
OTHERS = {"node_textfile_mtime_seconds"}
METRIC = re.compile(r"\b(?:photodiary|node)_[a-z_]+\b")
MATCHED = re.compile(r"(\w+)\{([^}]*)\}")
GROUPED = re.compile(r"\bby \(([^)]*)\)")


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((DEPLOY / "prometheus/rules.yml").read_text(encoding="utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def queries(thing: Any) -> Iterator[str]:
    """All expressions of a dashboard, wherever they stand in it."""
    if isinstance(thing, dict):
        yield from (value for key, value in thing.items() if key in ("expr", "definition") and isinstance(value, str))
        for value in thing.values():
            yield from queries(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from queries(value)


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DEPLOY / "grafana/photodiary.json").read_text(encoding="utf-8"))
    return found


def complaints(expression: str) -> list[str]:
    """Metrics and labels that there are not, and brackets that do not close."""
    told = documented_metrics()
    families = {name: labels for name, (kind, labels) in told.items()}
    for name, (kind, labels) in told.items():
        if kind == "histogram":
            families |= {f"{name}_bucket": labels | {"le"}, f"{name}_sum": labels, f"{name}_count": labels}
    named = METRIC.findall(expression)
    wrong = [name for name in named if name not in families and name not in OTHERS]
    known = {label for name in named for label in families.get(name, set())}
    wrong += [label for labels in GROUPED.findall(expression) for label in map(str.strip, labels.split(",")) if label not in known]
    for name, matchers in MATCHED.findall(expression):
        labels = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers)
        wrong += [f"{name}{{{label}}}" for label in labels if name in families and label not in families[name]]
    return wrong + [pair for pair in ("()", "{}", "[]") if expression.count(pair[0]) != expression.count(pair[1])]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_a_rule_asks_for_what_there_is(rule: dict[str, Any]) -> None:
    """Its metrics and labels exist, also those in its words, and it says what it is about."""
    assert METRIC.search(rule["expr"]) and complaints(rule["expr"]) == []
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"} and rule["annotations"]["summary"]
    used = {label for text in rule["annotations"].values() for label in re.findall(r"\$labels\.(\w+)", text)}
    family = METRIC.findall(rule["expr"])[0].removesuffix("_bucket")
    assert used <= documented_metrics().get(family, ("", set()))[1]


def test_the_dashboard_asks_for_what_there_is() -> None:
    """Every panel asks for metrics and labels that exist, is in nobody's place, and asks the chosen Prometheus."""
    board = dashboard()
    expressions = list(queries(board))
    assert len(expressions) >= len(board["panels"])
    assert {expression: complaints(expression) for expression in expressions if complaints(expression)} == {}
    taken = [(x, y) for p in board["panels"] for g in (p["gridPos"],) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])]
    assert len(taken) == len(set(taken)) and max(x for x, _ in taken) < 24
    assert {panel["datasource"]["uid"] for panel in board["panels"]} == {"${source}"} and len({panel["id"] for panel in board["panels"]}) == len(
        board["panels"]
    )


def test_a_wrong_question_is_seen() -> None:
    """The look at expressions notices metrics, labels and groups that there are not."""
    assert complaints("photodiary_nothing > 1") == ["photodiary_nothing"]
    assert complaints('photodiary_to_check{loop="x"}') == ["photodiary_to_check{loop}"]
    assert complaints("sum by (state) (photodiary_to_check)") == ["state"]
    assert complaints("sum(photodiary_to_check") == ["()"]
