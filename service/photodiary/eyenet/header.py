"""What a model file says of itself.  Read as plain bytes and JSON, so that asking loads nothing and runs nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from photodiary.errors import BadModel

FORMAT = "photodiary-eyenet-1"
MOST = 10_000_000  # bytes of header; ours has some 40,000
SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


@dataclass(frozen=True)
class Header:
    """name: of the model; kin: of the model whose language its likenesses speak, its own unless it says otherwise; metadata: all that it says."""

    name: str
    kin: str
    metadata: dict[str, str]


def of_bytes(data: bytes, path: Path) -> Header:
    """The header of a whole file, held against the file's length: torn files, files of another kind and pickles are refused.

    Whether the numbers in it fit the network is known only to who loads them.  Raises BadModel.
    """
    header, begin = _parsed(lambda start, length: data[start : start + length], path)
    expected = 0
    try:
        for name, part in sorted(((key, value) for key, value in header.items() if key != "__metadata__"), key=lambda item: item[1]["data_offsets"]):
            start, end = part["data_offsets"]
            if start != expected or end - start != SIZES[part["dtype"]] * math.prod(part["shape"]):
                raise BadModel(f"{path}: the model file is torn or made up: {name} does not lie where it says")
            expected = end
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadModel(f"{path}: not a model file: {error!r}") from error
    if begin + expected != len(data):
        raise BadModel(f"{path}: the model file is torn: {len(data):,} bytes instead of {begin + expected:,}")
    return _said(header, path)


def of_file(path: Path) -> Header:
    """The same, reading only the header itself.  Raises BadModel."""
    try:
        with path.open("rb") as handle:

            def read(start: int, length: int) -> bytes:
                handle.seek(start)
                return handle.read(length)

            return _said(_parsed(read, path)[0], path)
    except OSError as error:
        raise BadModel(f"{path}: the model file cannot be read: {error.strerror}") from error


def _parsed(read: Callable[[int, int], bytes], path: Path) -> tuple[dict[str, Any], int]:
    """The header's JSON, and where the numbers begin."""
    length = int.from_bytes(read(0, 8), "little")
    text = read(8, length) if 2 <= length <= MOST else b""
    try:
        header = json.loads(text) if text and len(text) == length else None
    except (ValueError, RecursionError) as error:
        raise BadModel(f"{path}: not a model file ({error})") from error
    if not isinstance(header, dict):
        raise BadModel(f"{path}: not a model file (safetensors), or torn at its beginning")
    return header, 8 + length


def _said(header: dict[str, Any], path: Path) -> Header:
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()) or metadata.get("format") != FORMAT:
        raise BadModel(f"{path}: not an eye network of photodiary")
    try:
        config = json.loads(metadata["config"])
        if not isinstance(config["backbone"], str) or not 1 <= int(config["width"]) <= 4096:
            raise ValueError("its network is not described")
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise BadModel(f"{path}: not an eye network of photodiary: {error!r}") from error
    name = str(metadata.get("name", ""))
    kin = str(metadata.get("kin", name))
    return Header(name, kin, metadata)
