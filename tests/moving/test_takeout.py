"""Exports of Google Photos: what is offered of them, packed or not, in one part or several, and that a hostile archive harms nothing."""

from __future__ import annotations

import gzip
import os
import random
import struct
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.takeout import ROOT, folder, sidecar, tarred, zipped

from photodiary.errors import BadUsage
from photodiary.moving.source import NotBrought, Offer
from photodiary.moving.takeout import Takeout
from photodiary.moving.unpacking import BrokenArchive, entries

TAKEN = 1584263400  # 15 March 2020, 10:10 in Berlin
FILES = {
    "Photos from 2020/a.jpg": b"\xff\xd8\xff first" * 100,
    "Photos from 2020/a.jpg.supplemental-metadata.json": sidecar(TAKEN),
    "Photos from 2020/a-bearbeitet.jpg": b"\xff\xd8\xff edited",
    "Photos from 2020/b.HEIC": b"live",
    "Photos from 2020/b.HEIC.supplemental-metadata.json": sidecar(TAKEN + 86_400),
    "Photos from 2020/b.MP4": b"its film",
    "Photos from 2020/raw.dng": b"raw",
    "Trash/c.jpg": b"thrown away",
    "Trash/c.jpg.json": sidecar(TAKEN, trashed=True),
    "Trip/metadata.json": b'{"title": "Trip", "date": {"timestamp": "5"}}',
    "Trip/lonely.png": b"no sidecar",
    "archive_browser.html": b"<html>",
}
EXPECTED = {
    "Photos from 2020/a.jpg": (FILES["Photos from 2020/a.jpg"], "2020-03-15T10:10:00"),
    "Photos from 2020/a-bearbeitet.jpg": (FILES["Photos from 2020/a-bearbeitet.jpg"], "2020-03-15T10:10:00"),
    "Photos from 2020/b.HEIC": (b"live", "2020-03-16T10:10:00"),
    "Trip/lonely.png": (b"no sidecar", None),
}


