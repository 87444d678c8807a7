"""Promise: torn or malicious model file.  Only safetensors are read, a bad candidate never becomes current, a bad current falls back to the last good
one and then to the shipped one, and no code in a file runs.  One that the configuration names is refused in words with status 78.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import signal
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from tests.promises.switch import Switch
from tests.support.daemon import ROOT, Diary
from tests.support.dots import drop, photo
from tests.support.models import altered, tiny

from photodiary.eyenet.registry import Registry

SHIPPED = ROOT / "service/photodiary/eyenet/base.safetensors"
SWITCHES = (
    Switch(
        "refusing values that are no numbers",
        "test_a_bad_model_is_refused_in_words_and_no_code_in_it_runs",
        "eyenet/weights.py",
        "if strange := [",
        "if False and [",
    ),
    Switch("the recorded checksum", "test_the_shipped_model_is_the_one_that_was_shipped", "eyenet/weights.py", "digest != sha256", "False"),
    Switch(
        "reading tensors only",
        "test_a_bad_model_is_refused_in_words_and_no_code_in_it_runs",
        "eyenet/weights.py",
        "        metadata = _metadata(data)\n        if metadata",
        "        torch.load(__import__('io').BytesIO(data), weights_only=False)\n        metadata = _metadata(data)\n        if metadata",
    ),
    Switch(
        "going on with the model that works",
        "test_a_bad_model_that_is_configured_later_leaves_the_old_one_in_force",
        "run/daemon.py",
        "if self._before is None:",
        "if True:",
    ),
    Switch(
        "passing over what is bad",
        "test_a_bad_current_model_falls_back_and_the_service_goes_on",
        "eyenet/registry.py",
        'trouble = trouble or f"the model {name} cannot be used ({error})"',
        "raise",
    ),
    Switch(
        "the checksum of a model of the registry",
        "test_a_bad_current_model_falls_back_and_the_service_goes_on",
        "eyenet/registry.py",
        "    if digest != sha256:",
        "    if False:",
    ),
    Switch(
        "going on with the model that is loaded",
        "test_a_bad_current_model_falls_back_and_the_service_goes_on",
        "run/following.py",
        "except (PhotodiaryError, RuntimeError, MemoryError, OSError) as error:",
        "except ZeroDivisionError as error:",
    ),
    Switch(
        "loading a candidate before it is put in force",
        "test_a_candidate_that_does_not_load_is_never_put_in_force",
        "run/versions.py",
        "_tried(registry.checked(options.name))",
        "registry.checked(options.name)",
    ),
)


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    diary = Diary(tmp_path / "me", real_model=True)
    yield diary
    diary.close()


class Bomb:
    """Pickled, it opens a file when it is read."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.marker), "w")


def metadata(data: bytes) -> dict[str, str]:
    import json

    length = struct.unpack("<Q", data[:8])[0]
    found: dict[str, str] = json.loads(data[8 : 8 + length])["__metadata__"]
    return found


