"""Real worker processes: what they answer, how they die, and what that costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from photodiary.darkroom import darkroom as room
from photodiary.darkroom import decode, warp, worker
from photodiary.darkroom.inmemory import PixelView
from photodiary.darkroom.limits import DarkroomConfig
from photodiary.diary.canvas import Canvas
from photodiary.diary.eyes import Point
from photodiary.diary.photo import digest_of
from photodiary.errors import Held, Unreadable, WorkerLost

CANVAS = Canvas(120, 150, Point(40.0, 60.0), Point(80.0, 60.0))
MATRIX = ((0.4, 0.1, -3.0), (-0.1, 0.4, 9.5))
SMALL = ((0.11, 0.02, 5.0), (-0.02, 0.11, 3.5))  # needs a ninth of the pixels


@pytest.fixture
def darkroom() -> Iterator[room.Darkroom]:
    made = room.Darkroom(DarkroomConfig(workers=1))
    yield made
    made.close()


OTHERS: set[int] = set()  # workers that other tests left running on purpose


@pytest.fixture(autouse=True)
def _others() -> None:
    OTHERS.clear()
    OTHERS.update(children())


def children() -> list[int]:
    """Processes that read photos, started in this test."""
    found = subprocess.run(["ps", "--ppid", str(os.getpid()), "-o", "pid=,args="], capture_output=True, text=True, check=True).stdout
    return [pid for line in found.splitlines() if "photodiary.darkroom.worker" in line and (pid := int(line.split()[0])) not in OTHERS]


def the_worker() -> int:
    (pid,) = children()
    return pid


def kill_and_wait(pid: int) -> None:
    """SIGKILL, and wait until the process is a zombie: dead, but not yet noticed by its parent."""
    os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + 5
    while Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z":
        assert time.monotonic() < until
        time.sleep(0.005)


def gone(pid: int, within: float = 5.0) -> bool:
    until = time.monotonic() + within
    while Path(f"/proc/{pid}").exists():
        if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


class Shelf:
    """Bytes on loan, counting how often they were asked for."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.digest = digest_of(data)
        self.loans = 0

    def load(self) -> bytes:
        self.loans += 1
        return self.data


@pytest.fixture
def shelf(studio) -> Shelf:
    return Shelf(studio.jpeg(studio.smooth(400, 300), 6))


def halved_then_warped(pixels: warp.Pixels, matrix: warp.Matrix, size: tuple[int, int], times: int) -> warp.Pixels:
    """A look as a worker makes it: the photo halved so many times, then warped by the rest of the matrix."""
    for _ in range(times):
        pixels = warp.halved(pixels)
    grow = 2**times
    return warp.warp(pixels, matrix @ np.array([[grow, 0, (grow - 1) / 2], [0, grow, (grow - 1) / 2], [0, 0, 1]]), size)[0]


def test_workers_answer_what_the_functions_give(darkroom: room.Darkroom, shelf: Shelf) -> None:
    """Inspection, thumbnail, crops and frame from another process equal those made here, pixel by pixel; small looks of a halved photo."""
    photo = decode.decode(shelf.data, 100)
    seen = darkroom.inspect(shelf.digest, shelf.data)
    assert (seen.format, seen.width, seen.height, seen.dates) == ("jpeg", 300, 400, photo.header.dates)
    thumbnail = darkroom.thumbnail(shelf.digest, shelf.load, 96)
    assert thumbnail.dtype == np.uint8
    matrix, size = warp.thumbnail_matrix((300, 400), 96)
    assert size == (72, 96)
    assert np.array_equal(thumbnail, halved_then_warped(photo.pixels, matrix, size, 1))
    crops = darkroom.crops(shelf.digest, shelf.load, [MATRIX, SMALL], (64, 48))
    assert (crops.shape, crops.dtype) == ((2, 48, 64, 3), np.uint8)
    for crop, matrix, times in zip(crops, (MATRIX, SMALL), (0, 2), strict=True):
        assert np.array_equal(crop, halved_then_warped(photo.pixels, np.array(matrix), (64, 48), times))
    small = darkroom.picture(shelf.digest, shelf.load, SMALL, (64, 48), quality=70)
    assert small == warp.encode(halved_then_warped(photo.pixels, np.array(SMALL), (64, 48), 2), 70)
    assert len(small) < len(warp.encode(halved_then_warped(photo.pixels, np.array(SMALL), (64, 48), 2)))
    frame = darkroom.frame(shelf.digest, shelf.load, MATRIX, CANVAS)
    assert frame == warp.encode(warp.frame(photo.pixels, np.array(MATRIX), (CANVAS.width, CANVAS.height)))
    assert darkroom.developed(shelf.digest, shelf.load, MATRIX, CANVAS)[0] == frame
    assert shelf.loans == 0, "the worker still had it from the inspection"


