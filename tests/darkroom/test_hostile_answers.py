"""The daemon's side against a worker that a photo took over: another program stands in its place and answers what it likes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from photodiary.darkroom import darkroom as room
from photodiary.darkroom import decode, warp
from photodiary.darkroom.limits import DarkroomConfig
from photodiary.diary.canvas import Canvas
from photodiary.diary.eyes import Point
from photodiary.diary.photo import digest_of
from photodiary.errors import Held, NoReader, NoWorker, Unreadable, WorkerLost

CANVAS = Canvas(120, 150, Point(40.0, 60.0), Point(80.0, 60.0))
MATRIX = ((0.4, 0.1, -3.0), (-0.1, 0.4, 9.5))
DATES = {"original": "2024:05:15 14:39:00"}
GOOD: dict[str, Any] = {"format": "jpeg", "width": 300, "height": 400, "dates": DATES, "picture": "0" * 64}
SIGNATURE = "send(bytes(576))"

# Says hello like a worker, takes a request, and then does what the file beside it says; `send` frames a piece, `raw` does not.
EVIL = """\
#!{python}
import json, os, socket, struct, sys, time
line = socket.socket(fileno=int(sys.argv[3]))
def raw(data):
    line.sendall(data)
def send(data):
    raw(struct.pack("!i", len(data)) + data)
