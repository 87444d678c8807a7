"""Reading .zip, .tgz and .tar archives entry by entry, however hostile they are.

Nothing is unpacked: no path from inside is ever used as a path on the disk, links and devices are passed over, archives within archives are files like
others, and what an entry may expand to is bounded before it is read.
"""

from __future__ import annotations

import errno
import gzip
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from photodiary.errors import Transient

MOST_ENTRIES = 1_000_000  # in one archive
DENSEST = 100  # times its packed size is what an entry may have; photos are packed already, and their JSON at most ten times smaller
SPARE = 16 << 20  # bytes, for what is small
LONGEST_HEADER = 1 << 20  # bytes of a tar's further headers: a name
PIECE = 1 << 20
ARCHIVES = (".zip", ".tgz", ".tar.gz", ".tar")


class BrokenArchive(Transient):
    """An archive ends in the middle, or is none.  The text says which, and what to do."""


@dataclass(frozen=True)
class Entry:
    """A regular file of an archive, to be read before the next is asked for.  name: as it stands in there; stamp: changes with its content."""

    name: str
    size: int
    stamp: str
    _open: Any
    suspicious: bool = False  # it says that it unpacks to far more than a photo would

    def read(self, most: int) -> bytes:
        """Its bytes.  Raises BrokenArchive, also where it has more than `most`."""
        if self.size > most:
            raise BrokenArchive(f"{self.size / 1e6:,.0f} MB are more than {most / 1e6:g} MB")
        return b"".join(self.pieces())

    def pieces(self) -> Iterator[bytes]:
        left = self.size
        with _translated(), closing(self._open()) as file:
            while left > 0:
                piece = file.read(min(PIECE, left))
                if not piece:
                    raise BrokenArchive("it is cut short")
                left -= len(piece)
                yield piece


def is_archive(path: Path) -> bool:
    """By its name."""
    return path.name.lower().endswith(ARCHIVES)


def entries(path: Path) -> Iterator[Entry]:
    """Every regular file in an archive, in its order.  Raises BrokenArchive."""
    try:
        with _translated():
            yield from _zip(path) if path.name.lower().endswith(".zip") else _tar(path)
    except BrokenArchive as error:
        raise BrokenArchive(f"{path}: {error}; have it downloaded again") from error


class _translated:
    """What the readers of archives raise over broken ones, in one word."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        broken = isinstance(error, (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError, UnicodeDecodeError))
        if broken or (isinstance(error, OSError) and error.errno in (None, errno.EINVAL)):  # bz2's word for it, and of who looks before the beginning
            raise BrokenArchive("the archive is cut short, damaged, or none") from error
        if isinstance(error, (NotImplementedError, RuntimeError)) and not isinstance(error, RecursionError):  # of zipfile: how it is packed, or a password
            raise BrokenArchive(f"it is packed in a way that is not read ({error})") from error


def _zip(path: Path) -> Iterator[Entry]:
    if _entries_said(path) > MOST_ENTRIES:
        raise BrokenArchive(f"it says that it has more than {MOST_ENTRIES:,} entries")
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if not info.is_dir() and (not kind or stat.S_ISREG(kind)):
                suspicious = info.file_size > DENSEST * info.compress_size + SPARE
                yield Entry(info.filename, info.file_size, f"{info.file_size}:{info.CRC:08x}", lambda info=info: archive.open(info), suspicious)


def _entries_said(path: Path) -> int:
    """How many entries a zip says it has, before all their names are loaded: from the records at its end (APPNOTE 4.3.14 to 4.3.16)."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - (1 << 16) - 22 - 20))
        end = file.read()
        at = end.rfind(b"PK\5\6")
        if at < 0 or len(end) < at + 22:
            raise BrokenArchive("the archive is cut short, damaged, or none")
        said = int.from_bytes(end[at + 10 : at + 12], "little")
        directory = int.from_bytes(end[at + 12 : at + 16], "little")
        if at >= 20 and end[at - 20 : at - 16] == b"PK\6\7":
            file.seek(min(size, int.from_bytes(end[at - 12 : at - 4], "little")))
            record = file.read(56)
            said = max(said, int.from_bytes(record[32:40], "little"))
            directory = max(0 if directory == 0xFFFFFFFF else directory, int.from_bytes(record[40:48], "little"))
    return max(said, directory // 46 if directory <= size else said)  # an entry has 46 bytes at least, whatever their number is said to be


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Unpacked:
    """The bytes of a tar, unpacked one after the other and no more than its packed size allows."""

    def __init__(self, file: _Readable, most: int) -> None:
        self._file = file
        self._left = most

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise BrokenArchive("it unpacks to far more than photos do")
        return data

    def exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.read(size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def pass_over(self, size: int) -> None:
        while size > 0:
            piece = self.read(min(PIECE, size))
            if not piece:
                raise EOFError
            size -= len(piece)


@dataclass
class _Part:
    """What is left of the file that a tar stands at."""

    unpacked: _Unpacked
    left: int

    def read(self, size: int) -> bytes:
        data = self.unpacked.read(min(size, self.left))
        self.left -= len(data)
        return data

    def close(self) -> None:
        pass


def _tar(path: Path) -> Iterator[Entry]:
    """Header by header (POSIX pax, and GNU's long names): a header's size is believed only as far as it is short."""
    packed = path.stat().st_size
    with path.open("rb") as raw:
        plain = raw.read(2) != b"\x1f\x8b"
        raw.seek(0)
        file: _Readable = raw if plain else gzip.GzipFile(fileobj=raw)
        unpacked = _Unpacked(file, packed if plain else DENSEST * packed + SPARE)
        said: dict[str, str] = {}
        for _ in range(MOST_ENTRIES):
            head = unpacked.exactly(tarfile.BLOCKSIZE)
            if not head.strip(b"\0"):
                return
            info = tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
            size = info.size
            if size < 0:
                raise BrokenArchive("it has a file of less than no bytes")
            if info.type in (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK):
                if size > LONGEST_HEADER:
                    raise BrokenArchive("it has a name that is too long")
                further = unpacked.exactly(size)
                if info.type == tarfile.XHDTYPE:
                    said.update(_pax(further))
                elif info.type == tarfile.GNUTYPE_LONGNAME:
                    said["path"] = further.rstrip(b"\0").decode("utf-8", "surrogateescape")
                unpacked.pass_over(-size % tarfile.BLOCKSIZE)
                continue
            if info.type in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE):
                told = said.get("size", "")
                size = int(told) if told.isascii() and told.isdigit() and len(told) < 16 else size
                part = _Part(unpacked, size)
                yield Entry(said.get("path", info.name), size, f"{size}:{int(info.mtime)}", lambda part=part: part)
                unpacked.pass_over(part.left + -size % tarfile.BLOCKSIZE)
            elif info.type not in tarfile.SUPPORTED_TYPES or info.type == tarfile.GNUTYPE_SPARSE:
                unpacked.pass_over(size + -size % tarfile.BLOCKSIZE)
            said = {}
        raise BrokenArchive(f"it has more than {MOST_ENTRIES:,} entries")


def _pax(data: bytes) -> Iterator[tuple[str, str]]:
    """Records "<length> <key>=<value>\\n", of which path and size matter here."""
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + 20)
        digits = data[at:space]
        if space < 0 or not digits.isdigit() or not 0 < int(digits) <= len(data) - at:
            return
        key, _, value = data[space + 1 : at + int(digits) - 1].partition(b"=")
        if key in (b"path", b"size"):
            yield key.decode(), value.decode("utf-8", "surrogateescape")
        at += int(digits)