def test_photos_keep_apart(darkroom: room.Darkroom, studio) -> None:
    """Many photos through one worker, back and forth, are never mistaken for one another."""
    shelves = [Shelf(studio.jpeg(np.full((40, 40, 3), 10 * n, np.uint8))) for n in range(8)]
    for _ in range(2):
        for n, one in enumerate(shelves):
            assert abs(int(darkroom.thumbnail(one.digest, one.load, 40)[20, 20, 0]) - 10 * n) <= 1
    assert [one.loans for one in shelves] == [1] * 8


def test_a_worker_forgets_before_its_memory_is_full(darkroom: room.Darkroom, studio) -> None:
    """What no longer fits is fetched and decoded again; the worker stays the same."""
    shelves = [Shelf(studio.encoded(Image.new("RGB", (5000, 4000), (n, 0, 0)), "PNG", compress_level=1)) for n in range(3)]  # 60 MB each
    for n in (0, 1, 2, 0):
        assert darkroom.thumbnail(shelves[n].digest, shelves[n].load, 20)[0, 0, 0] == n
    assert [one.loans for one in shelves] == [2, 1, 1]
    resident = int(Path(f"/proc/{the_worker()}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
    assert resident < 400e6


def test_refusals_come_across_by_name(darkroom: room.Darkroom, studio) -> None:
    """Held and Unreadable raised in the worker are raised here, code and sentence included, and cost no worker."""
    good = studio.jpeg(studio.smooth(200, 150))
    with pytest.raises(Held, match="cut short"):
        darkroom.inspect(digest_of(good[:-500]), good[:-500])
    pid = the_worker()
    with pytest.raises(Unreadable, match="neither JPEG, PNG") as caught:
        darkroom.inspect(digest_of(b"<html>"), b"<html>")
    assert caught.value.code == "not_a_photo"
    assert darkroom.inspect(digest_of(good), good).width == 200
    assert the_worker() == pid


def test_a_worker_killed_between_requests_costs_nothing(darkroom: room.Darkroom, shelf: Shelf) -> None:
    """The next request meets a fresh worker, which fetches the photo and decodes it again."""
    before = darkroom.crops(shelf.digest, shelf.load, [MATRIX, SMALL], (64, 48))
    pid = the_worker()
    kill_and_wait(pid)
    assert np.array_equal(darkroom.crops(shelf.digest, shelf.load, [MATRIX, SMALL], (64, 48)), before)
    assert shelf.loans == 2
    assert the_worker() != pid


def test_a_worker_killed_over_a_photo_is_told(darkroom: room.Darkroom, shelf: Shelf, studio) -> None:
    """Death during a request is WorkerLost, naming the signal; the next photo is read."""
    darkroom.thumbnail(shelf.digest, shelf.load, 20)
    pid = the_worker()
    os.kill(pid, signal.SIGSTOP)  # so that it is surely within the request when it dies
    threading.Timer(0.1, os.kill, (pid, signal.SIGKILL)).start()
    with pytest.raises(WorkerLost, match="-9"):
        darkroom.thumbnail(shelf.digest, shelf.load, 20)
    other = Shelf(studio.jpeg(studio.smooth(64, 64)))
    assert darkroom.thumbnail(other.digest, other.load, 64).shape == (64, 64, 3)
    assert darkroom.thumbnail(shelf.digest, shelf.load, 20).shape == (20, 15, 3)


def test_a_request_that_takes_too_long_is_given_up(shelf: Shelf) -> None:
    """After the time limit the worker is killed, WorkerLost is raised, and a darkroom with a normal limit reads on."""
    hasty = room.Darkroom(DarkroomConfig(workers=1, seconds=0.001))
    with pytest.raises(WorkerLost, match=r"longer than 0\.001 s"):
        hasty.inspect(shelf.digest, shelf.data)
    assert children() == []
    patient = room.Darkroom(DarkroomConfig(workers=1))
    assert patient.inspect(shelf.digest, shelf.data).width == 300
    hasty.close()
    patient.close()
    assert children() == []


def test_a_worker_that_hangs_is_replaced(shelf: Shelf) -> None:
    """A worker that stops answering loses its one photo; the same darkroom goes on with a fresh one."""
    darkroom = room.Darkroom(DarkroomConfig(workers=1, seconds=3))
    darkroom.inspect(shelf.digest, shelf.data)
    pid = the_worker()
    hasty = darkroom._workers[0]
    os.kill(pid, signal.SIGSTOP)
    hasty._config = DarkroomConfig(workers=1, seconds=0.1)
    with pytest.raises(WorkerLost, match="longer than"):
        darkroom.thumbnail(shelf.digest, shelf.load, 20)
    assert gone(pid)
    hasty._config = DarkroomConfig(workers=1, seconds=30)
    assert darkroom.thumbnail(shelf.digest, shelf.load, 20).shape == (20, 15, 3)
    darkroom.close()


def resident_peak() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def test_a_bomb_goes_off_elsewhere(darkroom: room.Darkroom, studio) -> None:
    """Bombs, refused by header or decoded at the limit, leave this process's memory as it was, and the worker within its own."""
    bombs = [studio.bomb(), studio.bomb(60_000, 60_000), studio.bomb(9_900, 9_900)]
    bombs.append(studio.encoded(Image.new("RGB", (10_100, 10_100)), "PNG", compress_level=1))
    Path("/proc/self/clear_refs").write_text("5")  # start the peak anew
    before = resident_peak()
    for bomb in bombs:
        with pytest.raises((Unreadable, Held)):
            darkroom.inspect(digest_of(bomb), bomb)
    assert resident_peak() - before < 20e6
    assert int(next(line for line in Path(f"/proc/{the_worker()}/status").read_text().splitlines() if line.startswith("VmHWM")).split()[1]) < 1_000_000


def test_memory_has_a_limit(studio) -> None:
    """A photo that needs more memory than a worker may use is too large, and the worker reads the next one."""
    darkroom = room.Darkroom(DarkroomConfig(workers=1, memory_mb=512))
    huge = studio.encoded(Image.new("RGB", (9_000, 9_000)), "PNG", compress_level=1)
    with pytest.raises(Unreadable) as caught:
        darkroom.inspect(digest_of(huge), huge)
    assert caught.value.code == "too_large"
    good = studio.jpeg(studio.smooth(64, 48))
    assert darkroom.inspect(digest_of(good), good).width == 64
    darkroom.close()


def test_a_worker_is_poor(darkroom: room.Darkroom, shelf: Shelf) -> None:
    """After all kinds of work a worker holds neither torch, SQLite nor a film encoder, only its socket, and may gain no rights."""
    if os.geteuid() != 0:
        pytest.skip("only root may look into a process that leaves no dump")
    darkroom.inspect(shelf.digest, shelf.data)
    darkroom.frame(shelf.digest, shelf.load, MATRIX, CANVAS)
    pid = the_worker()
    maps = Path(f"/proc/{pid}/maps").read_text()
    assert "/cv2/" in maps
    assert not [heavy for heavy in ("/torch/", "/torchvision/", "/timm/", "/av/", "_sqlite3", "libsqlite3") if heavy in maps]
    targets = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    assert len([t for t in targets if t.startswith("socket:")]) == 1
    assert not [t for t in targets if t.endswith(".sqlite3") or "/archive/" in t]
    status = Path(f"/proc/{pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert str(DarkroomConfig().memory_mb << 20) in next(line for line in limits.splitlines() if line.startswith("Max address space"))


def run_python(program: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program), *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_worker_imports_nothing_heavy() -> None:
    """What a worker's program imports has no network model, no database and no film encoder among it."""
    out = run_python("import sys, photodiary.darkroom.worker; print([m for m in ('torch', 'timm', 'sqlite3', 'av', 'structlog') if m in sys.modules])")
    assert out == "[]"


def test_the_daemons_side_parses_no_pictures(shelf: Shelf, tmp_path: Path) -> None:
    """Whoever only asks the darkroom never loads a picture library itself."""
    (tmp_path / "photo").write_bytes(shelf.data)
    out = run_python(
        """
        import pathlib, sys
        from photodiary.darkroom.darkroom import Darkroom
        from photodiary.darkroom.limits import DarkroomConfig
        from photodiary.diary.photo import digest_of
        data = pathlib.Path(sys.argv[1]).read_bytes()
        darkroom = Darkroom(DarkroomConfig(workers=1))
        assert darkroom.inspect(digest_of(data), data).width == 300
        assert darkroom.thumbnail(digest_of(data), lambda: data, 96).shape == (96, 72, 3)
        darkroom.close()
        print([m for m in ('cv2', 'PIL', 'simplejpeg', 'pillow_heif', 'torch') if m in sys.modules])
        """,
        str(tmp_path / "photo"),
    )
    assert out == "[]"


def test_workers_die_with_their_parent(shelf: Shelf, tmp_path: Path) -> None:
    """When the daemon is killed, no worker stays behind, not even one that is stuck."""
    (tmp_path / "photo").write_bytes(shelf.data)
    program = """
        import pathlib, sys, time
        from photodiary.darkroom.darkroom import Darkroom
        from photodiary.darkroom.limits import DarkroomConfig
        from photodiary.diary.photo import digest_of
        data = pathlib.Path(sys.argv[1]).read_bytes()
        darkroom = Darkroom(DarkroomConfig(workers=1))
        darkroom.inspect(digest_of(data), data)
        print(darkroom._workers[0]._process.pid, flush=True)
        time.sleep(60)
        """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "photo")], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not gone(pid, within=0)
        os.kill(pid, signal.SIGSTOP)
        parent.kill()
        parent.wait()
    assert gone(pid)


def test_threads_come_and_go(darkroom: room.Darkroom, shelf: Shelf) -> None:
    """Photos are still read when the thread that first asked for one has ended, even if that takes its worker along."""
    thread = threading.Thread(target=darkroom.inspect, args=(shelf.digest, shelf.data))
    thread.start()
    thread.join()
    time.sleep(0.05)
    assert darkroom.thumbnail(shelf.digest, shelf.load, 20).shape == (20, 15, 3)


def test_closing_leaves_nobody(shelf: Shelf) -> None:
    """After close no worker is left, and several workers share the photos among them."""
    darkroom = room.Darkroom(DarkroomConfig(workers=2))
    answers: list[Any] = [darkroom.thumbnail(digest_of(bytes([n])), shelf.load, 20) for n in range(4)]
    assert len(answers) == 4
    assert 1 <= len(children()) <= 2
    darkroom.close()
    assert children() == []


def test_a_picture_in_memory_is_seen_as_a_worker_shows_it(darkroom: room.Darkroom, shelf: Shelf) -> None:
    """Judging and tests look at pixels as the daemon looks at a photo: the same size, the same looks, but for what halving rounds."""
    view = PixelView(decode.decode(shelf.data, 100).pixels)
    assert view.size == (300, 400)
    for side in (96, 500):
        seen, shown = view.thumbnail(side), darkroom.thumbnail(shelf.digest, shelf.load, side)
        assert seen.shape == shown.shape
        assert np.abs(seen.astype(int) - shown).max() <= 6
    crops, shown = view.crops([MATRIX, SMALL], (64, 48)), darkroom.crops(shelf.digest, shelf.load, [MATRIX, SMALL], (64, 48))
    assert (crops.shape, crops.dtype) == (shown.shape, shown.dtype) == ((2, 48, 64, 3), np.uint8)
    assert np.array_equal(crops[0], shown[0])
    assert np.abs(crops[1].astype(int) - shown[1]).max() <= 6


def test_a_worker_outlives_the_thread_that_first_asked(darkroom: room.Darkroom, shelf: Shelf) -> None:
    """Whoever asks first may be a thread that ends: the worker stays, and keeps the photo."""
    asking = threading.Thread(target=lambda: darkroom.thumbnail(shelf.digest, shelf.load, 32))
    asking.start()
    asking.join()
    process = darkroom._workers[0]._process
    assert process is not None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.0)
    loans = shelf.loans
    darkroom.thumbnail(shelf.digest, shelf.load, 32)
    assert shelf.loans == loans


