"""A photo that is forgotten is forgotten by what was told of the newest retraining too."""

from __future__ import annotations

import json
from pathlib import Path

from photodiary.eyenet import learnt


def told(state: Path, *digests: str) -> Path:
    folder = state / "retrain"
    (folder / "report").mkdir(parents=True)
    (folder / "report" / "index.html").write_text("faces")
    (folder / "report" / "report.css").write_text("style")
    (folder / "outcome.json").write_text(json.dumps({"reason": "fine", "labels": ["x"], "photos": [{"sha256": digest} for digest in digests]}))
    return folder


def test_its_part_goes_and_the_report_that_may_show_it(tmp_path: Path) -> None:
    """Of the outcome only the photo's part goes; of the report nothing stays, for its pictures cannot be told apart."""
    folder = told(tmp_path, "a" * 64, "b" * 64)
    learnt.forget(tmp_path, ["a" * 64])
    outcome = json.loads((folder / "outcome.json").read_text())
    assert outcome == {"reason": "fine", "labels": ["x"], "photos": [{"sha256": "b" * 64}]}
    assert list((folder / "report").iterdir()) == []


def test_others_photos_are_nobodys_business(tmp_path: Path) -> None:
    """A photo that taught nothing, a state folder without a retraining, and an outcome that is none change nothing and are no trouble."""
    folder = told(tmp_path, "b" * 64)
    learnt.forget(tmp_path, ["a" * 64])
    assert (folder / "report" / "index.html").exists()
    learnt.forget(tmp_path / "nowhere", ["a" * 64])
    (folder / "outcome.json").write_text("[1]")
    learnt.forget(tmp_path, ["b" * 64])
    assert (folder / "report" / "index.html").exists()