class Kept:
    """Somewhere for a photo's bytes."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, piece: bytes) -> None:
        self.data += piece

    def begin_again(self) -> None:
        self.data = b""


def takeout(*paths: Path, most: float = 1e6) -> Takeout:
    return Takeout(list(paths), ZoneInfo("Europe/Berlin"), most=most)


def content(offer: Offer) -> bytes:
    if offer.path is not None:
        return offer.path.read_bytes()
    kept = Kept()
    assert offer.fetch is not None
    offer.fetch(kept)
    return kept.data


def offered(source: Takeout) -> dict[str, tuple[bytes, str | None]]:
    return {offer.name: (content(offer), offer.told and offer.told.wall.isoformat()) for offer in source.offers()}


def packed(kind: str, where: Path, files: dict[str, bytes]) -> Path:
    if kind == "folder":
        return folder(where / "unpacked", files)
    return zipped(where / "takeout-001.zip", files) if kind == "zip" else tarred(where / f"takeout-001.{kind}", files)


@pytest.mark.parametrize("kind", ["folder", "zip", "tgz"])
def test_an_export_is_offered_whole(kind: str, tmp_path: Path) -> None:
    """Photos with their bytes and dates; the bin, videos and what is not read are counted; the survey says what the offers are."""
    source = takeout(packed(kind, tmp_path, FILES))
    survey = source.survey()
    assert offered(source) == EXPECTED
    assert dict(survey.skipped) == {"in the bin there": 1, "videos": 1, "pictures of kinds that are not read (GIF, RAW and others)": 1}
    assert survey.undated == 1 and not survey.broken
    assert [(offer.item, offer.stamp, offer.size) for offer in source.offers()] == survey.photos


def test_parts_belong_together(tmp_path: Path) -> None:
    """A photo in one part, its sidecar in the next, its original in a third, of three kinds."""
    names = list(FILES)
    parts = [
        zipped(tmp_path / "1.zip", {name: FILES[name] for name in names[0:1]}),
        tarred(tmp_path / "2.tgz", {name: FILES[name] for name in names[1:2]}),
        folder(tmp_path / "3", {name: FILES[name] for name in names[2:]}),
    ]
    source = takeout(*parts)
    source.survey()
    assert offered(source) == EXPECTED


def test_a_corrected_date_makes_it_another_item(tmp_path: Path) -> None:
    """The stamp is the same for the same photo in another archive, and another one when its date was corrected since."""
    stamps = []
    for number, files in enumerate((FILES, FILES, {**FILES, "Photos from 2020/a.jpg.supplemental-metadata.json": sidecar(TAKEN + 60)})):
        source = takeout(zipped(tmp_path / f"{number}.zip", files))
        stamps.append({item: stamp for item, stamp, _ in source.survey().photos})
    assert stamps[0] == stamps[1] and source.name == "takeout"
    assert {item for item in stamps[0] if stamps[0][item] != stamps[2][item]} == {"Photos from 2020/a.jpg", "Photos from 2020/a-bearbeitet.jpg"}


def test_a_broken_part_is_told_and_the_others_are_brought(tmp_path: Path) -> None:
    """A download that was cut short: what can be had of it and of the other parts is, and it is said which one to have again."""
    whole = zipped(tmp_path / "1.zip", {"Photos from 2020/a.jpg": b"whole"})
    cut = tarred(tmp_path / "2.tgz", {"Photos from 2020/b.jpg": b"first", "Photos from 2020/c.jpg": os.urandom(50_000)})
    cut.write_bytes(cut.read_bytes()[:20_000])
    none = tmp_path / "3.zip"
    none.write_bytes(b"PK no zip")
    source = takeout(whole, cut, none)
    survey = source.survey()
    assert [Path(file).name for file, _ in survey.broken] == ["2.tgz", "3.zip"]
    assert all("downloaded again" in why for _, why in survey.broken)
    names = []
    for offer in source.offers():
        if offer.name == "Photos from 2020/c.jpg":
            with pytest.raises(NotBrought, match="cut short"):
                content(offer)
        else:
            names.append((offer.name, content(offer)))
    assert names == [("Photos from 2020/a.jpg", b"whole"), ("Photos from 2020/b.jpg", b"first")]


def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(BadUsage, match=r"neither a folder nor a \.zip"):
        takeout(tmp_path / "photo.jpg")


HOSTILE = ("../../../../etc/cron.d/x.jpg", "/etc/passwd.jpg", "..\\..\\windows.jpg", "a\0b.jpg", "\x1b[2Jesc.jpg", "x/" * 400 + "deep.jpg", "n" * 5000 + ".jpg")


@pytest.mark.parametrize("kind", ["zip", "tgz"])
def test_no_path_from_inside_is_used(kind: str, tmp_path: Path) -> None:
    """Whatever an archive calls its files, nothing is written, and the names that are kept lead nowhere."""
    files = dict.fromkeys(HOSTILE, b"data")
    inside = tmp_path / "in"
    inside.mkdir()
    source = takeout(packed(kind, inside, files))
    before = sorted(tmp_path.rglob("*"))
    source.survey()
    names = [offer.name for offer in source.offers() if content(offer) == b"data"]
    assert len(names) >= len(HOSTILE) - 1  # a zip ends a name at its first NUL, and with it that of the file
    assert all(name.isprintable() and ".." not in name.split("/") and not name.startswith("/") and len(name) < 500 for name in names)
    assert sorted(tmp_path.rglob("*")) == before


def test_links_and_devices_are_passed_over(tmp_path: Path) -> None:
    """A link out of an archive, or of a folder, is never read through."""
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"secret")
    members = []
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
        info = tarfile.TarInfo(f"{ROOT}/{kind.decode()}.jpg")
        info.type, info.linkname = kind, str(secret)
        members.append(info)
    linked = zipfile.ZipInfo(f"{ROOT}/link.jpg")
    linked.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "1.zip", "w") as archive:
        archive.writestr(linked, str(secret))
    unpacked = folder(tmp_path / "unpacked", {"Photos/a.jpg": b"good"})
    (unpacked / ROOT / "Photos/b.jpg").symlink_to(secret)
    (unpacked / ROOT / "Photos/b.jpg.json").symlink_to("/dev/zero")
    (unpacked / ROOT / "elsewhere").symlink_to(tmp_path)
    os.mkfifo(unpacked / ROOT / "Photos/c.jpg.json")
    source = takeout(tmp_path / "1.zip", tarred(tmp_path / "2.tgz", {"Photos/d.jpg": b"after"}, members), unpacked)
    assert not source.survey().broken
    assert offered(source) == {"Photos/a.jpg": (b"good", None), "Photos/d.jpg": (b"after", None)}


def test_bombs_are_not_unpacked(tmp_path: Path) -> None:
    """An entry, or an archive, that unpacks to far more than photos do is passed over or given up, and what is too large is counted."""
    with zipfile.ZipFile(tmp_path / "1.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{ROOT}/Photos/bomb.jpg", bytes(60 << 20))
        archive.writestr(f"{ROOT}/Photos/large.jpg", os.urandom(1 << 21))
        archive.writestr(f"{ROOT}/Photos/a.jpg", b"good")
    bomb = gzip.compress(bytes(60 << 20), 1)
    head = tarfile.TarInfo(f"{ROOT}/Photos/other.html")
    head.size = 60 << 20
    (tmp_path / "2.tgz").write_bytes(gzip.compress(head.tobuf()) + bomb)
    source = takeout(tmp_path / "1.zip", tmp_path / "2.tgz")
    survey = source.survey()
    assert dict(survey.skipped) == {"packed as no photo is": 1, "too large": 1} or dict(survey.skipped) == {"too large": 2}
    assert "far more than photos" in survey.broken[0][1]
    assert offered(source) == {"Photos/a.jpg": (b"good", None)}


def test_lies_about_sizes_are_not_believed(tmp_path: Path) -> None:
    """A header's name of a gigabyte, a zip of a billion entries, a size below nothing: told in a sentence, before memory is spent on it."""
    long = tarfile.TarInfo("x")
    long.type, long.size = tarfile.XHDTYPE, 1 << 30
    (tmp_path / "long.tgz").write_bytes(gzip.compress(long.tobuf() + bytes(4096)))
    record = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 1 << 30, 1 << 30, 0, 0)
    ends = b"PK\6\7" + struct.pack("<IQI", 0, 0, 1) + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 65535, 65535, 0, 0, 0)
    (tmp_path / "many.zip").write_bytes(record + ends)
    below = bytearray(tarfile.TarInfo("x").tobuf())
    below[124:136] = b"\xff" * 12  # base 256, negative
    below[148:156] = b"%06o\0 " % (256 + sum(below[:148]) + sum(below[156:512]))
    (tmp_path / "below.tgz").write_bytes(gzip.compress(bytes(below) + bytes(1024)))
    for name in ("long.tgz", "many.zip", "below.tgz"):
        with pytest.raises(BrokenArchive):
            list(entries(tmp_path / name))


