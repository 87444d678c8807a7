"""Promise: network.  The daemon needs none and has none, frames and films carry nothing of where and with what a photo was taken,
the archive is private, and no log holds coordinates."""

from __future__ import annotations

import io
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo
from tests.promises.killer import children
from tests.promises.switch import Switch
from tests.support.daemon import ROOT, Diary
from tests.support.dots import drop, eyes_of, picture

sys.path.insert(0, str(ROOT / "deploy"))

SWITCHES = (
    Switch("files for their user only", "test_photos_become_film_without_a_network_and_without_traces", "run/house.py", "os.umask(0o077)", "os.umask(0)"),
    Switch(
        "having no socket to the outside",
        "test_photos_become_film_without_a_network_and_without_traces",
        "run/daemon.py",
        "        be_private()\n",
        "        be_private()\n        import socket\n        self._outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n",
    ),
    Switch(
        "leaving messages to another process",
        "test_photos_become_film_without_a_network_and_without_traces",
        "run/daemon.py",
        "        be_private()\n",
        "        be_private()\n        import photodiary.notify.targets  # noqa: F401\n",
    ),
    Switch(
        "frames that are made of pixels alone",
        "test_photos_become_film_without_a_network_and_without_traces",
        "align/aligning.py",
        "self.archive.publish(",
        "(lambda where, data: self.archive.publish(where, data + self.archive.read(photo.original or '')))(",
    ),
    Switch(
        "logs without coordinates",
        "test_photos_become_film_without_a_network_and_without_traces",
        "inbox/intake.py",
        "        digest = digest_of(data)\n",
        "        digest = digest_of(data)\n        log.debug(repr(data[:4000]))\n",
    ),
)

DEVICE, WORDS = "Telltale Phone 9000", "taken by Jane Example"
PLACE = (48.137154, 11.576124)  # as numbers and as the degrees, minutes and seconds that EXIF holds


def degrees(value: float) -> tuple[float, float, float]:
    whole, rest = divmod(value * 3600, 3600)
    minutes, seconds = divmod(rest, 60)
    return float(whole), float(minutes), round(seconds, 4)


