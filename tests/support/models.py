"""Model files for the registry: tiny ones that only say what they are, and the shipped one under another name, altered a little."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from photodiary.eyenet.header import FORMAT
from photodiary.eyenet.registry import SHIPPED

DOWN = [2, 8]  # of the head's votes for each of both eyes: score, right, down, doubt, partner


def tiny(path: Path, name: str, *, kin: str = "dots-1") -> Path:
    """A file that says that it is a model called `name`, with eight bytes in it: enough for a registry and for `DotLocator`."""
    metadata = {"format": FORMAT, "name": name, "kin": kin, "config": json.dumps({"backbone": "regnety_006", "width": 96})}
    return _written(path, {"__metadata__": metadata, "nothing": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]}}, bytes(8))


def altered(path: Path, name: str, *, by: float) -> Path:
    """The shipped model called `name`, of its kin, whose votes for where an eye is lie `by` cells further down."""
    data = SHIPPED.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header, numbers = json.loads(data[8 : 8 + length]), bytearray(data[8 + length :])
    header["__metadata__"] |= {"kin": header["__metadata__"]["name"], "name": name}
    start, end = header["head.bias"]["data_offsets"]
    bias = np.frombuffer(numbers[start:end], np.float16).copy()
    bias[DOWN] += by
    numbers[start:end] = bias.tobytes()
    return _written(path, header, bytes(numbers))


def _written(path: Path, header: dict[str, object], numbers: bytes) -> Path:
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + numbers)
    return path
