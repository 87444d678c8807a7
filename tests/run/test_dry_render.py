"""`render --dry-run` says what making the films would encode and why, and touches nothing; then that is what it costs."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from tests.support.daemon import Diary
from tests.support.dots import DotLocator, drop, photo

from photodiary.render import rendering
from photodiary.run import film, once
from photodiary.settings import load

PHOTOS = 28


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diary of 28 photos with their film."""
    diary = Diary(tmp_path_factory.mktemp("dry") / "me")
    for number in range(PHOTOS):
        drop(diary.inbox, f"IMG_{number}.jpg", photo(number))
    scan(diary.folder)
    return diary.folder


def scan(folder: Path) -> None:
    once.with_engine(load(folder / "config.toml"), lambda config: DotLocator(), lambda engine: None, scan=True)


def look(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in (folder / "archive").rglob("*") if not path.name.startswith(("ledger.sqlite3", "ledger.lock"))}


def test_a_dry_run_tells_what_it_costs_then(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing for what is there, the segment of a photo that left, everything for another look, nothing for another pace; no file is touched."""
    shutil.copytree(folder, tmp_path / "me")
    config = tmp_path / "me/config.toml"
    text = config.read_text()
    encoded: list[int] = []
    real = rendering.render_in_child

    def counting(*given: object, **more: object) -> object:
        made = real(*given, **more)  # type: ignore[arg-type]
        encoded.append(made.encoded)
        return made

    monkeypatch.setattr(rendering, "render_in_child", counting)

    def forecast() -> str:
        before = look(tmp_path / "me")
        said = film.forecast(load(config), "me")
        assert look(tmp_path / "me") == before
        return said

    def costs(said: str) -> None:
        """What was said is what it costs."""
        told = re.search(r"(\d+) of (\d+) photos would be encoded, in (\d+) of (\d+) segments; the rest is copied", said)
        assert told is not None
        encoded.clear()
        film.render(load(config), "me", full=False)
        assert encoded == [int(told[1])]

    said = forecast()
    assert said.startswith(f"films/latest.mp4: {PHOTOS} photos at 4 a second, 7.0 s, 320 x 320\n") and said.endswith(
        "  is there already; nothing would be encoded"
    )
    config.write_text(text.replace("[film]", '[film]\npace = "7"\nfps = 0'))
    said = forecast()
    assert f"films/latest.mp4: {PHOTOS} photos at 7 a second, 4.0 s" in said and f"0 of {PHOTOS} photos would be encoded" in said
    costs(said)
    config.write_text(text.replace("[film]", '[film]\npace = "7"\nfps = 25'))
    said = forecast()
    assert "100 pictures, 4.0 s" in said and f"{PHOTOS} photos, 2024-03-01 to 2024-03-28, because the film looks otherwise than before" in said
    costs(said)
    config.write_text(text.replace("[film]", '[film]\npace = "7"'))
    costs(forecast())
    (lost, *_) = sorted((tmp_path / "me/archive/segments").glob("*.segment"))
    lost.unlink()
    os.unlink(tmp_path / "me/archive/films/latest.mp4")
    config.write_text(text.replace("[film]", '[film]\npace = "8"'))
    said = forecast()
    assert "because what had been encoded is gone from the disk" in said
    costs(said)
    drop(tmp_path / "me/inbox", "IMG_99.jpg", photo(PHOTOS))
    with monkeypatch.context() as idle:
        idle.setattr(rendering.Rendering, "render", lambda self, *_, **__: None)  # the photo is framed, and no film made
        scan(tmp_path / "me")
    said = forecast()
    assert f"{PHOTOS + 1} photos at 8 a second" in said and "to 2024-03-29, because it has new photos or new frames" in said
    costs(said)
    config.write_text(text.replace('pick = "all"', 'pick = "month"'))
    said = forecast()
    assert said.startswith("films/latest.mp4: 1 photos at 8 a second")
    costs(said)


def test_a_diary_without_frames_has_no_film(tmp_path: Path) -> None:
    """Nothing is to be made, and that is said."""
    diary = Diary(tmp_path / "me")
    scan(diary.folder)
    assert film.forecast(load(diary.config), "me") == "no frames yet, so no film"
