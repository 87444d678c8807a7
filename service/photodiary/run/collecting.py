"""What there is to learn from: the labels of all diaries that are in force, and some of their photos without any."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from photodiary.archive.store import Archive
from photodiary.darkroom.darkroom import Darkroom
from photodiary.diary.eyes import EyePair, Sighting
from photodiary.diary.facing import Facing
from photodiary.diary.photo import Stage
from photodiary.eyenet.likeness import Gallery
from photodiary.ledger import labels
from photodiary.ledger.photos import PhotoRow, everything
from photodiary.ledger.reels import current_canvas
from photodiary.ledger.store import FILE, Ledger
from photodiary.locate.config import LocateConfig
from photodiary.locate.locator import EyeLocator
from photodiary.locate.turned import as_told, back_from
from photodiary.locate.views import DarkroomView, View
from photodiary.retrain.lessons import spread
from photodiary.retrain.retraining import Glance, Seen
from photodiary.settings import Settings

MOST_LABELS = 600  # of all diaries together, evenly spread over time: more teach little and take hours
MOST_OTHERS = 100  # photos without a label, of all diaries together


@dataclass
class Collected:
    """photos: in the order of the film, diary by diary; in_question: labels that wait for a second word; apart: pixels between the eyes in a diary's film."""

    photos: list[Seen] = field(default_factory=list)
    in_question: int = 0
    apart: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Told(DarkroomView):
    """A photo as it lies in the archive, with the way round that a person said."""

    facing: Facing = field(default_factory=Facing)


class Eyes:
    """A model at work, for whoever learns: it looks at a photo the way up that a person said, and answers in pixels of the upright original."""

    def __init__(self, path: Path, config: LocateConfig) -> None:
        """Raises BadModel."""
        self._locator = EyeLocator(path, config)

    def look(self, view: View, gallery: Gallery | None) -> Glance:
        located = self._locator.locate(_the_way_up(view), gallery)
        looks = None if located.embedding is None else np.frombuffer(located.embedding, "<f2").astype(np.float32)
        sighting = _back(view, located.sighting)
        return Glance(sighting.eyes, sighting.expected_error, sighting.faces, looks)

    def faces(self, view: View) -> list[EyePair]:
        seen = [_back(view, Sighting("", face.eyes)).eyes for face in self._locator.faces(_the_way_up(view))]
        return [eyes for eyes in seen if eyes is not None]


def _the_way_up(view: View) -> View:
    return as_told(view, view.facing) if isinstance(view, Told) else view


def _back(view: View, sighting: Sighting) -> Sighting:
    return back_from(sighting, view.facing, view.size) if isinstance(view, Told) else sighting


def collect(settings: Settings, darkroom: Darkroom) -> Collected:
    """Reads the ledgers as they are now; the photos come from the archives when they are looked at.  Raises LedgerTrouble: without one diary's labels nobody
    could say that it does not get worse."""
    found = Collected()
    begun = [name for name, diary in settings.diary.items() if (diary.archive / FILE).exists()]
    for name in begun:
        archive = settings.diary[name].archive
        ledger = Ledger(archive, writable=False)
        try:
            labelled = [(photo, label) for photo, label in labels.in_force(ledger) if _can_be_read(photo)]
            asked = {photo.id for photo, _ in labelled if photo.doubtful and photo.reason == "label_differs"}
            known = {photo.id for photo, _ in labelled}
            plain = [photo for photo, _ in everything(ledger) if photo.id not in known and _sure(photo)]
            canvas = current_canvas(ledger)
        finally:
            ledger.close()
        found.in_question += len(asked)
        if canvas is not None:
            found.apart[name] = canvas.canvas.iod
        teach = [one for one in labelled if one[0].id not in asked]
        placed = spread([one for one in teach if one[1].by == "placed"], MOST_LABELS // len(begun))
        confirmed = spread([one for one in teach if one[1].by != "placed"], MOST_LABELS // len(begun) - len(placed))
        found.photos += [_seen(name, archive, photo, label, darkroom) for photo, label in [*placed, *confirmed]]
        found.photos += [_seen(name, archive, photo, None, darkroom) for photo in spread(plain, MOST_OTHERS // len(begun))]
    found.photos = _each_once(found.photos)
    return found


def _each_once(photos: list[Seen]) -> list[Seen]:
    """A photo that lies in several diaries counts in one, where most was said of it: else it would be learnt from in one and judged by in the other."""
    kept: dict[str, Seen] = {}
    for one in photos:
        other = kept.get(one.sha256)
        if other is None or (one.label is not None, one.placed) > (other.label is not None, other.placed):
            kept[one.sha256] = one
    return [one for one in photos if kept[one.sha256] is one]


def _can_be_read(photo: PhotoRow) -> bool:
    return photo.original is not None and photo.width is not None and photo.height is not None and photo.stage is not Stage.QUARANTINED


def _sure(photo: PhotoRow) -> bool:
    return _can_be_read(photo) and photo.stage is Stage.ALIGNED and not photo.doubtful


def _seen(diary: str, archive: Path, photo: PhotoRow, label: Sighting | None, darkroom: Darkroom) -> Seen:
    original, width, height = photo.original, photo.width, photo.height
    assert original is not None and width is not None and height is not None
    store = Archive(archive)
    view = Told(darkroom, photo.sha256, lambda: store.read(original), (width, height), photo.facing)
    day = photo.taken.wall.date().isoformat() if photo.taken is not None else None
    return Seen(diary, photo.sha256, day, view, None if label is None else label.eyes, label is not None and label.by == "placed")
