"""Exports of Google Photos as Takeout writes them, as folders, .zip and .tgz, and such archives as nobody should have to open."""

from __future__ import annotations

import io
import json
import tarfile
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = "Takeout/Google Photos"
Files = dict[str, bytes]  # by path below ROOT
WRITTEN = time.mktime((2024, 1, 1, 12, 0, 0, 0, 0, 0))


def sidecar(taken_s: int, **more: Any) -> bytes:
    said = {
        "title": "x", "description": "", "imageViews": "0", "creationTime": {"timestamp": "1600000000", "formatted": "13.09.2020, 12:26:40 UTC"},
        "photoTakenTime": {"timestamp": str(taken_s), "formatted": "whatever"},
        "geoData": {"latitude": 0.0, "longitude": 0.0, "altitude": 0.0, "latitudeSpan": 0.0, "longitudeSpan": 0.0},
        "url": "https://photos.google.com/photo/x", "googlePhotosOrigin": {"mobileUpload": {"deviceType": "ANDROID_PHONE"}}, **more,
    }  # fmt: skip
    return json.dumps(said, indent=2).encode()


def folder(where: Path, files: Files) -> Path:
    for name, data in files.items():
        path = where / ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return where


def zipped(where: Path, files: Files, *, root: str = ROOT) -> Path:
    with zipfile.ZipFile(where, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(f"{root}/{name}", (2024, 1, 1, 12, 0, 0)), data, zipfile.ZIP_DEFLATED)
    return where


def tarred(where: Path, files: Files, members: Iterable[tarfile.TarInfo] = (), *, mode: str = "w:gz", form: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(where, mode, format=form) as archive:  # type: ignore[call-overload]
        for member in members:
            archive.addfile(member)
        for name, data in files.items():
            info = tarfile.TarInfo(f"{ROOT}/{name}")
            info.size, info.mtime = len(data), int(WRITTEN)
            archive.addfile(info, io.BytesIO(data))
    return where
