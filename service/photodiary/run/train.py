"""`photodiary train`: the base model from a labelled set, with progress on stderr."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType


def train(options: argparse.Namespace) -> int:
    """Train or go on training.  Ctrl-C or SIGTERM keeps the state and leaves."""
    from photodiary.retrain.dataset import load_faces, load_scenery
    from photodiary.retrain.training import WEIGHTS, Trainer, TrainingConfig

    given = {"samples": options.samples, "backbone": options.backbone, "batch": options.batch, "learning_rate": options.rate}
    config = TrainingConfig(**{key: value for key, value in given.items() if value is not None})
    faces = load_faces(Path(options.faces))
    threads = options.threads or len(os.sched_getaffinity(0))
    scenery = None if options.scenery is None else load_scenery(Path(options.scenery))
    trainer = Trainer(faces, Path(options.out), config, init=None if options.init is None else Path(options.init), threads=threads, scenery=scenery)
    stopping = []

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.append(number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    until = time.monotonic() + 60 * options.minutes if options.minutes else float("inf")
    print(f"{len(trainer.faces):,} faces to train on, {trainer.seen:,} of {config.samples:,} samples seen, on {trainer.device}", file=sys.stderr)
    finished = trainer.run(lambda text: print(text, file=sys.stderr, flush=True), lambda: not stopping and time.monotonic() < until)
    print(f"{'finished' if finished else 'stopped, call again to go on'}: {Path(options.out) / WEIGHTS}")
    return 0
