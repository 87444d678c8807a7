"""The daemon's own process never parses the bytes of a picture: shown on a running one.

Without a network, it has no library that could.  The network's libraries bring some along (timm imports torchvision, which imports
Pillow), so with the shipped model what is shown is that nobody asks them to.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.support.daemon import ROOT, Diary
from tests.support.dots import drop, photo

# Whatever can decode a picture: as modules, and as parts of the names of libraries.
READERS = ("cv2", "simplejpeg", "pillow_heif", "PIL._imaging", "PIL.ImageFile", "PIL.JpegImagePlugin", "PIL.PngImagePlugin", "av", "imageio", "skimage")
LIBRARIES = (
    "/cv2/",
    "simplejpeg",
    "pillow_heif",
    "/PIL/",
    "pillow.libs",
    "libjpeg",
    "libturbojpeg",
    "libpng",
    "libwebp",
    "libavif",
    "libheif",
    "libtiff",
    "/av/",
)

# A locator that looks at its thumbnails without any picture library (that of tests/support makes pictures too), and a witness of every import.
PROGRAM = """
import sys
from pathlib import Path
sys.path[:0] = [{service!r}]
if __name__ == "__main__":  # the rendering child imports this file again, and may load what it likes
    def witness(event, arguments):
        if event == "import":
            with open({imports!r}, "a") as file:
                file.write(str(arguments[0]) + "\\n")
    sys.addaudithook(witness)
    import numpy as np
    from photodiary import cli
    from photodiary.diary.eyes import EyePair, Point, Sighting
    from photodiary.locate.views import Located
    from photodiary.run import models

    class Plain:
        name, kin, sha256, device, together, trouble = "plain-1", "plain-1", "0" * 64, "cpu", 1, None
        def locate(self, view, gallery=None):
            seen = view.thumbnail(100)
            assert seen.dtype == np.uint8 and seen.std() > 1  # it did get a picture
            width, height = view.size
            return Located(Sighting(self.name, EyePair(Point(0.4 * width, 0.5 * height), Point(0.6 * width, 0.5 * height)), 1.0))
        def locate_all(self, views, galleries):
            return [self.locate(view) for view in views]

    models.resident = lambda config, state="": Plain()
    sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_daemons_process_has_nothing_that_reads_pictures(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """While photos, half ones and garbage go through to the film, the main process imports and maps no library that decodes pictures; its workers do."""
    diary = Diary(tmp_path / "me")
    request.addfinalizer(diary.close)
    imports = tmp_path / "imports"
    program = tmp_path / "plain.py"
    program.write_text(PROGRAM.format(service=str(ROOT / "service"), imports=str(imports)))
    diary.command = [diary.command[0], str(program)]
    diary.start()
    for number in range(4):
        drop(diary.inbox, f"IMG_{number}.jpg", photo(number))
    drop(diary.inbox, "cut.jpg", photo(5)[:9000])
    drop(diary.inbox, "text.jpg", b"no photo at all " * 60)
    diary.until(lambda s: s["reel"] is not None and s["reel"]["frames"] == 4 and s["photos"]["quarantined"] == 1 and s["photos"]["held"] == 1, "a film", 300)

    def mapped(pid: int) -> set[str]:
        lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
        return {name for line in lines for name in LIBRARIES if name in line.partition("/")[1] + line.partition("/")[2]}

    assert mapped(diary.pid) == set()
    children = [int(child) for task in Path(f"/proc/{diary.pid}/task").iterdir() for child in (task / "children").read_text().split()]
    workers = [child for child in children if b"darkroom.worker" in Path(f"/proc/{child}/cmdline").read_bytes()]
    root = os.geteuid() == 0  # nobody else may look into a worker, which leaves no dump
    assert workers and (not root or all("/cv2/" in mapped(worker) for worker in workers)), "the same look at a worker does see its libraries"
    imported = set(imports.read_text().split())
    assert "photodiary.darkroom.darkroom" in imported, "the witness saw the service come up"
    assert not imported & set(READERS)
    assert diary.stop() == 0


# The daemon with its shipped model, in which every way into the decoders that torchvision and Pillow bring along is watched.
WATCHED = """
import sys
sys.path[:0] = [{service!r}]
if __name__ == "__main__":
    def tell(what):
        with open({told!r}, "a") as file:
            file.write(what + "\\n")
    def witness(event, arguments):
        if event == "import":
            tell("import " + str(arguments[0]))
    sys.addaudithook(witness)
    import PIL.Image
    import torchvision.io
    def watched(name, real):
        def called(*arguments, **options):
            tell("call " + name)
            return real(*arguments, **options)
        return called
    for module, names in ((PIL.Image, ("open", "preinit", "init")), (torchvision.io, [n for n in dir(torchvision.io) if n.startswith(("decode", "read"))])):
        for name in names:
            setattr(module, name, watched(name, getattr(module, name)))
    assert hasattr(torchvision.io, "decode_jpeg")
    from photodiary import cli
    sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_with_the_shipped_model_nobody_asks_a_library_to_decode(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the shipped model, photos become film while the main process calls no decoder, loads no file format of Pillow, and imports no other reader."""
    monkeypatch.syspath_prepend(str(ROOT / "deploy"))
    selfies = pytest.importorskip("selfies")
    diary = Diary(tmp_path / "me")
    request.addfinalizer(diary.close)
    told = tmp_path / "told"
    program = tmp_path / "watched.py"
    program.write_text(WATCHED.format(service=str(ROOT / "service"), told=str(told)))
    diary.command = [diary.command[0], str(program)]
    for selfie in selfies.month(2):
        drop(diary.inbox, selfie.name, selfie.data)
    diary.start()
    diary.until_film_of(2, seconds=600)
    seen = set(told.read_text().splitlines())
    assert {"import torch", "import photodiary.darkroom.darkroom"} <= seen, "the witness saw the service come up"
    assert not [line for line in seen if line.startswith("call ")]
    assert not [line for line in seen if line.removeprefix("import ") in {*READERS} - {"PIL._imaging"} or line.endswith("ImagePlugin")]
    assert diary.stop() == 0
