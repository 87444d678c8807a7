"""Whose face it is: the other diary whose trusted frames it is like, or nobody's."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.support.daemon import QUICK
from tests.support.dots import eyes_of
from tests.support.visitor import Visitor, site_of

from photodiary.diary.calendar import Taken
from photodiary.diary.eyes import Sighting
from photodiary.diary.photo import Digest, Stage, digest_of
from photodiary.errors import BadModel
from photodiary.eyenet import header, registry
from photodiary.eyenet.likeness import ENOUGH, stored
from photodiary.ledger import photos
from photodiary.ledger.photos import NewPhoto, PhotoRow
from photodiary.ledger.store import Ledger
from photodiary.run.alike import looks_like
from photodiary.settings import Settings, load

CONFIG = QUICK + "".join(f'[diary.{name}]\ninbox = "in-{name}"\narchive = "{name}"\n' for name in ("anna", "ben", "cleo"))
FACES = {name: number for number, name in enumerate(("me", "anna", "ben"))}


def seen(ledger: Ledger, name: str, number: int, face: int, kin: str, reason: str | None = None) -> PhotoRow:
    """A photo on which a model saw a face: number `face` of a few that have nothing in common, a little different each time."""
    look = np.zeros(64, np.float32)
    look[face], look[8 + number % 40] = 1.0, 0.2
    digest = digest_of(f"{name}{number}".encode())
    taken = Taken(datetime(2024, 3, 1) + timedelta(number), None, "exif")
    photos.insert_or_name(ledger, NewPhoto(digest, 9, "jpeg", 400, 300, taken, 0.0, f"originals/{digest}.jpg", Stage.RECEIVED), b"a.jpg", 0.0)
    row = photos.find(ledger, digest)
    assert row is not None
    stage = Stage.LOCATED if reason is None else Stage.DOUBTFUL
    photos.append_sighting(
        ledger, row, Sighting(kin, eyes_of(number), 1.0, reason), stage, doubtful=reason is not None, reason=reason, now=0.0,
        likeness=(stored(look), None), kin=kin,
    )  # fmt: skip
    row = photos.find(ledger, digest)
    assert row is not None
    return row


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Three diaries with enough frames of three people, and cleo's, which has none yet."""
    (tmp_path / "config.toml").write_text(CONFIG)
    made = load(tmp_path / "config.toml")
    kin = header.of_file(registry.current().path).kin
    for name, face in FACES.items():
        ledger = Ledger(made.diary[name].archive)
        for number in range(ENOUGH + (name != "ben")):
            seen(ledger, name, number, face, kin)
        ledger.close()
    return made


def asked(settings: Settings, face: int, kin: str | None = None) -> PhotoRow:
    ledger = Ledger(settings.diary["me"].archive)
    row = seen(ledger, "me", 100 + face, face, kin or header.of_file(registry.current().path).kin, "not_this_person")
    ledger.close()
    return row


def test_it_names_who_it_is_like(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anna's face in another diary is hers; one that nobody has is nobody's, and so is one that a model of another kin saw, or without a model at all."""
    row = asked(settings, FACES["anna"])
    assert looks_like(settings, "me", row) == "anna" and looks_like(settings, "me", asked(settings, FACES["ben"])) == "ben"
    assert looks_like(settings, "me", asked(settings, 5)) is None
    assert looks_like(settings, "me", asked(settings, FACES["me"])) is None, "like its own diary's person: not asked about others"
    assert looks_like(settings, "cleo", row) is None, "there is no such photo, nor database"

    def gone() -> None:
        raise BadModel("no model")

    monkeypatch.setattr(registry, "current", gone)
    assert looks_like(settings, "me", row) is None


def test_the_page_says_it_where_a_photo_seems_to_be_somebody_elses(settings: Settings, tmp_path: Path) -> None:
    """The choice is open, with the diary that it looks like chosen; on other photos nothing is suggested."""
    strange = asked(settings, FACES["ben"])
    site = site_of(tmp_path / "config.toml")
    try:
        visitor = Visitor(site)
        text = visitor.get(f"/diary/me/photo/{strange.sha256}").text
        assert "This looks like <strong>ben</strong>" in text and "<option selected>ben</option>" in text and '<details id="move" open>' in text
        usual: Digest = digest_of(b"me1")
        text = visitor.get(f"/diary/me/photo/{usual}").text
        assert "This looks like" not in text and "<option>ben</option>" in text and '<details id="move">' in text
    finally:
        site.darkroom.close()


def test_too_few_frames_say_nothing(tmp_path: Path) -> None:
    """A diary with less than ten trusted frames does not know its person yet."""
    (tmp_path / "config.toml").write_text(CONFIG)
    settings = load(tmp_path / "config.toml")
    ledger = Ledger(settings.diary["anna"].archive)
    for number in range(ENOUGH - 1):
        seen(ledger, "anna", number, FACES["anna"], header.of_file(registry.current().path).kin)
    ledger.close()
    assert looks_like(settings, "me", asked(settings, FACES["anna"])) is None
