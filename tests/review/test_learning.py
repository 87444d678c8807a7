from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.support.visitor import Visitor

from photodiary.ledger import wishes
from photodiary.ledger.store import Ledger

OUTCOME: dict[str, Any] = {
    "finished_at": 1_795_620_000, "seconds": 912, "placed": 26, "confirmed": 12, "needed": 0, "promoted": True, "model": "me-1", "current_before": "base",
    "reason": "The new model is better with 97 % certainty.", "better": 0.97, "before": {"median": 0.91, "p90": 1.62, "max": 3.1},
    "after": {"median": 0.66, "p90": 1.19, "max": 2.2}, "diaries": {}, "gates": [{"name": "better", "passed": True, "words": "better on your own photos"}],
    "photos": [],
}  # fmt: skip


@pytest.fixture
def work(folder: Path) -> Path:
    """Where the retraining writes."""
    made = folder / "state" / "retrain"
    made.mkdir(parents=True)
    return made


def told(work: Path, name: str, content: object) -> None:
    (work / name).write_text(json.dumps(content))


def test_what_was_learnt_is_told(visitor: Visitor, work: Path) -> None:
    """The newest outcome stands there with its reason and its figures, and leads to its report when there is one."""
    assert "It has not learnt yet" in visitor.get("/learning").text and "Ten photos, one minute" in visitor.get("/learning").text
    told(work, "outcome.json", OUTCOME)
    text = visitor.get("/learning").text
    assert OUTCOME["reason"] in text and "A better model took over" in text and "0.66 %" in text and "better on your own photos" in text
    assert "See the report" not in text
    (work / "report").mkdir()
    (work / "report" / "index.html").write_text("<p>the report")
    assert 'href="/learning/report/"' in visitor.get("/learning").text


@pytest.mark.parametrize(
    "content",
    [
        {"promoted": False, "reason": "6 more labels are needed", "before": None, "after": None, "needed": 6}, {}, [], "x", {"finished_at": "yesterday"},
        {**OUTCOME, "after": None}, {**OUTCOME, "reason": "<script>alert(1)</script>"},
    ],
)  # fmt: skip
def test_an_outcome_that_lacks_something_does_not_break_the_page(visitor: Visitor, work: Path, content: object) -> None:
    """Whatever an older or newer program wrote, the page is there, and its words stay words."""
    told(work, "outcome.json", content)
    answer = visitor.get("/learning")
    assert answer.status_code == 200 and "<script>alert" not in answer.text


def test_the_reports_files_are_shown_and_nothing_else(visitor: Visitor, work: Path) -> None:
    """The report may look as it likes but runs nothing; only files that lie in its folder are there, and of kinds that a report has."""
    report = work / "report"
    report.mkdir()
    (report / "index.html").write_text("<p>the report")
    (report / "curve.svg").write_text("<svg/>")
    (report / "candidate.safetensors").write_bytes(b"x")
    (work / "secret.html").write_text("secret")
    answer = visitor.get("/learning/report/")
    policy = answer.headers["content-security-policy"]
    assert answer.text == "<p>the report" and "script-src" not in policy and "default-src 'none'" in policy and "sandbox" in policy
    assert visitor.get("/learning/report/curve.svg").headers["content-type"].startswith("image/svg+xml")
    for name in ("candidate.safetensors", "nothing.html", "..%2fsecret.html", "%2e%2e%2fsecret.html", ".."):
        assert "secret" not in visitor.get(f"/learning/report/{name}").text or name == ".."
    assert visitor.get("/learning/report/candidate.safetensors").status_code == 404


def test_what_goes_on_is_told_while_it_does(visitor: Visitor, work: Path, folder: Path) -> None:
    """A retraining counts as going on while its process lives and it is not done; a film while it was heard of just now."""
    assert visitor.get("/progress.json").json()["learning"] is None
    now = {"pid": os.getpid(), "phase": "training", "words": "Training, 12 of 40 rounds done.", "done": 12, "of": 40}
    told(work, "progress.json", now)
    assert visitor.get("/progress.json").json()["learning"] == {"words": now["words"], "done": 12, "of": 40}
    assert now["words"] in visitor.get("/learning").text
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True).stdout
    for wrong in ({**now, "phase": "done"}, {**now, "pid": int(gone)}, {**now, "pid": "x"}, {**now, "pid": -1}, {**now, "pid": 10**30}, []):
        told(work, "progress.json", wrong)
        assert visitor.get("/progress.json").json()["learning"] is None or wrong.get("pid") == 10**30  # type: ignore[union-attr]
    ledger = Ledger(folder / "archive")
    wishes.note(ledger, rendering={"done": 3, "at": time.time()})
    assert visitor.get("/progress.json").json()["diaries"][0]["film"] == {"done": 3, "of": 8}
    wishes.note(ledger, rendering={"done": 3, "at": time.time() - 600})
    assert visitor.get("/progress.json").json()["diaries"][0]["film"] is None
    ledger.close()


def test_a_tap_has_it_learn(visitor: Visitor, folder: Path) -> None:
    """Learn now notes the wish, once for all diaries, and says what comes of it."""
    assert visitor.submit("/learning").headers["location"] == "/learning"
    assert "as soon as photodiary runs" in visitor.get("/learning").text
    assert (folder / "state" / "retrain").is_dir()