def telltale(number: int, kind: str) -> bytes:
    """A photo that says where, with what and by whom it was taken: EXIF with GPS, XMP and a comment."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x013B] = "Telltale", DEVICE, WORDS
    exif.get_ifd(0x8769).update({0x9003: f"2024:03:{number + 1:02} 08:30:00", 0xA431: "SERIAL-4711", 0x927C: b"MAKER\0SERIAL-4711 Telltale"})
    exif.get_ifd(0x8825).update({1: "N", 2: degrees(PLACE[0]), 3: "E", 4: degrees(PLACE[1])})
    pixels = Image.fromarray(picture(eyes_of(number), seed=number))
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><d exif:GPSLatitude="{PLACE[0]}" exif:GPSLongitude="{PLACE[1]}" device="{DEVICE}"/></x:xmpmeta>'.encode()
    out = io.BytesIO()
    if kind == "heic":
        made = pillow_heif.from_pillow(pixels)
        made.info["xmp"] = xmp
        made.save(out, exif=exif.tobytes(), quality=90)
    elif kind == "png":
        texts = PngInfo()
        texts.add_text("Author", f"{WORDS}, {DEVICE}, {PLACE[0]}")
        texts.add_itxt("XML:com.adobe.xmp", xmp.decode())
        pixels.save(out, "PNG", exif=exif, pnginfo=texts, icc_profile=PROFILE)
    else:
        pixels.save(out, "JPEG", quality=92, exif=exif, comment=WORDS.encode(), xmp=xmp, icc_profile=PROFILE)
    return out.getvalue()


def named(profile: bytes, name: bytes) -> bytes:
    """A colour profile under another name of the same length, in whichever letters it is written."""
    for letters in ("ascii", "utf-16-be"):
        if (old := b"sRGB built-in".decode().encode(letters)) in profile:
            return profile.replace(old, name.decode().encode(letters))
    raise AssertionError("the profile has another name")


PROFILE = named(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), b"Telltale 9000")
MARKS = (
    DEVICE.encode(),
    WORDS.encode(),
    b"SERIAL-4711",
    b"48.137",
    b"11.576",
    b"GPS",
    b"Exif\0",
    b"IMG_PRIVATE",
    b"Telltale",
    "Telltale".encode("utf-16-be"),
    b"MAKER",
    b"xmpmeta",
    b"ICC_PROFILE",
    b"iCCP",
)
ASKED = """title = "Our year"
chapters = "month"
stamp = "date"
[films.month]
of = "30 days"
shape = "9:16"
"""
TOLD = {
    "title",
    "major_brand",
    "minor_version",
    "compatible_brands",
    "encoder",
    "handler_name",
    "vendor_id",
    "language",
}  # what a film may say, and nothing else


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    diary = Diary(tmp_path / "me")
    yield diary
    diary.close()


def isolated(diary: Diary) -> None:
    """Every process of the diary lives where there is no network at all, not even a loopback that is up."""
    diary.command = ["unshare", "-n", *diary.command]


def sockets(pid: int) -> set[str]:
    """The kinds of sockets that a process has open, by what the kernel says of them."""
    inodes: dict[str, str] = {}
    for kind in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6", "packet", "netlink", "unix"):
        table = Path(f"/proc/{pid}/net/{kind}")
        if table.exists():
            for line in table.read_text().splitlines()[1:]:
                inodes |= dict.fromkeys(re.findall(r"\b\d+\b", line), kind) if kind == "unix" else {}
                inodes |= {field: kind for field in line.split() if field.isdigit() and len(field) > 3} if kind != "unix" else {}
    held = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(descriptor)
        except OSError:
            continue
        if target.startswith("socket:["):
            held.add(inodes.get(target[8:-1], "of no table"))  # an unbound TCP or UDP socket stands in no table
    return held


def test_photos_become_film_without_a_network_and_without_traces(diary: Diary) -> None:
    """Without any network photos become film; nobody has a socket but unix ones; frames, film, log and names tell nothing of place, device or path.

    Messages are configured and due: what sends them is loaded by no process of the service.
    """
    isolated(diary)
    diary.config.write_text(
        diary.config.read_text().replace("[film]\n", f"[film]\n{ASKED.partition('[films')[0]}")
        + ASKED[ASKED.index("[films") :]
        + '[logs]\nlevel = "debug"\n[notify]\nurls = ["json://127.0.0.1:9"]\nexec = ["false"]\n'
    )
    diary.environment["PYTHONPROFILEIMPORTTIME"] = "1"
    drop(diary.inbox, "IMG_PRIVATE_1.jpg", telltale(1, "jpeg"))
    drop(diary.inbox, "IMG_PRIVATE_2.heic", telltale(2, "heic"))
    drop(diary.inbox, "IMG_PRIVATE_4.png", telltale(4, "png"))
    (diary.inbox / "cut.jpg").write_bytes(telltale(3, "jpeg")[:-3000])
    for name in ("IMG_PRIVATE_1.jpg", "IMG_PRIVATE_2.heic", "IMG_PRIVATE_4.png"):
        assert all(mark in (diary.inbox / name).read_bytes() for mark in (DEVICE.encode(), b"48.137", b"SERIAL-4711")), "they do tell"
    diary.start()
    diary.until_film_of(3)
    diary.until(lambda state: (diary.archive / "films/month.mp4").exists(), "the other film")
    for verb, name in (("share", "share.mp4"), ("poster", "poster.jpg"), ("sheet", "sheet.jpg")):
        done = diary.ask(verb, "--out", str(diary.archive / "films" / name))
        assert done.returncode == 0, done.stderr
    mine = [diary.pid, *children(diary.pid)]
    assert len(mine) >= 2, "a worker too"
    interfaces = {line.split(":")[0].strip() for line in Path(f"/proc/{diary.pid}/net/dev").read_text().splitlines()[2:]}
    assert interfaces == {"lo"}
    assert set().union(*(sockets(pid) for pid in mine)) <= {"unix"}
    made = [path for folder in ("frames", "films") for path in (diary.archive / folder).rglob("*") if path.is_file()]
    assert sorted(path.name for path in made[3:]) == ["latest.mp4", "month.mp4", "poster.jpg", "share.mp4", "sheet.jpg"]
    for path in made:
        data = path.read_bytes()
        assert [mark for mark in (*MARKS, str(diary.folder).encode(), b"/inbox") if mark in data] == [], path
        assert not re.search("PRIVATE|Telltale", path.name)
    for path in made:
        if path.suffix == ".mp4":
            with av.open(str(path)) as film:
                said = {**film.metadata, **film.streams.video[0].metadata}
                chapters = {value for chapter in film.chapters() for value in chapter["metadata"].values()}
            assert said.keys() <= TOLD and said.get("title", "Our year") == "Our year" and chapters <= {"March 2024"}, (path, said, chapters)
            assert path.stem == "share" or (said["title"], chapters) == ("Our year", {"March 2024"}), "they do say what they were asked to"
        else:
            with Image.open(path) as frame:
                assert not frame.getexif() and not {"exif", "xmp", "comment", "icc_profile"} & frame.info.keys(), path
    loaded = {line.rpartition("|")[2].strip() for line in diary.told().splitlines() if line.startswith("import time:")}
    assert {"photodiary.run.daemon", "photodiary.notify.config", "av"} <= loaded, "the film's process too"
    assert not {name.split(".")[0] for name in loaded} & {"apprise", "requests", "urllib3", "smtplib"}
    assert {name for name in loaded if name.startswith("photodiary.notify.")} == {"photodiary.notify.config"}
    assert {name for name in loaded if name.startswith("photodiary.metrics.")} == {"photodiary.metrics.config"} and "prometheus_client" not in loaded
    told = diary.told().encode()
    rationals = [str(part).encode() for value in PLACE for part in (degrees(value)[2],)]
    assert [mark for mark in (b"48.137", b"11.576", DEVICE.encode(), WORDS.encode(), b"SERIAL-4711", *rationals) if mark in told] == []
    for path in (diary.archive, *diary.archive.rglob("*")):
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode & 0o077 == 0, f"{path} {mode:o}"
    assert stat.S_IMODE(diary.archive.stat().st_mode) == 0o700
    for row in diary.photos():
        assert (diary.archive / row["original"]).read_bytes() == (diary.inbox / row["names"][0]).read_bytes(), "the original keeps all it has"
    assert diary.stop() == 0


@pytest.mark.slow
def test_the_shipped_model_needs_no_network(tmp_path: Path) -> None:
    """With the shipped model and no network a selfie becomes film; the process opens no socket to anywhere."""
    selfies = pytest.importorskip("selfies")
    diary = Diary(tmp_path / "me", real_model=True)
    try:
        isolated(diary)
        for selfie in selfies.month(1):
            drop(diary.inbox, selfie.name, selfie.data)
        diary.start()
        diary.until_film_of(1, seconds=150)
        assert set().union(*(sockets(pid) for pid in (diary.pid, *children(diary.pid)))) <= {"unix"}
        assert diary.stop() == 0
    finally:
        diary.close()


def test_the_look_at_sockets_sees_what_it_should() -> None:
    """The same look at a process that does have connections, bound ones and fresh ones, sees them; otherwise the tests above would show nothing."""
    program = "import socket as s, time\na = s.socket(); a.bind(('127.0.0.1', 0)); a.listen(); b = s.socket(s.AF_INET, s.SOCK_DGRAM); "
    program += "print('up', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "up\n"
        assert sockets(other.pid) == {"tcp", "of no table"}
        other.kill()
    assert np.isclose(sum(part / 60**n for n, part in enumerate(degrees(PLACE[0]))), PLACE[0], atol=1e-6)
