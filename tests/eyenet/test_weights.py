"""Model files: whole and of our kind, or refused by name; never executed."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from photodiary.errors import BadModel
from photodiary.eyenet import weights
from photodiary.eyenet.network import EyeNet, EyeNetConfig


@pytest.fixture
def saved(net: EyeNet, tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    weights.save(net, path, name="tiny-1", notes={"training": "none"})
    return path


def test_what_was_saved_is_loaded(net: EyeNet, tmp_path: Path) -> None:
    """Name, checksum and weights come back, the weights to half precision, ready to predict the same."""
    path = tmp_path / "model.safetensors"
    digest = weights.save(net, path, name="tiny-1")
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    loaded, name, seen = weights.load(path, sha256=digest)
    assert (name, seen, loaded.config, loaded.training) == ("tiny-1", digest, net.config, False)
    for key, value in net.state_dict().items():
        other = loaded.state_dict()[key]
        assert other.dtype == value.dtype
        assert torch.equal(other, value.half().float() if value.is_floating_point() else value), key
    again = tmp_path / "again.safetensors"
    weights.save(loaded, again, name="tiny-1")
    twice = weights.load(again)[0].state_dict()
    assert all(torch.equal(value, twice[key]) for key, value in loaded.state_dict().items()), "a second time nothing is lost"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == [], "nothing is left beside"


def test_a_likeness_is_loaded_with_its_odds(tmp_path: Path) -> None:
    """The optional part that says what a face looks like comes back to half precision, with its odds; without it there is none."""
    torch.manual_seed(4)
    config = EyeNetConfig(backbone="regnety_002", width=16, likeness=12, odds=(-3.5, 8.25, 1.125))
    net = EyeNet(config).eval()
    assert net.likeness is not None
    net.likeness.mean.normal_()
    net.likeness.projection.normal_()
    weights.save(net, tmp_path / "model.safetensors", name="tiny-1")
    loaded, _, _ = weights.load(tmp_path / "model.safetensors")
    assert loaded.config == config
    assert loaded.likeness is not None
    assert torch.equal(loaded.likeness.projection, net.likeness.projection.half().float())
    features = torch.rand(3, net.likeness.mean.numel() // 16, 8, 8)
    alike = loaded.likeness(features)
    assert alike.shape == (3, 12)
    assert torch.allclose(alike.norm(dim=1), torch.ones(3), atol=1e-5)
    assert torch.allclose(alike, net.likeness(features), atol=1e-2)
    plain = EyeNet(EyeNetConfig(backbone="regnety_002", width=16))
    weights.save(plain, tmp_path / "plain.safetensors", name="tiny-1")
    assert weights.load(tmp_path / "plain.safetensors")[0].likeness is None


@pytest.mark.parametrize("doubt", [[0.3, 1.2, 0.7], [], [1, 2, 3, 4, 5]], ids=str)
def test_the_doubt_of_an_older_file_is_not_taken_over(saved: Path, doubt: list[float]) -> None:
    """Weights whose calibration has other parts than today's load all the same, with the calibration of nobody."""
    header, body = _header(saved.read_bytes())
    metadata = {**header["__metadata__"], "config": json.dumps({"backbone": "regnety_002", "width": 16, "doubt": doubt})}
    saved.write_bytes(_with_header({**header, "__metadata__": metadata}, body))
    config = weights.load(saved)[0].config
    assert (config.doubt, config.odds, config.likeness) == (EyeNetConfig().doubt, EyeNetConfig().odds, 0)


def test_floats_are_stored_in_half_precision(saved: Path) -> None:
    """The file holds fp16, so it is half as large as the network in memory."""
    tensors = load_tensors(saved.read_bytes())
    assert {value.dtype for value in tensors.values() if value.is_floating_point()} == {torch.float16}