def take():
    def exactly(n):
        got = b""
        while len(got) < n:
            piece = line.recv(n - len(got))
            if not piece:
                sys.exit()
            got += piece
        return got
    (n,) = struct.unpack("!i", exactly(4))
    return exactly(n)
{program}
"""
SERVING = """
send(b'{{"ready": true, "filtered": true}}')
while True:
    take(), take()
{answer}
"""

Evil = Callable[..., room.Darkroom]


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Evil]:
    """A darkroom whose workers are another program."""
    made: list[room.Darkroom] = []
    python = sys.executable

    def make(answer: str, *, hello: bool = True, seconds: float = 20.0) -> room.Darkroom:
        program = tmp_path / f"evil-{len(made)}"
        body = SERVING.format(answer=textwrap.indent(textwrap.dedent(answer), "    ")) if hello else textwrap.dedent(answer)
        program.write_text(EVIL.format(python=python, program=body))
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))
        made.append(room.Darkroom(DarkroomConfig(workers=1, seconds=seconds)))
        return made[-1]

    yield make
    for darkroom in made:
        darkroom.close()


@pytest.fixture
def data(studio) -> bytes:
    return studio.jpeg(studio.smooth(400, 300), 6)


def resident_peak() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def processes() -> list[str]:
    found = subprocess.run(["ps", "--ppid", str(os.getpid()), "-o", "args="], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if "evil-" in line and "<defunct>" not in line]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("raw(struct.pack('!i', -1) + struct.pack('!Q', 10 << 30) + bytes(100_000))", "nonsense"),
        ("raw(struct.pack('!i', 0x7fffffff) + bytes(100_000))", "nonsense"),
        ("send(b'{}'); raw(struct.pack('!i', 1 << 30) + bytes(100_000))", "nonsense"),
        ("send(b'{\"width\": NaN}'); send(b'')", "nonsense"),
        ("send(b'[' * 60_000); send(b'')", "nonsense"),
        ("send(b'{\"a\":' * 10_000); send(b'')", "nonsense"),
        ("send(b'{\"width\": ' + b'9' * 60_000 + b'}'); send(b'')", "nonsense"),
        ("send(b'\\xff\\xfe\\x00'); send(b'')", "nonsense"),
        ("send(b''); send(b'')", "nonsense"),
        ("send(b'[1]'); send(b'')", "nonsense"),
        ("send(b'null'); send(b'')", "nonsense"),
        ("send(b'{\"missing\": true}'); send(b'')", "nonsense"),
        ('send(b\'{"unreadable": "rm -rf", "sentence": "x"}\'); send(b\'\')', "nonsense"),
        ('send(b\'{"unreadable": [1], "sentence": "x"}\'); send(b\'\')', "nonsense"),
        ("send(b'{\"unreadable\": \"damaged\"}'); send(b'')", "nonsense"),
        ("send(b'{\"held\": {}}'); send(b'')", "nonsense"),
        ("sys.exit(3)", "exit 3"),
        ("line.close(); time.sleep(60)", "died"),
        ("os.kill(os.getpid(), 11)", "exit -11"),
    ],
)
def test_what_is_no_answer_costs_the_worker_and_nothing_else(evil: Evil, data: bytes, answer: str, why: str) -> None:
    """Wrong lengths, wrong JSON, wrong types, endless asking, sudden death: the photo is WorkerLost, the process gone, memory as it was."""
    darkroom = evil(answer)
    Path("/proc/self/clear_refs").write_text("5")  # start the peak anew
    before = resident_peak()
    with pytest.raises(WorkerLost, match=why):
        darkroom.inspect(digest_of(data), data)
    assert resident_peak() - before < 20e6
    assert processes() == []


@pytest.mark.parametrize(
    "answer",
    [
        "time.sleep(60)",
        "raw(b'\\0\\0')\ntime.sleep(60)",
        "send(b'{}'); raw(struct.pack('!i', 0)[:3])\ntime.sleep(60)",
        "raw(struct.pack('!i', 60_000))\nwhile True: raw(b'x'); time.sleep(0.02)",
    ],
    ids=["nothing", "half a length", "half an answer", "a drop at a time"],
)
def test_nobody_waits_for_a_worker_past_the_limit(evil: Evil, data: bytes, answer: str) -> None:
    """Neither silence nor half an answer nor one that trickles holds up the daemon."""
    darkroom = evil(answer, seconds=0.5)
    started = time.monotonic()
    with pytest.raises(WorkerLost, match=r"longer than 0\.5 s"):
        darkroom.inspect(digest_of(data), data)
    assert time.monotonic() - started < 20
    assert processes() == []


def test_nobody_waits_for_a_worker_that_does_not_listen(evil: Evil) -> None:
    """A photo larger than what a socket holds, sent to a worker that stopped reading, is given up at the limit too."""
    darkroom = evil("send(b'{\"missing\": true}'); send(b'')\ntime.sleep(60)", seconds=0.5)
    with pytest.raises(WorkerLost, match=r"longer than 0\.5 s"):
        darkroom.inspect("0" * 64, b"\xff\xd8\xff" + bytes(20_000_000))
    assert processes() == []


WRONG: dict[str, Any] = {
    "no width": {**GOOD, "width": None},
    "true": {**GOOD, "width": True},
    "fraction": {**GOOD, "width": 300.5},
    "text": {**GOOD, "width": "300"},
    "negative": {**GOOD, "width": -300},
    "thin": {**GOOD, "width": 15},
    "huge": {**GOOD, "width": 10**30},
    "too many": {**GOOD, "width": 20_000, "height": 20_000},
    "other format": {**GOOD, "format": "png"},
    "no format": {**GOOD, "format": "../../etc"},
    "list as format": {**GOOD, "format": ["jpeg"]},
    "dates": {**GOOD, "dates": []},
    "unknown date": {**GOOD, "dates": {"__class__": "x"}},
    "no digest": {**GOOD, "picture": "0" * 63 + "x"},
    "bytes as digest": {**GOOD, "picture": [0] * 64},
    "number as date": {**GOOD, "dates": {"original": 5}},
}


@pytest.mark.parametrize("reply", WRONG.values(), ids=WRONG)
def test_an_inspection_is_believed_only_when_it_can_be_true(evil: Evil, data: bytes, reply: dict[str, Any]) -> None:
    """Sizes within the limits, the format that the bytes have, dates that are text."""
    darkroom = evil(f"send({json.dumps(reply).encode()!r}); {SIGNATURE}")
    with pytest.raises(WorkerLost, match="nonsense"):
        darkroom.inspect(digest_of(data), data)


def test_what_a_worker_says_is_short_and_moves_no_cursor(evil: Evil, data: bytes) -> None:
    """Dates of megabytes do not come across, of long ones the beginning does, and sentences for people hold nothing but letters."""
    darkroom = evil(f"send({json.dumps({**GOOD, 'dates': {'original': '2024' * 10_000}}).encode()!r}); {SIGNATURE}")
    assert darkroom.inspect(digest_of(data), data).dates.original == "2024" * 16
    darkroom = evil("send(json.dumps({'unreadable': 'damaged', 'sentence': '\\x1b[2J\\n' + 'x' * 5000}).encode()); send(b'')")
    with pytest.raises(Unreadable) as caught:
        darkroom.inspect(digest_of(data), data)
    assert str(caught.value) == "?[2J?" + "x" * 295
    darkroom = evil("send(json.dumps({'held': '\\x9b\\u202e', 'no_reader': 'yes'}).encode()); send(b'')")
    with pytest.raises(Held) as held:
        darkroom.inspect(digest_of(data), data)
    assert (str(held.value), type(held.value)) == ("??", Held)


PICTURES = {
    "no shape": ({}, 0),
    "shape of text": ({"shape": "1234"}, 0),
    "three sides": ({"shape": [48, 64, 3]}, 48 * 64 * 3),
    "another number": ({"shape": [1, 48, 64, 3]}, 48 * 64 * 3),
    "another size": ({"shape": [2, 64, 48, 3]}, 2 * 48 * 64 * 3),
    "grey": ({"shape": [2, 48, 64, 1]}, 2 * 48 * 64),
    "too few bytes": ({"shape": [2, 48, 64, 3]}, 2 * 48 * 64 * 3 - 1),
    "negative": ({"shape": [2, -48, -64, 3]}, 2 * 48 * 64 * 3),
    "huge": ({"shape": [2, 48, 10**25, 3]}, 10),
    "fractions": ({"shape": [2.0, 48.0, 64.0, 3.0]}, 2 * 48 * 64 * 3),
    "too many bytes": ({"shape": [2, 48, 64, 3]}, 2 * 48 * 64 * 3 + 1),
}


@pytest.mark.parametrize(("reply", "length"), PICTURES.values(), ids=PICTURES)
def test_pictures_have_the_shape_that_was_asked_for(evil: Evil, data: bytes, reply: dict[str, Any], length: int) -> None:
    """As many as were asked for, of that size, in colour, every byte there and none more."""
    darkroom = evil(f"send({json.dumps(reply).encode()!r}); send(bytes({length}))")
    with pytest.raises(WorkerLost, match="nonsense"):
        darkroom.crops(digest_of(data), lambda: data, [MATRIX, MATRIX], (64, 48))


@pytest.mark.parametrize("shape", [[1, 97, 72, 3], [1, 96, 97, 3], [2, 96, 72, 3], [1, 0, 72, 3]])
def test_a_thumbnail_is_no_larger_than_was_asked_for(evil: Evil, data: bytes, shape: list[int]) -> None:
    """At most `side` pixels on the longer side, at least one, one picture."""
    darkroom = evil(f"send(json.dumps({{'shape': {shape}}}).encode()); send(bytes({int(np.prod(shape))}))")
    with pytest.raises(WorkerLost, match="nonsense"):
        darkroom.thumbnail(digest_of(data), lambda: data, 96)


@pytest.mark.parametrize("eyes", ["[[1, 2]]", "[[1, 2], [3]]", "[[1, 2], [3, 1e999]]", "[[1, 2], [3, null]]", "[[true, 2], [3, 4]]", "5", '"ab"'])
def test_eyes_are_two_points(evil: Evil, data: bytes, eyes: str) -> None:
    """Numbers, finite, not farther than a photo is wide."""
    darkroom = evil(f"send(b'{{\"eyes\": ' + {eyes.encode()!r} + b'}}'); send(b'')")
    with pytest.raises(WorkerLost, match="nonsense"):
        darkroom.haar(digest_of(data), lambda: data)


def frames(data: bytes) -> dict[str, bytes]:
    """What looks like a frame and is none; the program that makes films will read whatever we let through."""
    photo = decode.decode(data, 100)
    good = warp.encode(warp.frame(photo.pixels, np.array(MATRIX), (CANVAS.width, CANVAS.height)))
    other = warp.encode(warp.frame(photo.pixels, np.array(MATRIX), (CANVAS.width, CANVAS.height + 2)))
    return {
        "nothing": b"", "text": b"#!/bin/sh", "another size": other, "cut": good[:-2], "more behind": good + b"MZ",
        "a comment": good[:2] + b"\xff\xfe\0\4hi" + good[2:],
        "two scans": good[: good.index(b"\xff\xda")] + good[good.index(b"\xff\xda") : -2] * 2 + good[-2:],
        "progressive": good.replace(b"\xff\xc0", b"\xff\xc2"),
        "png": b"\x89PNG\r\n\x1a\n" + bytes(100), "exif": good[:2] + b"\xff\xe1\0\x08Exif\0\0" + good[2:], "playlist": b"#EXTM3U\nfile:///etc/passwd\n",
    }  # fmt: skip


def test_a_frame_is_a_jpeg_like_ours_or_none(evil: Evil, data: bytes, tmp_path: Path) -> None:
    """Of the canvas's size, with the parts that ours has, and nothing before, between or behind them; a picture for the page likewise."""
    for name, payload in frames(data).items():
        (tmp_path / "payload").write_bytes(payload)
        darkroom = evil(f"send(b'{{}}'); send(open({str(tmp_path / 'payload')!r}, 'rb').read())")
        with pytest.raises(WorkerLost, match="nonsense"):
            darkroom.picture(digest_of(data), lambda: data, MATRIX, (CANVAS.width, CANVAS.height))
        with pytest.raises(WorkerLost, match="nonsense"):
            print(name, darkroom.frame(digest_of(data), lambda: data, MATRIX, CANVAS)[:40])
        with pytest.raises(WorkerLost, match="nonsense"):
            darkroom.developed(digest_of(data), lambda: data, MATRIX, CANVAS)


