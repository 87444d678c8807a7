"""Weights on disk: half-precision safetensors that carry what is needed to load them.  Never pickles."""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from photodiary.errors import BadModel
from photodiary.eyenet.network import EyeNet, EyeNetConfig
from photodiary.eyenet.person import Person

FORMAT = "photodiary-eyenet-1"
PERSON = "person"


def save(net: EyeNet, path: Path, *, name: str, notes: dict[str, str] | None = None) -> str:
    """Write the weights beside `path`, then rename; floats as fp16.  Returns the SHA-256 of the file."""
    tensors = {key: (value.half() if value.is_floating_point() else value).detach().cpu().contiguous() for key, value in net.state_dict().items()}
    for number, person in enumerate(net.people):
        tensors[f"{PERSON}.{number}.looks"] = torch.from_numpy(person.looks).half().contiguous()
        tensors[f"{PERSON}.{number}.offset"] = torch.tensor(person.offset, dtype=torch.float32)
    metadata = {"format": FORMAT, "name": name, "config": json.dumps(asdict(net.config)), **(notes or {})}
    data = save_tensors(tensors, metadata)
    beside = path.with_name(f".{path.name}.tmp")
    with beside.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    beside.replace(path)
    return hashlib.sha256(data).hexdigest()


def load(path: Path, *, sha256: str | None = None) -> tuple[EyeNet, str, str]:
    """Read weights as float32, ready to predict.  Returns (network, model name, SHA-256).

    Raises BadModel when the file is missing, torn, of another kind, or not the one whose checksum was recorded.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadModel(f"{path}: the model file cannot be read: {error.strerror}") from error
    digest = hashlib.sha256(data).hexdigest()
    if sha256 is not None and digest != sha256:
        raise BadModel(f"{path}: the model file is damaged (checksum {digest[:12]}, recorded {sha256[:12]}); install photodiary again")
    try:
        metadata = _metadata(data)
        if metadata.get("format") != FORMAT:
            raise BadModel(f"{path}: not an eye network of photodiary (format {metadata.get('format')!r})")
        config = json.loads(metadata["config"])
        name, backbone = metadata["name"], str(config["backbone"])
        doubt, odds = (_numbers(config.get(key, ()), getattr(EyeNetConfig(), key)) for key in ("doubt", "odds"))
        net = EyeNet(EyeNetConfig(backbone, int(config["width"]), doubt, int(config.get("likeness", 0)), odds))
        tensors = {key: value.float() if value.is_floating_point() else value for key, value in load_tensors(data).items()}
        if strange := [key for key, value in tensors.items() if not bool(torch.isfinite(value).all())]:
            raise ValueError(f"{strange[0]} holds values that are no numbers")
        net.people = _people(tensors, net.config.likeness)
        net.load_state_dict(tensors)
    except (SafetensorError, ValueError, KeyError, TypeError, OverflowError, RuntimeError) as error:
        raise BadModel(f"{path}: the model file cannot be loaded: {error}") from error
    net.eval().to(memory_format=torch.channels_last)
    return net, name, digest


def start(net: EyeNet, path: Path) -> bool:
    """Let `net` begin with the weights of a local file: one of ours, or a backbone as timm saves it (safetensors).  Returns whether that was all of
    the network; of a backbone alone, the head and the settling of batch norm are still to be learnt.

    Raises BadModel when the file is of another backbone.  A timm file may have a classifier besides; less than nine tenths of the backbone is a mistake.
    """
    try:
        data = path.read_bytes()
        if _metadata(data).get("format") == FORMAT:
            loaded, _, _ = load(path)
            if (loaded.config.backbone, loaded.config.width) != (net.config.backbone, net.config.width):
                raise BadModel(f"{path}: made of {loaded.config.backbone}, but {net.config.backbone} is to be trained")
            net.load_state_dict(loaded.state_dict(), strict=False)
            return True
        given = {key.replace(".", "_"): value for key, value in load_tensors(data).items()}
    except OSError as error:
        raise BadModel(f"{path}: the model file cannot be read: {error.strerror}") from error
    except (SafetensorError, ValueError) as error:
        raise BadModel(f"{path}: the model file cannot be loaded: {error}") from error
    own = net.backbone.state_dict()
    taken = {key: given[key.replace(".", "_")] for key, value in own.items() if given.get(key.replace(".", "_"), torch.empty(0)).shape == value.shape}
    if len(taken) < 0.9 * len(own):
        raise BadModel(f"{path}: fits {len(taken)} of {len(own)} parts of {net.config.backbone}; give the weights of that very model")
    net.backbone.load_state_dict(taken, strict=False)
    return False


def _people(tensors: dict[str, torch.Tensor], dimensions: int) -> tuple[Person, ...]:
    """Takes the persons out of `tensors`.  Raises ValueError when one is not as `save` writes it, KeyError when a part is missing."""
    people: list[Person] = []
    while (looks := tensors.pop(f"{PERSON}.{len(people)}.looks", None)) is not None:
        offset = tensors.pop(f"{PERSON}.{len(people)}.offset")
        if looks.ndim != 2 or looks.shape[1] != dimensions or offset.shape != (2, 2) or bool(offset.abs().max() > 0.2):
            raise ValueError(f"person {len(people)} is none")
        length = looks.norm(dim=1, keepdim=True).clamp(min=1e-6)
        (left, right) = [(float(x), float(y)) for x, y in offset]
        people.append(Person((looks / length).numpy(), (left, right)))
    return tuple(people)


def _numbers(values: list[float], default: tuple[float, ...]) -> tuple[float, ...]:
    """As many finite numbers as `default` has; an older file's, which meant something else, are not taken over."""
    numbers = tuple(float(value) for value in values)
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError(f"calibration of {values}")
    return numbers if len(numbers) == len(default) else default


def _metadata(data: bytes) -> dict[str, str]:
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    metadata = header.get("__metadata__", {}) if isinstance(header, dict) else {}
    return metadata if isinstance(metadata, dict) else {}
