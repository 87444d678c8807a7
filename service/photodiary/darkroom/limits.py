"""What a darkroom worker may use, and which files are photos at first sight."""

from __future__ import annotations

from dataclasses import dataclass

from photodiary.errors import require

KEEP_BYTES = 130_000_000  # decoded photos that a worker remembers


@dataclass(frozen=True)
class DarkroomConfig:
    """workers: 0 chooses one a core, at most 4; memory_mb: address space of a worker; seconds: wall clock for one request."""

    workers: int = 0
    memory_mb: int = 2048
    seconds: float = 30.0
    max_megapixels: float = 100.0
    max_megabytes: float = 200.0

    def __post_init__(self) -> None:
        require(
            (0 <= self.workers <= 64, "workers must be 0 (automatic) to 64"),
            (self.memory_mb >= 512, "memory_mb must be at least 512"),
            (0 < self.seconds <= 3600, "seconds must be over 0 and at most 3600"),
            (0 < self.max_megapixels <= 1000, "max_megapixels must be over 0 and at most 1000"),
            (0 < self.max_megabytes <= 2000, "max_megabytes must be over 0 and at most 2000"),
        )


NOT_A_PHOTO = "its content is neither JPEG, PNG, WebP, AVIF nor HEIC"
MAGIC = ((b"\xff\xd8\xff", "jpeg"), (b"\x89PNG\r\n\x1a\n", "png"))
HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})  # brands of HEVC stills and sequences
AVIF = frozenset({b"avif", b"avis"})
EITHER = frozenset({b"mif1", b"mif2", b"msf1"})  # what is in it stands among the compatible brands
SNIFFED = 64  # bytes that `sniff` looks at


def sniff(head: bytes) -> str | None:
    """The format by its first bytes, never by the file's name: jpeg, png, webp, avif or heic; None when it is not one we read.

    What is too short to tell, but begins like one of them, counts as one: more may come.
    """
    if head.startswith(b"RIFF"):
        return "webp" if b"WEBP".startswith(head[8:12]) else None
    if head[4:8] == b"ftyp":
        end = min(int.from_bytes(head[:4], "big"), SNIFFED)
        brands = [head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))]
        if brands[0] in AVIF or (brands[0] in EITHER and AVIF.intersection(brands)):
            return "avif"
        return "heic" if brands[0] in HEIC or brands[0] in EITHER or len(head) < 12 else None
    return next((name for magic, name in MAGIC if head.startswith(magic)), None)