@pytest.mark.parametrize("program", ["sys.exit(1)", "send(b'what?'); time.sleep(60)", "raise ImportError('no such library')"])
def test_a_worker_that_does_not_come_up_is_no_photos_fault(evil: Evil, data: bytes, program: str) -> None:
    """A broken installation is trouble of the machine: no photo is blamed for it, and so none is ever set aside."""
    darkroom = evil(program, hello=False)
    with pytest.raises(NoWorker, match="no process that reads photos"):
        darkroom.inspect(digest_of(data), data)
    assert processes() == []


def test_a_missing_library_is_looked_for_again_by_a_fresh_worker(evil: Evil, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker loads nothing once it reads photos, so one that lacked a library is replaced after a minute, and not for every photo."""
    darkroom = evil('send(b\'{"held": "not installed", "no_reader": true}\'); send(b\'\')')

    def asked() -> int:
        with pytest.raises(NoReader):
            darkroom.inspect(digest_of(data), data)
        process = darkroom._workers[0]._process
        return 0 if process is None else process.pid

    first = asked()
    assert first and asked() == first
    monkeypatch.setattr(room, "AGAIN_S", 0.0)
    assert asked() == 0
    monkeypatch.undo()


def test_an_unfiltered_worker_is_told_once(evil: Evil, data: bytes) -> None:
    """Where the kernel does not filter, the work goes on and one line says so, however many workers come up."""
    answer = f'send(b\'{{"ready": true, "filtered": false}}\')\ntake(), take()\nsend({json.dumps(GOOD).encode()!r}); {SIGNATURE}\ntake()'
    darkroom = evil(answer, hello=False)
    with capture_logs() as said:
        for _ in range(2):
            assert darkroom.inspect(digest_of(data), data).width == 300
            darkroom.close()
    assert [line["code"] for line in said] == ["darkroom.unfiltered"]
