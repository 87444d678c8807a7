"""A film is decoded to its end before it is called whole, in a process of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from photodiary.diary.reel import Chapter
from photodiary.render import checking

from .films import SMALL, archive, make, plan_of

COUNT = 30


def unheard(done: int) -> None:
    pass


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    root = tmp_path_factory.mktemp("film")
    make(plan_of(range(COUNT)), archive(root, COUNT), root / "film.mp4")
    return (root / "film.mp4").read_bytes()


@pytest.fixture
def path(film: bytes, tmp_path: Path) -> Path:
    (tmp_path / "a film: 50 %.mp4").write_bytes(film)
    return tmp_path / "a film: 50 %.mp4"


def test_a_whole_film_is_called_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All photos are shown; on the way it is told how far it is."""
    assert checking.whole(path, COUNT, unheard) is None
    monkeypatch.setattr(checking, "TELL_EVERY", 10)
    told: list[int] = []
    assert checking.problem(path, COUNT, told.append) is None and told == [10, 20, 30]
    assert checking.whole(path, COUNT + 1, unheard) == "it shows 30 photos instead of 31"


BROKEN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut short": (lambda data: data[:-2000], "cannot be read|damaged|instead of 30"),
    "a hole": (lambda data: data[: len(data) // 2] + bytes(600) + data[len(data) // 2 + 600 :], "cannot be read|damaged|instead of 30"),
    "no film": (lambda data: b"nothing" * 100, "cannot be read"),
    "empty": (lambda data: b"", "cannot be read"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_film_is_told(path: Path, how: str) -> None:
    """What is cut, torn or no film at all is not called whole."""
    spoil, words = BROKEN[how]
    path.write_bytes(spoil(path.read_bytes()))
    told = checking.problem(path, COUNT, unheard)
    assert told is not None and any(word in told for word in words.split("|"))


def test_a_reader_that_dies_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A film that takes the process with it that looks at it is not called whole."""
    real = subprocess.Popen

    def dying(command: list[str], **options: object) -> object:
        return real([command[0], "-c", "import os, signal; print(7, flush=True); os.kill(os.getpid(), signal.SIGKILL)"], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", dying)
    told: list[int] = []
    assert checking.whole(path, COUNT, told.append) == "the process that looked at it died (exit -9)" and told == [7]


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_films_of_every_kind_are_called_whole(tmp_path: Path, codec: str) -> None:
    """H.265, a steady film that repeats pictures and one with chapters are films too; one that shows fewer pictures than photos is not."""
    coding = replace(SMALL, codec=codec, steady=True)
    cells = {number: {"pictures": 3} for number in range(COUNT)}
    plan = plan_of(range(COUNT), coding=coding, cells=cells, shown=(3,) * COUNT, chapters=(Chapter(0, "March"), Chapter(5, "April")), title="Us")
    make(plan, archive(tmp_path, COUNT))
    assert checking.problem(tmp_path / "film", COUNT, unheard) is None
    assert checking.problem(tmp_path / "film", 3 * COUNT + 1, unheard) == "it shows 90 photos instead of 91"
