"""Corrections teach: the model that learnt takes over only after it has proved better, and whoever is killed on the way leaves things as they were."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.daemon import QUICK, ROOT, Diary
from tests.support.dots import drop, photo

from photodiary.diary.eyes import EyePair, Point
from photodiary.diary.photo import digest_of
from photodiary.eyenet import writing
from photodiary.eyenet.person import moved
from photodiary.eyenet.registry import Registry
from photodiary.ledger import labels, photos
from photodiary.ledger.labels import Label
from photodiary.ledger.store import Ledger
from photodiary.run import learning, retrain
from photodiary.settings import load

sys.path.append(str(ROOT / "deploy"))
from selfies import Selfie, month  # type: ignore[import-not-found]  # noqa: E402

LABELLED = 10
HABIT = ((0.018, 0.012), (-0.018, 0.012))  # of the IOD: what this labeller takes for the middle of an eye
SHORT = "\n[retrain]\nsamples = 100\nthreads = 1\n"


def truth(one: Selfie) -> EyePair:
    return EyePair(*(Point(*map(float, eye)) for eye in one.eyes))


@pytest.fixture(scope="module")
def selfies() -> list[Selfie]:
    return list(month(LABELLED))


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory, selfies: list[Selfie]) -> Path:
    """A diary of the selfies without labels, as the shipped model saw them."""
    diary = Diary(tmp_path_factory.mktemp("imported") / "d", config=QUICK + SHORT, real_model=True)
    for number, one in enumerate(selfies):
        (diary.inbox / f"{number}.jpg").write_bytes(one.data)
    done = diary.call("import", str(diary.inbox))
    assert done.returncode == 0, done.stderr
    return diary.folder


def labelled(imported: Path, folder: Path, selfies: list[Selfie], eyes: list[EyePair], *, real_model: bool = False) -> Diary:
    """A copy of it in which a person placed these eyes."""
    shutil.copytree(imported, folder, ignore=shutil.ignore_patterns("inbox", "config.toml", "*.py"))
    diary = Diary(folder, config=QUICK + SHORT, real_model=real_model)
    ledger = Ledger(diary.archive)
    try:
        said = [Label(photo, pair, "placed") for one, pair in zip(selfies, eyes, strict=True) if (photo := photos.find(ledger, digest_of(one.data)))]
        assert labels.place(ledger, said, time.time())[1] == len(selfies)
    finally:
        ledger.close()
    return diary


def learn(diary: Diary, *options: str) -> dict[str, Any]:
    done = diary.ask("retrain", *options, "--json", timeout=300, network=True)
    assert done.returncode == 0, done.stderr
    outcome: dict[str, Any] = json.loads(done.stdout)
    assert json.loads((diary.folder / "state/retrain/outcome.json").read_text())["reason"] == outcome["reason"]
    return outcome


@pytest.fixture(scope="module")
def taught(imported: Path, tmp_path_factory: pytest.TempPathFactory, selfies: list[Selfie]) -> tuple[Diary, dict[str, Any]]:
    """A diary whose ten labels all have the labeller's habit, after it was learnt from."""
    diary = labelled(imported, tmp_path_factory.mktemp("taught") / "d", selfies, [moved(truth(one), HABIT) for one in selfies])
    return diary, learn(diary, "--now")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_is_learnt_takes_over(taught: tuple[Diary, dict[str, Any]]) -> None:
    """Ten consistent labels make a model that has proved better on labels it had not seen; it is in force, and its card says what taught it."""
    diary, outcome = taught
    assert outcome["promoted"] and outcome["placed"] == LABELLED and outcome["needed"] == 0, outcome["reason"]
    assert outcome["after"]["median"] < 0.8 * outcome["before"]["median"] and outcome["better"] >= 0.9
    assert all(gate["passed"] for gate in outcome["gates"]) and len(outcome["photos"]) == LABELLED
    assert outcome["diaries"]["me"]["film_iod"] == pytest.approx(96, abs=1)
    registry = Registry(diary.folder / "state")
    standing = registry.standing()
    assert standing.entry.name == outcome["model"] and standing.trouble is None
    card = registry.card(outcome["model"])
    assert card["base"] == outcome["current_before"] and len(card["trained_on"]) == LABELLED == len(card["judgement"]["eyes"])
    report = (diary.folder / "state/retrain/report/index.html").read_text()
    assert 'class="verdict good"' in report
    progress = json.loads((diary.folder / "state/retrain/progress.json").read_text())
    assert progress["phase"] == "done" and progress["words"] == outcome["reason"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nothing_new_is_not_learnt_again(taught: tuple[Diary, dict[str, Any]]) -> None:
    """Without --now, labels that were learnt from already are left alone."""
    diary, outcome = taught
    again = diary.ask("retrain")
    assert again.returncode == 0 and "no new labels" in again.stdout
    assert Registry(diary.folder / "state").standing().entry.name == outcome["model"]


@pytest.mark.slow
def test_corrupted_labels_are_refused(imported: Path, tmp_path: Path, selfies: list[Selfie]) -> None:
    """Labels that lie anywhere near the eyes teach nothing: nothing is promoted, and the reason says that they contradict each other."""
    dice = np.random.default_rng(3)
    eyes = []
    for one in selfies:
        pair = truth(one)
        away = dice.normal(0, 0.09 * pair.iod, (2, 2))
        eyes.append(EyePair(*(Point(eye.x + float(x), eye.y + float(y)) for eye, (x, y) in zip(pair, away, strict=True))))
    diary = labelled(imported, tmp_path / "d", selfies, eyes)
    outcome = learn(diary, "--now")
    assert not outcome["promoted"] and "contradict each other" in outcome["reason"]
    assert not (diary.folder / "state/models/current").exists()
    assert "contradict each other" in (diary.folder / "state/retrain/report/index.html").read_text()


def test_too_few_labels_are_counted(imported: Path, tmp_path: Path, selfies: list[Selfie]) -> None:
    """Below eight labels nothing is judged, and the reason says how many more are needed."""
    diary = labelled(imported, tmp_path / "d", selfies[:6], [truth(one) for one in selfies[:6]])
    outcome = learn(diary, "--now")
    assert not outcome["promoted"] and outcome["needed"] == 2 and outcome["before"] is None
    assert "2 more placed labels are needed" in outcome["reason"]


def test_who_comes_second_waits_for_the_first(imported: Path, tmp_path: Path, selfies: list[Selfie]) -> None:
    """While one process learns, another one waits and tells what the first found: beside the service, `retrain --now` works like any verb."""
    diary = labelled(imported, tmp_path / "d", selfies[:6], [truth(one) for one in selfies[:6]])
    settings = load(diary.config)
    with retrain.alone(retrain.folder_of(settings)):
        process = subprocess.Popen(
            [sys.executable, "-m", "photodiary", "retrain", "--now", "--config", str(diary.config)],
            env=diary.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stderr is not None
        line = process.stderr.readline()
        while "learning already" not in line:
            assert line, "it ended without waiting"
            line = process.stderr.readline()
        found = {"finished_at": time.time(), "labels": learning.fingerprints(settings), "promoted": False, "before": None, "after": None}
        found |= {"current_before": "base", "reason": "as the first one found"}
        writing.write(diary.folder / "state/retrain/outcome.json", json.dumps(found).encode())
        told, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and "base stays in force: as the first one found" in told


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_killed_at_any_moment_the_model_stays(imported: Path, tmp_path: Path, selfies: list[Selfie]) -> None:
    """Killed while it looks or learns, it leaves the model in force, and the next one is not kept from learning."""
    diary = labelled(imported, tmp_path / "d", selfies, [moved(truth(one), HABIT) for one in selfies], real_model=True)
    progress = diary.folder / "state/retrain/progress.json"
    for phase in ("collecting", "folds"):
        process = diary.begin("retrain", "--now", "--json")
        end = time.monotonic() + 120
        while time.monotonic() < end:
            if progress.exists() and (told := json.loads(progress.read_text()))["pid"] == process.pid and told["phase"] == phase:
                break
            time.sleep(0.02)
        else:
            pytest.fail(f"never came to {phase}")
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL
        standing = Registry(diary.folder / "state").standing()
        assert standing.trouble is None and standing.entry == Registry("").standing().entry
        assert not (diary.folder / "state/retrain/outcome.json").exists()


def test_the_service_learns_when_it_is_asked(tmp_path: Path) -> None:
    """Whoever asks on the page is heard by the running service, which has a child learn, at the lowest priority, and tells what came of it."""
    diary = Diary(tmp_path / "d", config=QUICK + SHORT)
    drop(diary.inbox, "0.jpg", photo(0))
    diary.start()
    try:
        diary.until_film_of(1)
        learning.wish_now(load(diary.config))
        diary.until_told("learning from corrections has ended: 8 more placed labels are needed")
        assert json.loads((diary.folder / "state/retrain/outcome.json").read_text())["needed"] == 8
        assert not learning.wanted(load(diary.config))
    finally:
        diary.stop()


def test_a_model_of_ones_own_stays(tmp_path: Path) -> None:
    """Where the configuration names a model file, nothing is learnt that would not be used, and the message says what to do."""
    diary = Diary(tmp_path / "d", config=QUICK + '[locate]\nmodel = "own.safetensors"\n')
    (diary.folder / "own.safetensors").write_bytes(b"")
    done = diary.ask("retrain", "--now")
    assert done.returncode == 64 and "leave it empty" in done.stderr
