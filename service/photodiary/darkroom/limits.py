"""What a darkroom worker may use, and which files are photos at first sight."""

from __future__ import annotations

from dataclasses import dataclass

from photodiary.errors import require


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


MAGIC = ((b"\xff\xd8\xff", "jpeg"), (b"\x89PNG\r\n\x1a\n", "png"))


def sniff(head: bytes) -> str | None:
    """The format by its first bytes, never by the file's name; None when it is not one we read."""
    return next((name for magic, name in MAGIC if head.startswith(magic)), None)
