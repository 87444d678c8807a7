"""What steers the locator."""

from __future__ import annotations

from dataclasses import dataclass

from photodiary.errors import require


@dataclass(frozen=True)
class LocateConfig:
    """device: auto, cpu or cuda; threads: CPU threads of the network, 0 leaves one core free; model: own weights instead of the model in force;
    precision: auto, float32 or half (bfloat16 on the CPU)."""

    device: str = "auto"
    threads: int = 0
    model: str = ""
    precision: str = "auto"

    def __post_init__(self) -> None:
        require(
            (self.device in ("auto", "cpu", "cuda"), "device must be auto, cpu or cuda"),
            (self.precision in ("auto", "float32", "half"), "precision must be auto, float32 or half"),
            (0 <= self.threads <= 128, "threads must be 0 (automatic) to 128"),
        )
