"""A diary that is mistreated: photos keep coming in every way that sync tools know while the daemon and its workers are killed.

    python tests/promises/torture.py --kills 30 [--seed N] [--real-model] [--keep FOLDER]

Kills the daemon, darkroom workers and render children with SIGKILL at moments drawn by chance or chosen for being delicate, fills
the archive's disk, unmounts the inbox, and in the end lets the diary settle and checks what it has promised: every good photo
exactly once, a file for every row and a row for every file, a film of exactly what it should show, an inbox nobody wrote to,
nothing left over.  What is sent, and who is killed in turn, is decided by the seed alone; when it happens
depends on the machine too.
"""

from __future__ import annotations

import argparse
import io
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "service"), str(ROOT / "deploy")]

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402
from tests.promises.invariants import check, settle  # noqa: E402
from tests.promises.killer import Killer  # noqa: E402
from tests.promises.mounts import Mounts  # noqa: E402
from tests.promises.phone import WAYS, WEIGHTS, Broken, Journal, Phone  # noqa: E402
from tests.support.daemon import QUICK, Diary  # noqa: E402
from tests.support.dots import photo as dots_photo  # noqa: E402

DISK_MB = 24  # of the archive's own disk, and more for more photos
CONFIG = QUICK.replace("[film]", "[film]\neven_out = false")  # the film is held against the frames, picture by picture
DAEMONS = 0.4  # of the kills hit the daemon,
RENDERS = 0.2  # this part the child that makes the film, the rest darkroom workers


def plan(kills: int, dice: random.Random) -> list[str]:
    """Whom to kill in turn.  After a child that made a film the daemon has its turn: it waits before it tries again."""
    daemons, renders = round(kills * DAEMONS), round(kills * RENDERS)
    turns = [["daemon"]] * (daemons - renders) + [["render", "daemon"]] * renders + [["darkroom"]] * (kills - daemons - renders)
    dice.shuffle(turns)
    return [kind for turn in turns for kind in turn]


def torture(diary: Diary, kills: int, seed: int, make: Callable[[int, bool], bytes], journal: Journal) -> None:
    """The whole story.  Raises Broken."""
    mounts = Mounts(diary, journal, DISK_MB + kills // 10)
    phone = Phone(mounts.inbox, diary.archive, make, random.Random(f"{seed} phone"), journal)
    dice = random.Random(f"{seed} plan")
    killer = Killer(diary, mounts, random.Random(f"{seed} moments"), journal)
    try:
        phone.cut()
        phone.cut()
        back: dict[str, int] = {}  # at which turn a fault ends
        for number, kind in enumerate(plan(kills, dice)):
            for way in dice.choices(WAYS, WEIGHTS, k=dice.choice((1, 1, 2))):
                phone.send(way)
            if dice.random() < 0.3:
                phone.send("complete")
            if number % 10 == 4:
                phone.send("garbage")
            if number % 9 == 3:
                mounts.set_inbox(False)
                back["inbox"] = number + dice.choice((1, 2))
            if number % 9 == 6:
                mounts.set_disk(True)
                back["disk"] = number + dice.choice((1, 2))
            if back.get("inbox") == number:
                mounts.set_inbox(True)
            if back.get("disk") == number:
                mounts.set_disk(False)
            if kind == "render" and dice.random() < 0.5:
                phone.send("rename")
            if kind == "daemon" or not killer.kill_child(kind):
                killer.kill_daemon()
        mounts.heal()
        phone.finish()
        settle(diary, phone, killer)
        check(diary, phone, killer)
    finally:
        diary.close()


def selfies() -> Callable[[int, bool], bytes]:
    """The demo's pictures, for the shipped model; each has a face."""
    from importlib.resources import files

    import selfies as demo  # type: ignore[import-not-found]

    portrait = np.asarray(Image.open(io.BytesIO((files("skimage") / "data" / "astronaut.png").read_bytes())).convert("RGB"), np.float32)
    scene = demo.widened(portrait)
    return lambda number, face: demo.selfie(number, scene).data if face else dots_photo(number, face=False)


def main() -> int:
    """Run once.  Exit status 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--real-model", action="store_true", help="the shipped model and the demo's selfies in place of dots")
    parser.add_argument("--keep", type=Path, help="a folder for the diary of a failing run; one in the temporary folder by default")
    options = parser.parse_args()
    again = f"python tests/promises/torture.py --kills {options.kills} --seed {options.seed}{' --real-model' if options.real_model else ''}"
    print(f"seed {options.seed}; repeat with: {again}", flush=True)
    make = selfies() if options.real_model else lambda number, face: dots_photo(number, face=face)
    folder = Path(tempfile.mkdtemp(prefix="photodiary-torture-"))
    journal = Journal()
    diary = Diary(folder / "me", config=CONFIG, real_model=options.real_model)
    try:
        torture(diary, options.kills, options.seed, make, journal)
    except Exception as error:
        keep = options.keep or Path(tempfile.gettempdir()) / f"photodiary-torture-failed-{options.seed}"
        shutil.rmtree(keep, ignore_errors=True)
        shutil.copytree(folder, keep, symlinks=True)  # the mounts end with us
        print(f"\nthe daemon's last words:\n{diary.told()[-6000:]}\nFAILED after {dict(journal.done)}: {error}")
        print(f"The diary is kept in {keep}.  Repeat with: {again}", flush=True)
        if not isinstance(error, Broken):
            raise
        return 1
    finally:
        Mounts.remove(diary)
        shutil.rmtree(folder, ignore_errors=True)
    print(f"all promises kept: {dict(journal.done)} in {time.monotonic() - journal.started:.0f} s; seed {options.seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