def bad_models(marker: Path) -> dict[str, bytes]:
    good = SHIPPED.read_bytes()
    tensors = load(good)
    name = next(key for key, value in tensors.items() if value.is_floating_point() and value.dim() == 4)
    nan, shape = dict(tensors), dict(tensors)
    nan[name] = tensors[name].clone()
    nan[name].view(-1)[7] = float("nan")
    shape[name] = tensors[name][:-1].contiguous()
    path = marker.with_name("zipped.pt")
    torch.save({"state": Bomb(marker)}, path)
    return {
        "a pickle": pickle.dumps(Bomb(marker)), "a pickle of torch": path.read_bytes(), "torn": good[: len(good) // 2], "torn at the end": good[:-1],
        "NaN": save(nan, metadata(good)), "another shape": save(shape, metadata(good)), "empty": b"", "no model": os.urandom(5000),
        "another network": save({"weight": torch.zeros(3)}, {"format": "another"}),
    }  # fmt: skip


LOAD = """
import sys
from pathlib import Path
from photodiary.errors import BadModel
from photodiary.locate.config import LocateConfig
from photodiary.run.models import resident
for path in sys.argv[1:]:
    try:
        resident(LocateConfig(device="cpu", model=path))
        print("taken over", path)
    except BadModel as error:
        print("refused", str(error).splitlines()[0])
"""


def test_a_bad_model_is_refused_in_words_and_no_code_in_it_runs(diary: Diary, tmp_path: Path) -> None:
    """Pickles, torn files, NaN, other shapes and other networks are refused by name when configured,
    with status 78, and what is hidden in a pickle does not run."""
    import subprocess
    import sys

    marker = tmp_path / "it-ran"
    paths = []
    for name, data in bad_models(marker).items():
        paths.append(tmp_path / f"{name.replace(' ', '-')}.safetensors")
        paths[-1].write_bytes(data)
    assert not marker.exists()
    done = subprocess.run([sys.executable, "-c", LOAD, *map(str, paths)], env=diary.environment, capture_output=True, text=True, timeout=120, check=False)
    assert not marker.exists(), "code in a model file was executed"
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [f"refused {path}" for path in paths]
    pickle.loads(paths[0].read_bytes()).close()  # the bomb is a real one
    assert marker.exists()
    marker.unlink()
    diary.config.write_text(diary.config.read_text() + f'[locate]\nmodel = "{paths[0]}"\n')
    done = diary.call("run")
    assert (done.returncode, "Traceback" in done.stderr, str(paths[0]) in done.stderr) == (78, False, True)
    assert not marker.exists()


def test_the_shipped_model_is_the_one_that_was_shipped(diary: Diary, tmp_path: Path) -> None:
    """A shipped model with one changed byte is refused: its checksum was recorded when it was made, and status says which one is in force."""
    from photodiary.errors import BadModel
    from photodiary.eyenet import registry, weights

    entry = registry.current()
    assert entry.sha256 == hashlib.sha256(SHIPPED.read_bytes()).hexdigest()
    changed = np.frombuffer(SHIPPED.read_bytes(), np.uint8).copy()
    changed[-9] ^= 1
    path = tmp_path / "base.safetensors"
    path.write_bytes(changed.tobytes())
    with pytest.raises(BadModel, match="checksum"):
        weights.load(path, sha256=entry.sha256)
    assert diary.status()["model"]["sha256"] == entry.sha256


def test_a_bad_model_that_is_configured_later_leaves_the_old_one_in_force(diary: Diary, tmp_path: Path) -> None:
    """SIGHUP with a bad model is told and the daemon goes on with the one it had; a good file of the person's own takes over, its checksum noted."""
    bad, own = tmp_path / "bad.safetensors", tmp_path / "own.safetensors"
    good = SHIPPED.read_bytes()
    bad.write_bytes(good[: len(good) // 2])
    tensors = load(good)
    own.write_bytes(save(tensors, {**metadata(good), "name": "my-own"}))
    diary.start()
    diary.until_told(" watches ", seconds=120)
    before, text = diary.status()["model"], diary.config.read_text()
    diary.config.write_text(f'{text}[locate]\nmodel = "{bad}"\n')
    os.kill(diary.pid, signal.SIGHUP)
    diary.until_told("going on with the old one", seconds=120)
    diary.config.write_text(text)
    diary.until(lambda s: s["running"], "running again")
    assert diary.status()["model"] == before
    diary.config.write_text(f'{text}[locate]\nmodel = "{own}"\n')
    os.kill(diary.pid, signal.SIGHUP)
    diary.until_told("model my-own on cpu", seconds=120)
    assert diary.status()["model"] == {"name": "my-own", "sha256": hashlib.sha256(own.read_bytes()).hexdigest(), "device": "cpu"}
    assert diary.stop() == 0


def test_a_candidate_that_does_not_load_is_never_put_in_force(diary: Diary, tmp_path: Path) -> None:
    """A file with the right checksum and format, but with numbers in it that are none, is refused by `models promote`, and nothing has changed."""
    models = Registry(diary.folder / "state")
    models.publish(altered(tmp_path / "bad", "mine-1", by=float("nan")), {"name": "mine-1"})
    done = diary.call("models", "promote", "mine-1")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "values that are no numbers" in done.stderr and "nothing was changed" in done.stderr
    assert models.standing().entry == models.versions()[0].entry and models.stamp() is None


def test_a_bad_current_model_falls_back_and_the_service_goes_on(tmp_path: Path) -> None:
    """A current model that is damaged, or cannot be loaded, is passed over for the last good one, at the start and while the service runs; photos go on
    coming through, `status` names the reason, and `doctor --fix` settles it."""
    diary = Diary(tmp_path / "me")
    models = Registry(diary.folder / "state")
    for name, card in (("mine-1", {"shift": 1.0}), ("mine-2", {}), ("mine-3", {"broken": True})):
        models.publish(tiny(tmp_path / name, name), {"name": name, **card})
    models.promote("mine-1")
    models.promote("mine-2")
    assert models.folder is not None
    damaged = bytearray((models.folder / "mine-2.safetensors").read_bytes())
    damaged[-3] ^= 1
    (models.folder / "mine-2.safetensors").write_bytes(damaged)
    try:
        drop(diary.inbox, "1.jpg", photo(1))
        diary.start()
        diary.until_film_of(1)
        assert diary.status()["model"]["name"] == "mine-1"
        assert any("mine-2 cannot be used" in reason and "mine-1 finds the eyes instead" in reason for reason in diary.status()["degraded"])
        models.promote("mine-3")
        os.kill(diary.pid, signal.SIGUSR1)
        diary.until_told("mine-1 goes on finding the eyes")
        drop(diary.inbox, "2.jpg", photo(2))
        diary.until_film_of(2)
        diary.until(lambda s: any("made to fail" in reason for reason in diary.status()["degraded"]), "the reason in status")
        assert diary.status()["model"]["name"] == "mine-1" and {row["by"] for row in diary.photos()} == {"mine-1"}
        assert diary.stop() == 0 and "Traceback" not in diary.told()
    finally:
        diary.close()
    assert models.rollback().name == "mine-1", "the damaged one is passed over"
    models.promote("mine-3")
    (models.folder / "mine-3.safetensors").unlink()
    done = diary.call("doctor")
    assert done.returncode == 1 and "mine-3" in done.stdout and "Traceback" not in done.stderr
    assert diary.call("doctor", "--fix").returncode == 0 and diary.call("doctor").returncode == 0
    assert diary.status()["degraded"] == [] and diary.status()["model"]["name"] == "mine-1"
