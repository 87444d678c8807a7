"""Every log event is documented with its levels, fields and sentences, and nothing that does not exist.  (Metrics: see test_daemon.py, which has a daemon.)"""

from __future__ import annotations

import ast
import re
from collections import defaultdict

import pytest
from tests.metrics.documents import GUIDE, coded, documented_events, documented_metrics
from tests.metrics.sources import Said, everything_said, said_in

from photodiary.metrics.facts import REASONS

SAID = everything_said()
EVENTS = documented_events()
BY_CODE: dict[str, list[Said]] = defaultdict(list)
for _said in SAID:
    if _said.code is not None:
        BY_CODE[_said.code].append(_said)
A_PHRASE = 8  # letters of a piece of a sentence that must be found in the document


def test_every_line_worth_reading_has_a_code() -> None:
    """Whatever is logged as info or above can be told apart without reading its sentence."""
    assert [said.where for said in SAID if said.level != "debug" and said.code is None] == []


def test_the_documents_name_exactly_the_events_there_are() -> None:
    """None is missing, none is told of that there is not."""
    assert set(EVENTS) == set(BY_CODE)


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_an_event_is_told_with_its_levels_and_fields(code: str) -> None:
    """Levels and fields are exactly those of its calls, a field that only some have with a question mark; each sentence is shown; there is advice."""
    calls, told = BY_CODE[code], EVENTS.get(code)
    assert told is not None, f"{code} is missing in events.md: {calls[0].where}"
    assert told.levels == {call.level for call in calls}
    always, ever = frozenset.intersection(*(call.fields for call in calls)), frozenset[str]().union(*(call.fields for call in calls))
    assert told.fields == always | {f"{field}?" for field in ever - always}
    pieces = [piece.strip(" ,;:().") for call in calls for piece in call.words]
    assert [piece for piece in pieces if sum(map(str.isalpha, piece)) >= A_PHRASE and piece not in told.words] == []
    assert told.words and told.advice


def test_every_field_is_explained() -> None:
    """The list of fields explains exactly those of the table."""
    text = (GUIDE / "events.md").read_text(encoding="utf-8").partition("## Fields")[2].partition("\n## ")[0]
    explained = [field for line in text.splitlines() if line.startswith("- ") for field in coded(line.partition(":")[0])]
    used = {field.removesuffix("?") for event in EVENTS.values() for field in event.fields}
    assert sorted(explained) == sorted(used)


def test_every_reason_is_explained() -> None:
    """The codes of health are listed in metrics.md, and no others."""
    text = (GUIDE / "metrics.md").read_text(encoding="utf-8").partition("## Health")[2].partition("\n## ")[0]
    assert re.findall(r"^- `(\w+)`: ", text, re.MULTILINE) == list(REASONS)


def test_the_reading_of_sources_sees_what_it_should() -> None:
    """Calls inside functions and conditions, tracebacks, sentences without a code; what hides its code or fields is refused."""
    text = 'def f():\n    if x:\n        log.exception(f"a {b} c", code="x.y", diary=d)\n    self.log.debug("quiet")\nlogging.getLogger("z").info("not ours")\n'
    assert set(said_in(ast.parse(text), "m")) == {
        Said("m:3", "error", "x.y", ("a ", " c"), frozenset({"diary", "exception"})),
        Said("m:4", "debug", None, ("quiet",), frozenset()),
    }
    for hidden in ('log.info("a", **fields)', 'log.info("a", code=name)'):
        with pytest.raises(AssertionError):
            list(said_in(ast.parse(hidden), "m"))


def test_the_documents_can_be_read() -> None:
    """The tables have been found, so that silence above means something."""
    assert len(EVENTS) > 50 and len(documented_metrics()) > 20
