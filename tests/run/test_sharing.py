"""What is made of a film that is there: a copy small enough to send, and single pictures; nothing is overwritten, and nothing forgotten comes back."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import av
import cv2
import numpy as np
import pytest
from tests.support.daemon import QUICK, Diary
from tests.support.visitor import seeded

from photodiary.archive.store import Archive
from photodiary.diary.photo import digest_of
from photodiary.errors import Transient
from photodiary.ledger import forgetting, wishes
from photodiary.ledger.store import Ledger
from photodiary.render.schedule import RenderConfig
from photodiary.run import sharing
from photodiary.run.filming import Filming
from photodiary.settings import load

FILMS = """
[films.days]
of = "3 days"
[films.year]
of = "year"
pace = 6
[films.hers]
diaries = []
pick = "month"
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diary of eight photos with four films."""
    folder = tmp_path_factory.mktemp("shared") / "me"
    seeded(folder, config=QUICK + FILMS)
    return folder


@pytest.fixture
def diary(made: Path, tmp_path: Path) -> Diary:
    """A copy of it, with the verbs to use on it."""
    shutil.copytree(made, tmp_path / "me", dirs_exist_ok=True)
    (tmp_path / "me" / "inbox").rename(tmp_path / "me" / "kept")
    found = Diary(tmp_path / "me", config=QUICK + FILMS)
    found.inbox.rmdir()
    (tmp_path / "me" / "kept").rename(found.inbox)
    return found


def pictures(path: Path) -> list[tuple[int, int]]:
    with av.open(str(path)) as film:
        return [(frame.width, frame.height) for frame in film.decode(video=0)]


def test_a_diary_has_the_films_that_are_configured(diary: Diary) -> None:
    """Each is in its file, with its photos and at its pace, in the status for scripts and in words; only one can be made again."""
    films = {film["name"]: film for film in diary.me()["films"]}
    assert list(films) == ["latest", "days", "hers", "year-2024"]
    assert [films[name]["frames"] for name in films] == [8, 3, 1, 8]
    assert films["year-2024"]["seconds"] == pytest.approx(8 / 6) and films["days"]["seconds"] == pytest.approx(3 / 4)
    for name, film in films.items():
        assert Path(film["path"]) == diary.archive / "films" / f"{name}.mp4" and film["bytes"] == Path(film["path"]).stat().st_size
        assert len(pictures(Path(film["path"]))) == film["frames"]
    assert "film days of 3 photos" in diary.ask("status").stdout
    (diary.archive / "films/days.mp4").unlink()
    (diary.archive / "films/hers.mp4").unlink()
    done = diary.ask("render", "--film", "days")
    assert done.returncode == 0 and done.stdout.strip() == f"film of 3 photos: {diary.archive / 'films/days.mp4'}"
    assert (diary.archive / "films/days.mp4").exists() and not (diary.archive / "films/hers.mp4").exists()
    wrong = diary.ask("render", "--film", "month")
    assert (wrong.returncode, wrong.stdout) == (64, "") and "there are latest, days, year, hers" in wrong.stderr


def test_a_wish_may_be_for_one_film(tmp_path: Path) -> None:
    """The service makes only the film that `render --film` wished for; but all of them when a photo is to be forgotten, which each of them may show."""
    ledger, asked = Ledger(tmp_path), list[object]()
    rendering = SimpleNamespace(render=lambda now, *, full, only, forgetting, progress: asked.append((full, only, forgetting)), stale=lambda: False)
    house: Any = SimpleNamespace(name="me", ledger=ledger, archive=Archive(tmp_path), zone=ZoneInfo("UTC"), rendering=rendering)
    filming = Filming(RenderConfig(), lambda: None)
    for forgotten in (False, True):
        if forgotten:
            wished = forgetting.wish(ledger, [digest_of(b"photo")], 1.0)
            forgetting.erased(ledger, digest_of(b"photo"), 2.0)
        number = wishes.make(ledger, "render", {"full": True, "only": "days"}, 1.0)
        assert filming.step(house) == (True, False)
        assert wishes.get(ledger, number).outcome is not None
    assert asked == [(True, "days", False), (True, None, True)] and wishes.get(ledger, wished).outcome == {"photos": 1}
    ledger.close()


def test_a_small_copy_is_made_beside_everything_else(diary: Diary) -> None:
    """`share` says in words what was made of which film; the copy is within its limit, and plays; a new file is never one that is there."""
    done = diary.ask("share", "--film", "year")
    assert (
        done.returncode == 0
        and done.stdout == f"1.3 s at 320 x 320, {size_of(diary, 'share')} MB: the film itself, which is small enough: {path_of(diary, 'share')}\n"
    )
    assert path_of(diary, "share").read_bytes() == path_of(diary, "year-2024").read_bytes()
    done = diary.ask("share", "--megabytes", "0.1", "--out", str(diary.folder / "send.mp4"))
    assert done.returncode == 0 and done.stdout.endswith(f": {diary.folder / 'send.mp4'}\n"), done.stderr
    assert len(pictures(diary.folder / "send.mp4")) == 8 and (diary.folder / "send.mp4").stat().st_size <= 100_000
    before = (diary.folder / "send.mp4").read_bytes()
    for arguments, words in (
        (("--out", str(diary.folder / "send.mp4")), "is there already"),
        (("--out", str(diary.folder)), "is a folder"),
        (("--out", str(diary.folder / "none" / "send.mp4")), "there is no folder"),
        (("--film", "month"), "there is no film month; there are days, hers, latest, year-2024"),
        (("--megabytes", "0"), "--megabytes must be"),
    ):
        wrong = diary.ask("share", *arguments)
        assert (wrong.returncode, wrong.stdout) == (64, "") and words in wrong.stderr
    assert (diary.folder / "send.mp4").read_bytes() == before
    assert not [path for folder in (diary.folder, diary.archive / "work") for path in folder.iterdir() if path.name.startswith(".tmp-")]
    assert {path.name for path in (diary.archive / "films").iterdir()} == {"latest.mp4", "days.mp4", "hers.mp4", "year-2024.mp4", "share.mp4"}


def path_of(diary: Diary, name: str) -> Path:
    return diary.archive / "films" / f"{name}.mp4"


def size_of(diary: Diary, name: str) -> str:
    return f"{path_of(diary, name).stat().st_size / 1e6:.1f}"


@pytest.mark.parametrize("out", [None, "send.mp4"])
def test_what_was_forgotten_meanwhile_is_not_shared(diary: Diary, monkeypatch: pytest.MonkeyPatch, out: str | None) -> None:
    """A copy during whose making a photo is forgotten may show it, and is not kept."""

    def forgetful(*arguments: object) -> object:
        with sqlite3.connect(diary.archive / "ledger.sqlite3") as db:
            db.execute("INSERT INTO forgotten (sha256, made_at) VALUES (?, 0)", ("0" * 64,))
        return truly(*arguments)  # type: ignore[arg-type]

    truly = sharing.make
    monkeypatch.setattr(sharing, "make", forgetful)
    with pytest.raises(Transient, match="call again"):
        sharing.small_copy(load(diary.config), "me", None, 16_000_000, None if out is None else diary.folder / out, lambda words: None)
    assert not path_of(diary, "share").exists() and not (diary.folder / "send.mp4").exists()


def test_while_a_photo_is_being_forgotten_nothing_is_shared(diary: Diary) -> None:
    """The film that is there shows it still, and a copy of that would outlive the forgetting."""
    ledger = Ledger(diary.archive)
    forgetting.wish(ledger, [digest_of(b"photo")], 1.0)
    ledger.close()
    with pytest.raises(Transient, match="just being forgotten"):
        sharing.small_copy(load(diary.config), "me", None, 16_000_000, None, lambda words: None)
    assert not path_of(diary, "share").exists()


def test_poster_and_sheet_are_new_files(diary: Diary, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are JPEGs without any metadata, made of the film that is asked for; a file that is there stays, and what cannot be is told."""
    for verb, arguments in (("poster", ()), ("poster", ("--day", "2024-03-02")), ("sheet", ("--film", "days", "--grid", "2x2"))):
        out = diary.folder / f"{verb}{len(arguments)}.jpg"
        done = diary.ask(verb, *arguments, "--out", str(out))
        assert done.returncode == 0 and done.stdout == f"{out}\n", done.stderr
        data = out.read_bytes()
        assert b"Exif" not in data and cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape[1] >= 320
        again = diary.ask(verb, *arguments, "--out", str(out))
        assert again.returncode == 64 and "is there already" in again.stderr and out.read_bytes() == data
    assert (diary.folder / "poster0.jpg").read_bytes() != (diary.folder / "poster2.jpg").read_bytes()
    for wrong, words in (
        (("poster", "--day", "2024-04-02"), "no photo of that day"), (("poster", "--day", "May"), "write a day"), (("sheet", "--grid", "6"), "6x8"),
        (("sheet", "--out", str(diary.folder / "sheet.png")), "ends in .jpg"), (("poster", "--film", "month"), "there is no film month"),
    ):  # fmt: skip
        monkeypatch.chdir(diary.folder)
        refused = diary.ask(*wrong, *(() if "--out" in wrong else ("--out", str(diary.folder / "new.jpg"))))
        assert (refused.returncode, refused.stdout) == (64, "") and words in refused.stderr
    assert not (diary.folder / "new.jpg").exists()


def test_without_a_film_there_is_nothing_to_share(tmp_path: Path) -> None:
    """Then each verb says so, and what makes one."""
    diary = Diary(tmp_path / "me")
    for verb in ("share", "poster", "sheet"):
        refused = diary.ask(verb, "--out", str(tmp_path / "new.jpg"))
        assert refused.returncode == 64 and "there is no film yet" in refused.stderr
