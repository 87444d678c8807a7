"""A small copy of a film: never larger than asked, every picture at its time, and read back before it is there."""

from __future__ import annotations

import io
import resource
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tests.render.films import read

from photodiary.errors import BrokenFilm, RenderFailed, StorageTrouble
from photodiary.render.share import SmallCopy, make
from photodiary.render.squeeze import scaled, squeeze

SIZE = (240, 300)


def film(path: Path, lengths: Sequence[int], *, codec: str = "libx264", crf: int = 12, size: tuple[int, int] = SIZE) -> Path:
    """A film of grainy pictures, each another shade of grey, shown for so many hundredths of a second."""
    rng = np.random.default_rng(7)
    with av.open(str(path), "w", format="mp4", options={"video_track_timescale": "100"}) as container:
        stream = container.add_stream(
            codec, rate=100, options={"crf": str(crf), "preset": "ultrafast", **({"x265-params": "log-level=none"} if codec == "libx265" else {})}
        )
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        starts = [sum(lengths[:place]) for place in range(len(lengths))]
        durations = dict(zip(starts, lengths, strict=True))
        for number in (*range(len(lengths)), None):
            frame = None
            if number is not None:
                grain = rng.normal(shade(number), 12, (size[1] * 3 // 2, size[0]))
                frame = av.VideoFrame.from_ndarray(np.clip(grain, 16, 235).astype(np.uint8), format="yuv420p")
                frame.pts, frame.time_base = starts[number], Fraction(1, 100)
            for packet in stream.encode(frame):
                packet.duration = durations[packet.pts or 0]
                container.mux(packet)
    return path


def shade(number: int) -> int:
    return 40 + number * 37 % 160


def shades(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.to_ndarray()[: frame.height].mean()) for frame in container.decode(video=0)]


def small(path: Path, target: Path, most: int) -> SmallCopy:
    with path.open("rb") as file:
        return squeeze(file, target, most, lambda words: None)


def test_a_copy_is_within_its_limit_and_makes_use_of_it(tmp_path: Path) -> None:
    """Every picture of the film is in the copy, in its order and at its exact time, whatever its length; the file is no larger than asked, nor much smaller."""
    lengths = [8, 8, 8, 100, 4, 8] * 5
    whole = film(tmp_path / "whole.mp4", lengths)
    most = whole.stat().st_size * 3 // 5
    copy, done = small(whole, tmp_path / "copy.mp4", most), read(tmp_path / "copy.mp4")
    assert 0.7 * most < copy.bytes == (tmp_path / "copy.mp4").stat().st_size <= most
    assert sorted(done.times) == [Fraction(sum(lengths[:place]), 100) for place in range(len(lengths))]
    assert done.length == Fraction(sum(lengths), 100) == Fraction(copy.seconds).limit_denominator(1000)
    assert (copy.pictures, copy.every, copy.as_is) == (len(lengths), 1, False) and (copy.width, copy.height) == (done.frames[0].width, done.frames[0].height)
    assert all(abs(seen - shade(number)) < 6 for number, seen in enumerate(shades(tmp_path / "copy.mp4")))
    assert done.codec[:2] == ("h264", "avc1") and not list(tmp_path.glob("*.try"))


def test_a_film_that_is_small_enough_is_copied_as_it_is(tmp_path: Path) -> None:
    """Nothing is lost where nothing has to be; but H.265, which not every phone plays, becomes H.264."""
    whole = film(tmp_path / "whole.mp4", [10] * 12, crf=30)
    copy = small(whole, tmp_path / "copy.mp4", whole.stat().st_size)
    assert copy.as_is and (tmp_path / "copy.mp4").read_bytes() == whole.read_bytes()
    other = film(tmp_path / "other.mp4", [10] * 12, codec="libx265", crf=30)
    copy = small(other, tmp_path / "copy.mp4", 10_000_000)
    assert not copy.as_is and read(tmp_path / "copy.mp4").codec[:2] == ("h264", "avc1") and copy.pictures == 12


def test_a_film_that_is_too_long_shows_fewer_pictures_rather_than_poor_ones(tmp_path: Path) -> None:
    """Where all pictures would look poor, only every other, third ... is shown, each for its own time; and that is said."""
    whole = film(tmp_path / "whole.mp4", [4] * 60)
    copy = small(whole, tmp_path / "copy.mp4", 40_000)
    assert copy.bytes <= 40_000 and copy.every > 1 and copy.pictures == -(-60 // copy.every)
    assert copy.seconds == pytest.approx(0.04 * copy.pictures) and f"every {copy.every}" in copy.in_words().replace("every other", "every 2")
    assert all(abs(seen - shade(number * copy.every)) < 8 for number, seen in enumerate(shades(tmp_path / "copy.mp4")))


def test_a_limit_that_no_copy_keeps_is_told(tmp_path: Path) -> None:
    """Then there is no copy, rather than one that is too large."""
    whole = film(tmp_path / "whole.mp4", [10] * 6)
    with pytest.raises(RenderFailed, match="--megabytes"):
        make(whole, tmp_path / "copy.mp4", 300, lambda words: None)
    assert [path.name for path in tmp_path.iterdir()] == ["whole.mp4"]


@pytest.mark.parametrize("how", ["missing", "no film", "cut short"])
def test_a_film_that_cannot_be_read_is_told(tmp_path: Path, how: str) -> None:
    """A damaged film is the film's fault, said in a sentence, and leaves nothing behind."""
    whole = film(tmp_path / "whole.mp4", [10] * 6)
    data = whole.read_bytes()
    if how == "missing":
        whole.unlink()
    else:
        whole.write_bytes(b"no film" * 100 if how == "no film" else data[: len(data) // 2])
    with pytest.raises(BrokenFilm, match="photodiary render"):
        make(whole, tmp_path / "copy.mp4", 5000, lambda words: None)
    assert not (tmp_path / "copy.mp4").exists()


def test_a_disk_that_refuses_is_told(tmp_path: Path) -> None:
    """Whether the copy is encoded or the film itself: what could not be written is the disk's fault, and nothing of it is left."""
    whole = film(tmp_path / "whole.mp4", [10] * 6)
    size, limits = whole.stat().st_size, resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 8, limits[1]))  # the child inherits it
    try:
        for most in (size // 2, size):
            with pytest.raises(StorageTrouble, match=r"copy\.mp4.*: cannot be written: File too large"):
                make(whole, tmp_path / "copy.mp4", most, lambda words: None)
            assert [path.name for path in tmp_path.iterdir()] == ["whole.mp4"]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_one_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    """A person presses Ctrl-C while it is being made: neither a copy nor a part of one stays."""

    def enough(words: str) -> None:
        if words.startswith("making it"):
            raise KeyboardInterrupt

    path = film(tmp_path / "film.mp4", [4] * 60)
    with pytest.raises(KeyboardInterrupt):
        make(path, tmp_path / "small.mp4", path.stat().st_size // 3, enough)
    assert [found.name for found in tmp_path.iterdir()] == ["film.mp4"]


def test_a_newer_film_may_take_its_place_meanwhile(tmp_path: Path) -> None:
    """The copy is of the film that was there when it was begun, wholly; how far it is can be heard."""
    whole, newer = film(tmp_path / "whole.mp4", [5] * 24), film(tmp_path / "newer.mp4", [5] * 3)
    heard: list[str] = []

    def progress(words: str) -> None:
        if not heard:
            newer.replace(whole)
        heard.append(words)

    copy = make(whole, tmp_path / "copy.mp4", 60_000, progress)
    assert copy.pictures * copy.every >= 24 and len(read(whole).frames) == 3
    assert heard[0].startswith("trying") and any("making it, 100%" in words for words in heard)


@pytest.mark.parametrize(("size", "side", "small_size"), [((1080, 1350), 720, (720, 900)), ((1920, 1080), 540, (960, 540)), ((1083, 1351), 361, (360, 450))])
def test_a_smaller_size_has_the_same_shape(size: tuple[int, int], side: int, small_size: tuple[int, int]) -> None:
    """Both sides stay even, as every player wants."""
    assert scaled(*size, side) == small_size


@pytest.mark.parametrize(
    ("copy", "words"),
    [
        (SmallCopy(720, 900, 1440, 1, 72.2, 15_300_000), "1 min 12 s at 720 x 900, 15.3 MB"),
        (SmallCopy(360, 450, 20, 1, 4.25, 950_000), "4.2 s at 360 x 450, 0.9 MB"),
        (SmallCopy(720, 900, 500, 1, 59.9, 1_000_000, as_is=True), "1 min 0 s at 720 x 900, 1.0 MB: the film itself, which is small enough"),
        (SmallCopy(360, 450, 500, 2, 16.0, 15_900_000), "16 s at 360 x 450, 15.9 MB; with every picture it would look poor, so it shows every other one"),
        (SmallCopy(360, 450, 500, 3, 16.0, 15_900_000), "16 s at 360 x 450, 15.9 MB; with every picture it would look poor, so it shows every 3rd one"),
    ],
)
def test_what_a_copy_is_like_in_words(copy: SmallCopy, words: str) -> None:
    """Length, size and bytes, and what was left out."""
    assert copy.in_words() == words


def test_bytes_are_read_from_what_is_open(tmp_path: Path) -> None:
    """A film need have no name any more."""
    whole = film(tmp_path / "whole.mp4", [10] * 6)
    with whole.open("rb") as file:
        whole.unlink()
        assert squeeze(file, tmp_path / "copy.mp4", 10_000_000, lambda words: None).as_is
    assert av.open(io.BytesIO((tmp_path / "copy.mp4").read_bytes())).streams.video[0].frames == 6