def test_old_and_new_tars_with_long_names_are_read(tmp_path: Path) -> None:
    """GNU's and POSIX's ways to write names of more than a hundred letters, and a tar that is not packed."""
    name = "Photos from 2020/" + "ü" * 90 + ".jpg"
    for number, (form, mode) in enumerate(((tarfile.GNU_FORMAT, "w:gz"), (tarfile.PAX_FORMAT, "w:gz"), (tarfile.PAX_FORMAT, "w"))):
        path = tarred(tmp_path / f"{number}.{'tgz' if mode == 'w:gz' else 'tar'}", {name: b"x" * 513, "Photos from 2020/b.jpg": b""}, form=form, mode=mode)
        read = [(entry.name, entry.read(1000)) for entry in entries(path)]
        assert read == [(f"{ROOT}/{name}", b"x" * 513), (f"{ROOT}/Photos from 2020/b.jpg", b"")]


def test_a_password_is_told(tmp_path: Path) -> None:
    """An entry that is locked, or packed in an unknown way, is one photo less."""
    path = zipped(tmp_path / "1.zip", {"Photos/a.jpg": b"locked" * 9})
    data = bytearray(path.read_bytes())
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.find(mark) + at] |= 1
    path.write_bytes(data)
    offers = takeout(path).offers()
    offer = next(offers)
    with pytest.raises(NotBrought, match="password"):
        content(offer)


def test_names_and_packings_that_are_broken(tmp_path: Path) -> None:
    """A name that says it is UTF-8 and is not, and what only some packings raise, are told like all damage; of the latter one photo is missing."""
    named = tmp_path / "named.zip"
    zipped(named, {"Trip/\u00fc.jpg": b"photo"})
    named.write_bytes(named.read_bytes().replace("\u00fc".encode(), b"\xc3\xc3"))
    assert [Path(file).name for file, _ in takeout(named).survey().broken] == ["named.zip"]
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr(f"{ROOT}/Trip/a.jpg", b"photo" * 100)
    packed.write_bytes(packed.read_bytes().replace(b"BZh9", b"BZx9"))
    offers = takeout(packed).offers()
    offer = next(offers)
    with pytest.raises(NotBrought, match="damaged"):
        content(offer)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_any_damage_is_told_or_harmless(tmp_path: Path, data: st.DataObject) -> None:
    """Archives with bytes changed, cut or doubled: only BrokenArchive comes of it, and never more bytes than were said."""
    kind = data.draw(st.sampled_from(["zip", "tgz", "tar"]))
    files = {"Photos/a.jpg": b"one" * 300, "Photos/a.jpg.json": sidecar(TAKEN), "Photos/b.jpg": random.Random(3).randbytes(700)}
    path = tmp_path / f"x.{kind}"
    (zipped if kind == "zip" else tarred)(path, files, **({"mode": "w"} if kind == "tar" else {}))  # type: ignore[operator]
    whole = bytearray(path.read_bytes())  # gzip puts the time into it
    whole[4:8] = bytes(4) if kind == "tgz" else whole[4:8]
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.integers(1, len(whole)))] if data.draw(st.booleans()) else whole)
    with suppress(BrokenArchive):
        for entry in entries(path):
            size = 0
            for piece in entry.pieces() if entry.size <= 1 << 22 else ():
                size += len(piece)
                assert size <= entry.size
