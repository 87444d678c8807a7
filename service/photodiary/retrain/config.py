"""When the model learns from corrections, and with how much effort."""

from __future__ import annotations

import re
from dataclasses import dataclass

BY = ("daemon", "timer", "hand")


@dataclass(frozen=True)
class RetrainConfig:
    """by: who starts it: the daemon, a timer of the system (`photodiary retrain`), or nobody but you (`photodiary retrain --now`).

    at: time of day at which new labels are learnt from; after_labels: so many new ones are learnt from at once; rehearsal: a folder or file of further
    labelled faces that must not be forgotten; samples: labelled samples of each of the trainings; threads: 0 for all cores.
    """

    by: str = "daemon"
    at: str = "03:30"
    after_labels: int = 20
    rehearsal: str = ""
    samples: int = 2400
    threads: int = 0

    def __post_init__(self) -> None:
        if self.by not in BY:
            raise ValueError(f"by must be one of {', '.join(BY)}")
        if re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", self.at) is None:
            raise ValueError('at must be a time of day like "03:30"')
        if self.after_labels < 1:
            raise ValueError("after_labels must be 1 or more")
        if not 100 <= self.samples <= 100_000:
            raise ValueError("samples must be 100 to 100000")
        if not 0 <= self.threads <= 128:
            raise ValueError("threads must be 0 to 128")
