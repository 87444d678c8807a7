"""The page for users of the original notebooks is carried out to the letter, with the shipped model."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.daemon import ROOT
from tests.support.hatchery import ours

from photodiary.diary.eyes import EyePair, Point
from photodiary.diary.photo import digest_of
from photodiary.retrain.labels import name_of

sys.path.insert(0, str(ROOT / "deploy"))

PAGE = (ROOT / "service/FROM_THE_NOTEBOOKS.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL) for line in block.splitlines()]
PHOTOS, SLIP = 3, 1  # fewer than the model would be changed for: learning itself has its own tests


def test_the_page_shows_the_commands_that_it_promises() -> None:
    """Five commands, and the way into the folder that the first one makes; every verb in the text is one there is, and the number of labels is true."""
    assert [line.split()[1] for line in COMMANDS if line.startswith("photodiary ")] == ["init", "import", "retrain", "compare"] and len(COMMANDS) == 5
    from photodiary import cli
    from photodiary.retrain import judging

    assert judging.ENOUGH == 8 and "at least eight labels" in PAGE
    known = {name for action in cli.parser()._actions for name in getattr(action, "choices", None) or ()}
    assert set(re.findall(r"`photodiary ([a-z-]+)", PAGE)) <= known | {"before", "after"}, "these two are rows of the table"


@pytest.mark.slow
def test_the_page_leads_from_a_folder_of_clicks_to_film_model_and_table(tmp_path: Path) -> None:
    """Line by line in a shell, in a folder with photos named by their clicks: the film shows each photo as it was clicked, the mistyped one is asked
    about in the page's words, learning says how many labels it still needs, and the table has a row for each."""
    selfies = pytest.importorskip("selfies")
    labelled, bin_ = tmp_path / "labelled", tmp_path / "bin"
    labelled.mkdir()
    bin_.mkdir()
    ready = ours({**os.environ, "PYTHONPATH": str(ROOT / "service"), "CUDA_VISIBLE_DEVICES": "", "PYTHONFAULTHANDLER": "1"}, network=True)
    (bin_ / "photodiary").write_text(f'#!/bin/sh\nexec {shlex.join(ready.command)} "$@"\n')
    (bin_ / "photodiary").chmod(0o755)
    clicks = {}
    for number, selfie in enumerate(selfies.month(PHOTOS)):
        left, right = (Point(*eye) for eye in selfie.eyes)
        clicks[digest_of(selfie.data)] = eyes = EyePair(left, Point(right.x, right.y + (100 if number == SLIP else 0)))
        (labelled / name_of(number, eyes)).write_bytes(selfie.data)
    mistyped = list(clicks)[SLIP]
    before = {path.name: path.read_bytes() for path in labelled.iterdir()}
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PHOTODIARY_")} | {
        "PATH": f"{bin_}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "service"), "HOME": str(tmp_path), "CUDA_VISIBLE_DEVICES": "",
        "PHOTODIARY_RETRAIN__SAMPLES": "100", "PHOTODIARY_FILM__PRESET": "ultrafast", "PHOTODIARY_DARKROOM__WORKERS": "1",
    }  # fmt: skip

    def shell(script: str) -> str:
        done = subprocess.run(["bash", "-e", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=170, check=False)
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    told = shell("\n".join(COMMANDS))
    diary = tmp_path / "diary"
    assert (diary / "archive/films/latest.mp4").stat().st_size > 10_000 and f"{PHOTOS} in the film" in told
    quoted = re.search(r"^    (1 lie far .*)\n      [0-9a-f]{12}$", PAGE, re.MULTILINE)
    assert quoted is not None and f"{quoted[1]}\n  {mistyped[:12]}" in told
    assert mistyped[:12] in shell(f"cd diary && photodiary photos why {mistyped[:12]}")
    photos = [json.loads(line) for line in shell("cd diary && photodiary photos list --json").splitlines()]
    assert {photo["sha256"] for photo in photos} == set(clicks) and all(photo["by"] == "placed" and photo["in_film"] for photo in photos)
    for photo in photos:
        assert EyePair(Point(*photo["left"]), Point(*photo["right"])).distance(clicks[photo["sha256"]]) < 0.1
    outcome = json.loads((diary / "state/retrain/outcome.json").read_text())
    assert outcome["promoted"] is False and outcome["needed"] > 0 and f"{outcome['needed']} more" in told
    table = [line.split("  ")[0] for line in told[told.index("errors in %") :].splitlines()]
    assert "photodiary" in table and "Haar cascades" in table and "photodiary before" not in table
    assert {path.name: path.read_bytes() for path in labelled.iterdir()} == before, "the folder is only read"