def test_each_worker_gets_as_many_photos_as_the_others() -> None:
    """Photos that are worked on at a time are spread evenly, each stays with the one that has it decoded, and what is long past is not remembered."""
    darkroom = room.Darkroom(DarkroomConfig(workers=3))
    digests = [digest_of(b"%d" % number) for number in range(room.PLACES + 30)]
    places = [darkroom._place(digest) for digest in digests[:9]]
    assert sorted(places) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert [darkroom._place(digest) for digest in digests[:9]] == places
    for digest in digests[9:]:
        assert darkroom._place(digests[0]) == places[0], "asked about all the while, it is not forgotten"
        darkroom._place(digest)
    assert len(darkroom._places) == room.PLACES
    darkroom.close()


def test_a_photo_is_halved_once_for_all_its_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The large copies stay while no other photo is looked at, the small ones as long as the photo; whose frame is made leaves nothing."""
    calls: list[tuple[int, ...]] = []
    halved = warp.halved
    monkeypatch.setattr(worker, "SMALL", 3 * 80 * 60)
    monkeypatch.setattr(warp, "halved", lambda pixels: calls.append(pixels.shape[:2]) or halved(pixels))
    box = worker.Darkbox(100)
    photos = [decode.Photo(None, np.full((240, 320, 3), shade, np.uint8), 1, (0, 0)) for shade in (10, 20)]  # type: ignore[arg-type]
    quarter, eighth = (np.array([[scale, 0, 0], [0, scale, 0]]) for scale in (0.24, 0.06))
    for _ in range(5):
        pixels, _ = box.shrunk("a", photos[0], quarter)
        assert pixels.shape == (120, 160, 3) and (pixels == 10).all()
    assert calls == [(240, 320)]
    box.shrunk("a", photos[0], eighth)
    assert calls[1:] == [(120, 160), (60, 80)]
    box.shrunk("b", photos[1], eighth)
    calls.clear()
    assert (box.shrunk("a", photos[0], eighth)[0] == 10).all() and calls == []
    box.shrunk("a", photos[0], quarter)
    assert calls == [(240, 320)], "the large copy went meanwhile"
    box.forget("a")
    assert (box.shrunk("a", photos[1], eighth)[0] == 20).all()


def test_a_photo_whose_frame_is_made_goes_first(monkeypatch: pytest.MonkeyPatch, studio: Any) -> None:
    """Of two photos there is room for, the one that is in the film gives way to a third, although it came later; until then it is there."""
    files = {name: studio.jpeg(studio.smooth(400, 300) + shade, 1) for shade, name in enumerate("abc")}
    monkeypatch.setattr(worker, "KEEP_BYTES", 2 * 400 * 300 * 3)
    box = worker.Darkbox(100)

    def asked(name: str, data: bytes = b"", **head: Any) -> bool:
        return "missing" not in worker.answer(box, {"digest": name, **head}, data)[0]

    thumbnail = {"verb": "thumbnail", "side": 96}
    assert asked("a", files["a"], verb="inspect") and asked("b", files["b"], verb="inspect")
    assert asked("b", verb="frame", matrix=MATRIX, size=(CANVAS.width, CANVAS.height), eyes=[CANVAS.left, CANVAS.right]) and asked("b", **thumbnail)
    assert asked("c", files["c"], verb="inspect")
    assert asked("a", **thumbnail) and asked("c", **thumbnail) and not asked("b", **thumbnail)
