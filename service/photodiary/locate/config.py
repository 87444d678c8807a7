"""What steers the locator."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LocateConfig:
    """device: auto, cpu or cuda; threads: CPU threads of the network, 0 leaves one core free; model: own weights instead of the shipped ones."""

    device: str = "auto"
    threads: int = 0
    model: str = ""

    def __post_init__(self) -> None:
        if self.device not in ("auto", "cpu", "cuda"):
            raise ValueError("device must be auto, cpu or cuda")
        if not 0 <= self.threads <= 128:
            raise ValueError("threads must be 0 (automatic) to 128")
