"""A film is read back before it counts: what is cut, torn, of another plan or by another hand is refused with what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.container import OutputContainer

from photodiary.diary.reel import Coding, ReelPlan, seams
from photodiary.errors import BrokenFilm
from photodiary.render.film import verify

from .films import HEIGHT, SMALL, WIDTH, archive, blobs, digest, make, plan_of

COUNT = 26
SEAMS = seams([digest(number) for number in range(COUNT)])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, ReelPlan]:
    root = tmp_path_factory.mktemp("made")
    plan = plan_of(range(COUNT))
    make(plan, archive(root, COUNT))
    return (root / "film").read_bytes(), plan


@pytest.mark.parametrize("cut", [1, 2, 17, 500, 5_000, 15_000, -1100, -445, -400, -300, -32, -1])
def test_a_truncated_film_is_refused(tmp_path: Path, made: tuple[bytes, ReelPlan], cut: int) -> None:
    """A film cut anywhere, by a byte or by nearly all of them, is refused by name."""
    data, plan = made
    (tmp_path / "film").write_bytes(data[:-cut])
    with pytest.raises(BrokenFilm, match=f"The film {tmp_path}/film "):
        verify(tmp_path / "film", plan)


def test_a_film_with_a_torn_index_is_refused(tmp_path: Path, made: tuple[bytes, ReelPlan]) -> None:
    """Whatever byte of the index is torn, the film is refused, or still shows every picture at its time."""
    data, plan = made
    start, refused = data.index(b"moov"), 0
    end = data.index(b"mdat")
    for at in range(start + 4, end - 4, 13):
        (tmp_path / "film").write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        try:
            verify(tmp_path / "film", plan)
        except BrokenFilm:
            refused += 1
    assert refused >= 20


def test_damaged_words_do_not_matter(tmp_path: Path, made: tuple[bytes, ReelPlan]) -> None:
    """Text in the file that is not UTF-8 is not an error of another kind."""
    data, plan = made
    assert b"VideoHandler" in data
    (tmp_path / "film").write_bytes(data.replace(b"VideoHandler", b"Video\xf0andler"))
    verify(tmp_path / "film", plan)


SHORTER, LONGER = plan_of(range(COUNT - 1)), plan_of(range(COUNT + 1))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda plan: SHORTER, "it has 26 pictures instead of 25"),
        (lambda plan: LONGER, "it has 26 pictures instead of 27"),
        (lambda plan: plan_of(range(COUNT), coding=Coding(80, 64, WIDTH, HEIGHT)), "it is 96 x 120 pixels large"),
        (lambda plan: plan_of(range(COUNT), coding=replace(SMALL, codec="h265")), "it is not H265"),
        (lambda plan: plan_of(range(COUNT), 13), "its clock is another one"),
        (lambda plan: replace(plan, ticks=(999, *plan.ticks[1:])), "its pictures are not at their times"),
        (lambda plan: replace(plan, ticks=(*plan.ticks[:-1], 1500)), "it does not last 2.208 s"),
        (lambda plan: plan_of(range(100, 100 + COUNT)), "its keyframes are not at its seams"),
        (lambda plan: plan_of([*range(COUNT - 1, -1, -1)]), "its keyframes are not at its seams"),
    ],
)  # fmt: skip
def test_a_film_of_another_plan_is_refused(tmp_path: Path, made: tuple[bytes, ReelPlan], change: Callable[[ReelPlan], ReelPlan], said: str) -> None:
    """A film with one picture too few or too many, of another size, kind, speed or with other seams, is refused with what is wrong."""
    data, plan = made
    (tmp_path / "film").write_bytes(data)
    verify(tmp_path / "film", plan)
    with pytest.raises(BrokenFilm, match=f"/film is not what it should be: {said}"):
        verify(tmp_path / "film", change(plan))


def mux(container: OutputContainer, packets: list[av.Packet[Any]]) -> None:
    for packet in packets:
        packet.duration = 1
        container.mux(packet)


def foreign_film(path: Path, keys: list[int], times: list[int], clock: int, *, sound: bool = False) -> None:
    """A film by another hand: keyframes at these frames, frames at `times` / 12 s.  `clock`: ticks a second in which the whole length is written."""
    options = {"movie_timescale": str(clock), "video_track_timescale": "12000"}
    with av.open(str(path), "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=12, options={"x264-params": "keyint=infinite:scenecut=0"})
        silence = container.add_stream("aac", rate=44_100, layout="mono") if sound else None
        codec = stream.codec_context
        codec.width, codec.height, codec.pix_fmt, codec.codec_tag, codec.time_base = WIDTH, HEIGHT, "yuv420p", "avc1", Fraction(1, 12)
        for number, at in enumerate(times):
            picture = av.VideoFrame.from_ndarray(blobs(number), format="rgb24").reformat(format="yuv420p")
            picture.pts, picture.time_base = at, Fraction(1, 12)
            picture.pict_type = 1 if number in keys else 0
            mux(container, stream.encode(picture))
        mux(container, stream.encode(None))
        if silence is not None:
            beat = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            beat.sample_rate, beat.pts = 44_100, 0
            container.mux([*silence.encode(beat), *silence.encode(None)])


@pytest.mark.parametrize(
    ("keys", "times", "clock", "sound", "said"),
    [
        (SEAMS, list(range(COUNT)), 12_000, False, None),
        (SEAMS[:1], list(range(COUNT)), 12_000, False, "its keyframes are not at its seams"),
        ([*SEAMS, COUNT - 2], list(range(COUNT)), 12_000, False, "its keyframes are not at its seams"),
        (SEAMS, [*range(COUNT - 1), COUNT], 12_000, False, "its pictures are not at their times"),
        (SEAMS, list(range(COUNT)), 12_000, True, "it holds something else than one video"),
    ],
)
def test_a_film_unlike_ours_is_refused(tmp_path: Path, keys: list[int], times: list[int], clock: int, sound: bool, said: str | None) -> None:
    """Missing or extra keyframes, uneven times and a sound track are refused, whoever made the film."""
    foreign_film(tmp_path / "film", keys, times, clock, sound=sound)
    with nullcontext() if said is None else pytest.raises(BrokenFilm, match=said):
        verify(tmp_path / "film", plan_of(range(COUNT)))


@pytest.mark.parametrize("content", [None, b"", b"no film"])
def test_what_is_no_film_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """A missing, empty or foreign file is a broken film, not another kind of error."""
    if content is not None:
        (tmp_path / "film").write_bytes(content)
    with pytest.raises(BrokenFilm, match=r"/film can't be read back"):
        verify(tmp_path / "film", plan_of([0]))


def test_a_film_is_read_back_before_it_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written is not believed: a film that does not hold its plan is an error of the one who made it."""
    from photodiary.render import making

    real = making.compose

    def careless(plan: ReelPlan, *rest: Any) -> None:
        real(replace(plan, ticks=(500, *plan.ticks[1:])), *rest)

    monkeypatch.setattr(making, "compose", careless)
    with pytest.raises(BrokenFilm, match="its pictures are not at their times"):
        make(plan_of(range(COUNT)), archive(tmp_path, COUNT))
