"""Pictures without a human face, to train and judge with: animals, food, things and landscapes from Debian's packages.

    python deploy/scenery.py .train/scenery

Fetches with `apt-get download` (Debian only), unpacks without installing, and writes train/ and judge/: one picture in five, by a hash of its
name, and all of one package are kept for judging.  Their terms stand in the packages (public domain, GPL, CC BY-SA); none is copied into the project.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

TRAIN = ("tuxpaint-stamps-default", "mate-backgrounds", "ukui-wallpapers")
JUDGE = ("gnome-backgrounds", "plasma-workspace-wallpapers")
HUMAN = ("/people/", "/symbols/", "santa", "elephants_")  # people, letters, and the same picture in three sizes
THING, GROUND = 320, 512  # longest side that is kept


def pictures(package: str, folder: Path) -> list[Path]:
    """Unpack a package and list its pictures."""
    subprocess.run(["apt-get", "download", "-qq", package], cwd=folder, check=True)
    (archive,) = folder.glob(f"{package}_*.deb")
    subprocess.run(["dpkg", "-x", archive, folder / package], check=True)
    found = sorted(path for path in (folder / package).rglob("*") if path.suffix.lower() in (".png", ".jpg", ".jpeg") and path.is_file())
    return [path for path in found if not any(word in str(path).lower() for word in HUMAN)]


def keep(path: Path, name: str, out: Path) -> int:
    """Write a thing as PNG with its transparency, a wide picture as tiles of JPEG.  Returns how many files."""
    image = Image.open(path)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image.thumbnail((THING, THING))
        image.save(out / f"{name}.png")
        return 1
    image = image.convert("RGB")
    image.thumbnail((3 * GROUND, 3 * GROUND))
    width, height = image.size
    tiles = [(x, y) for y in range(0, height - GROUND // 2, GROUND) for x in range(0, width - GROUND // 2, GROUND)]
    for x, y in tiles:
        image.crop((x, y, min(width, x + GROUND), min(height, y + GROUND))).save(out / f"{name}-{x}-{y}.jpg", quality=90)
    return len(tiles)


def main() -> None:
    target = Path(sys.argv[1])
    for part in ("train", "judge"):
        (target / part).mkdir(parents=True, exist_ok=True)
    count = dict.fromkeys(("train", "judge"), 0)
    with tempfile.TemporaryDirectory() as folder:
        for package in (*TRAIN, *JUDGE):
            for path in pictures(package, Path(folder)):
                name = f"{package.split('-')[0]}-{path.stem}"
                kept = hashlib.sha256(name.encode()).digest()[0] % 5 == 0 or package in JUDGE
                part = "judge" if kept else "train"
                count[part] += keep(path, name, target / part)
    print(f"{count['train']} pictures to train with, {count['judge']} to judge with, under {target}")


if __name__ == "__main__":
    main()