def test_another_checksum_is_refused(saved: Path) -> None:
    """A file that is not the one whose checksum was recorded is never used."""
    data = bytearray(saved.read_bytes())
    recorded = hashlib.sha256(data).hexdigest()
    data[-1] ^= 1
    saved.write_bytes(data)
    assert weights.load(saved)[1] == "tiny-1", "the file itself is well-formed"
    with pytest.raises(BadModel, match="checksum"):
        weights.load(saved, sha256=recorded)


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 100, 5000, -1, -1000])
def test_a_torn_file_is_refused(saved: Path, keep: int) -> None:
    """A model file that ends early, wherever that is, is a BadModel naming the file."""
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(BadModel, match=r"model\.safetensors"):
        weights.load(saved)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A model that is not there is a BadModel, as is a folder in its place."""
    with pytest.raises(BadModel, match="No such file"):
        weights.load(tmp_path / "none.safetensors")
    with pytest.raises(BadModel, match="directory"):
        weights.load(tmp_path)


class _Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (self.path, "w")


@pytest.mark.parametrize("how", ["pickle", "torch"])
def test_a_pickle_is_refused_and_never_executed(tmp_path: Path, how: str) -> None:
    """Code hidden in a file named .safetensors does not run."""
    target, path = tmp_path / "executed", tmp_path / "model.safetensors"
    if how == "pickle":
        path.write_bytes(pickle.dumps(_Bomb(str(target))))
    else:
        torch.save({"weight": _Bomb(str(target))}, path)
    with pytest.raises(BadModel):
        weights.load(path)
    assert not target.exists()


def _header(data: bytes) -> tuple[dict, bytes]:
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def _with_header(header: object, body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


@pytest.mark.parametrize(
    "change",
    [
        {"format": "something-else-1"},
        {"format": None},
        {"config": "{"},
        {"config": "[1]"},
        {"config": None},
        {"config": json.dumps({"backbone": "no_such_backbone", "width": 16})},
        {"config": json.dumps({"backbone": "regnety_002", "width": 17})},
        {"config": json.dumps({"backbone": "regnety_002", "width": -4})},
        {"config": json.dumps({"backbone": "regnety_002", "width": "wide"})},
        {"config": json.dumps({"backbone": "regnety_002"})},
        {"config": json.dumps({"backbone": "regnety_002", "width": 16, "doubt": [1, float("nan"), 1]})},
        {"config": json.dumps({"backbone": "regnety_002", "width": 16, "doubt": ["much", 1, 1, 1, 1, 1]})},
        {"config": json.dumps({"backbone": "regnety_002", "width": 16, "odds": [0, float("inf"), 0]})},
        {"config": json.dumps({"backbone": "regnety_002", "width": 16, "likeness": 8})},
        {"config": json.dumps({"backbone": "regnety_002", "width": 16, "likeness": -4})},
        {"config": json.dumps({"backbone": "regnety_002", "width": 16, "likeness": "much"})},
        {"config": json.dumps({"backbone": 5, "width": 16})},
        {"name": None},
    ],
    ids=str,
)
def test_metadata_that_does_not_fit_is_refused(saved: Path, change: dict) -> None:
    """A file of another kind, or whose description does not fit its weights, is a BadModel."""
    header, body = _header(saved.read_bytes())
    metadata = {key: value for key, value in {**header["__metadata__"], **change}.items() if value is not None}
    saved.write_bytes(_with_header({**header, "__metadata__": metadata}, body))
    with pytest.raises(BadModel):
        weights.load(saved)


@pytest.mark.parametrize("header", [[], 5, "text", None, {"__metadata__": []}, {}], ids=str)
def test_a_header_that_is_no_header_is_refused(saved: Path, header: object) -> None:
    """Well-formed JSON that is no safetensors header is a BadModel."""
    saved.write_bytes(_with_header(header, b""))
    with pytest.raises(BadModel):
        weights.load(saved)


@pytest.mark.parametrize("backbone", ["hf-hub:somebody/something", "hf_hub:somebody/something", "local-dir:/tmp", "https://example.org/x"])
def test_a_model_file_sends_nobody_to_the_network(saved: Path, monkeypatch: pytest.MonkeyPatch, backbone: str) -> None:
    """A backbone that names a place on the network or on disk is refused before anything is looked up."""
    import socket

    def tried(*_: object, **__: object) -> None:
        raise AssertionError("somebody tried to reach the network")

    monkeypatch.setattr(socket, "getaddrinfo", tried)
    monkeypatch.setattr(socket.socket, "connect", tried)
    header, body = _header(saved.read_bytes())
    header["__metadata__"]["config"] = json.dumps({"backbone": backbone, "width": 16})
    saved.write_bytes(_with_header(header, body))
    with pytest.raises(BadModel):
        weights.load(saved)


def test_weights_that_are_missing_or_too_many_are_refused(saved: Path) -> None:
    """Every tensor of the network is in the file, and nothing else."""
    tensors = load_tensors(saved.read_bytes())
    metadata = _header(saved.read_bytes())[0]["__metadata__"]
    for changed in ({k: v for k, v in tensors.items() if k != "head.bias"}, {**tensors, "more": torch.zeros(3)}):
        saved.write_bytes(save_tensors(changed, metadata))
        with pytest.raises(BadModel):
            weights.load(saved)


# -- to start a training from ------------------------------------------------------------------------------------------------------


def test_training_starts_from_our_own_weights(net: EyeNet, tmp_path: Path) -> None:
    """One of our files gives everything it has, to half precision, but not what a face looks like, which was fitted to it alone."""
    torch.manual_seed(8)
    other = EyeNet(EyeNetConfig(backbone="regnety_002", width=16, likeness=8))
    weights.save(other, tmp_path / "own.safetensors", name="own")
    assert weights.start(net, tmp_path / "own.safetensors")
    for key, value in net.state_dict().items():
        given = other.state_dict()[key]
        assert torch.equal(value, given.half().float() if given.is_floating_point() else given), key
    assert net.likeness is None


@pytest.mark.parametrize("backbone", ["regnety_002", "resnet18"])
def test_training_starts_from_a_backbone_as_timm_saves_it(tmp_path: Path, backbone: str) -> None:
    """timm's file of a whole classifier gives the backbone its weights, and the head stays as it was; nothing else is taken."""
    torch.manual_seed(1)
    whole = timm.create_model(backbone, pretrained=False)
    (tmp_path / "timm.safetensors").write_bytes(save_tensors({key: value.contiguous() for key, value in whole.state_dict().items()}))
    torch.manual_seed(2)
    net = EyeNet(EyeNetConfig(backbone=backbone, width=16))
    head = {key: value.clone() for key, value in net.state_dict().items() if not key.startswith("backbone.")}
    assert not weights.start(net, tmp_path / "timm.safetensors")
    pixels = torch.rand(1, 3, 64, 64)
    whole.eval()
    net.eval()
    with torch.inference_mode():
        truth = whole.forward_intermediates(pixels, indices=[-1], intermediates_only=True)[-1]
        assert torch.allclose(net.backbone(pixels)[-1], truth, atol=1e-4)
    assert all(torch.equal(value, head[key]) for key, value in net.state_dict().items() if key in head)


def test_another_backbones_weights_are_refused(net: EyeNet, tmp_path: Path) -> None:
    """Weights of another model, ours or timm's, torn ones and none at all are a BadModel that names the file, and nothing was taken over."""
    before = {key: value.clone() for key, value in net.state_dict().items()}
    path = tmp_path / "other.safetensors"
    weights.save(EyeNet(EyeNetConfig(backbone="regnety_004", width=16)), path, name="other")
    contents = [path.read_bytes(), path.read_bytes()[:1000], b"", b"\x00" * 100, b"PK\x03\x04" + bytes(50)]
    contents.append(save_tensors({key: value.contiguous() for key, value in timm.create_model("resnet18", pretrained=False).state_dict().items()}))
    contents.append(save_tensors({"nothing": torch.zeros(3)}))
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(BadModel, match=r"other\.safetensors"):
            weights.start(net, path)
    with pytest.raises(BadModel, match=r"none\.safetensors"):
        weights.start(net, tmp_path / "none.safetensors")
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
