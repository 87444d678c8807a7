"""Training of the base model: from scratch or from local weights, resumable, on the CPU or a GPU."""

from __future__ import annotations

import math
import os
import pickle
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader

from photodiary.darkroom import disturb
from photodiary.errors import BadModel
from photodiary.eyenet import weights
from photodiary.eyenet.network import EyeNet, EyeNetConfig, loss
from photodiary.retrain.dataset import Face
from photodiary.retrain.studio import Batches, Studio
from photodiary.retrain.threads import ConsiderateThreads

STATE = "training.pt"
WEIGHTS = "eyenet.safetensors"


@dataclass(frozen=True)
class TrainingConfig:
    """How the base model is trained.

    size, scene_size: pixels of close crops and of whole scenes; scene_every: every so many batches one is of scenes.
    settle: share of the samples at the end over which the learning rate falls.
    freeze_norm_from: share of the samples after which batch norm keeps its statistics (crops and scenes come in batches of their own, and
    serving sees one photo at a time); weights given to start from are settled, so with them it is 0.
    """

    backbone: str = "regnety_006"
    samples: int = 220_000
    batch: int = 48
    size: int = 128
    scene_size: int = 192
    scene_every: int = 4
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warmup: int = 24_000
    settle: float = 0.5
    freeze_norm_from: float = 0.4
    ema: float = 0.999
    seed: int = 1
    loaders: int = 1
    save_every_s: float = 300.0


def learning_rate(config: TrainingConfig, seen: int) -> float:
    """Linear warm-up, a level stretch, then half a cosine down to 1 % of the peak; a function of samples seen alone.

    The level stretch does not depend on `samples`, so a training can be made longer or shorter until it settles.
    """
    if seen < config.warmup:
        return config.learning_rate * (seen + config.batch) / (config.warmup + config.batch)
    start = config.samples * (1 - config.settle)
    share = min(1.0, max(0.0, (seen - start) / max(1.0, config.samples - start)))
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))


class Trainer:
    """One training run with its state under `folder`; call `run` until it returns True."""

    def __init__(self, faces: list[Face], folder: Path, config: TrainingConfig, *, init: Path | None = None, threads: int = 1,
                 scenery: list[NDArray[np.uint8]] | None = None) -> None:  # fmt: skip
        self.config = config
        self.folder = folder
        self.faces = [face for face in faces if not face.held_out]
        self.scenery = scenery or []
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.threads = ConsiderateThreads(threads) if self.device.type == "cpu" else None
        torch.manual_seed(config.seed)
        try:
            self.net = EyeNet(EyeNetConfig(backbone=config.backbone))
        except ValueError as error:
            raise BadModel(str(error)) from error
        if init is not None and weights.start(self.net, init):
            self.config = replace(config, freeze_norm_from=0.0)
        self.net.to(self.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        decay = [p for p in self.net.parameters() if p.ndim > 1]
        plain = [p for p in self.net.parameters() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}], lr=0.0)
        self.average = {key: value.detach().clone() for key, value in self.net.state_dict().items()}
        self.seen = 0
        folder.mkdir(parents=True, exist_ok=True)
        self._resume()

    def _resume(self) -> None:
        path = self.folder / STATE
        if not path.exists():
            return
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, ValueError, EOFError, OSError) as error:
            raise BadModel(f"{path}: the state of the training is damaged ({error!r}); remove it to start anew") from error
        if state["backbone"] != self.config.backbone:
            raise BadModel(f"{path}: a training of {state['backbone']}; choose another --out for {self.config.backbone}")
        try:
            self.net.load_state_dict(state["net"])
        except RuntimeError as error:  # the same backbone, but weights with other parts were given to start from
            raise BadModel(f"{path}: a training that began from other weights; give the same --init, or choose another --out") from error
        self.optimizer.load_state_dict(state["optimizer"])
        self.average = state["average"]
        self.seen = state["seen"]

    def save(self) -> str:
        """Full state for resuming and the averaged weights as fp16 safetensors.  Returns the weights' SHA-256."""
        beside = self.folder / f".{STATE}.tmp"
        torch.save(
            {
                "net": self.net.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "average": self.average,
                "seen": self.seen,
                "backbone": self.config.backbone,
            },
            beside,
        )
        beside.replace(self.folder / STATE)
        averaged = EyeNet(self.net.config)
        averaged.load_state_dict({key: value.cpu() for key, value in self.average.items()})
        return weights.save(averaged, self.folder / WEIGHTS, name=f"{self.config.backbone}-{self.seen // 1000}k", notes={"training": repr(asdict(self.config))})

    def run(self, report: Callable[[str], None], keep_going: Callable[[], bool] = lambda: True) -> bool:
        """Train until all samples were seen (True) or `keep_going` says stop (False); state is saved either way."""
        config = self.config
        if self.seen >= config.samples:
            return True
        studios = [Studio(self.faces, config.size, config.seed, close=True, scenery=self.scenery)] * (config.scene_every - 1)
        studios.append(Studio(self.faces, config.scene_size, config.seed, close=False, scenery=self.scenery))
        left = math.ceil((config.samples - self.seen) / config.batch)
        loader = DataLoader(
            Batches(studios, config.batch, self.seen // config.batch, left), batch_size=None, num_workers=config.loaders,
            prefetch_factor=4 if config.loaders else None, worker_init_fn=_be_nice,
        )  # fmt: skip
        saved = reported = before = time.monotonic()
        sums: dict[str, float] = {}
        count = 0
        for pixels, faces, trust in loader:
            parts = self._step(pixels, faces, trust)
            count += 1
            for key, value in parts.items():
                sums[key] = sums.get(key, 0.0) + value
            now = time.monotonic()
            if self.threads is not None:
                self.threads.adjust(now - before, others=0.6)
            before = now
            if now - reported > 60:
                rate = count * config.batch / (now - reported)
                means = " ".join(f"{key} {value / count:.4f}" for key, value in sums.items())
                report(f"{self.seen:,} of {config.samples:,} samples, {rate:.0f} a second, rate {learning_rate(config, self.seen):.2e}, {means}")
                sums, count, reported = {}, 0, now
            if now - saved > config.save_every_s:
                self.save()
                saved = now
            if not keep_going():
                self.save()
                return False
        self.save()
        return True

    def _step(self, pixels: Tensor, faces: Tensor, trust: Tensor) -> dict[str, float]:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, self.seen)
        if self.seen >= self.config.freeze_norm_from * self.config.samples:
            _freeze_norm(self.net)
        pixels = pixels.to(self.device, non_blocking=True).float()
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            maps = self.net(pixels)
        total, parts = loss(maps, faces.to(self.device), trust.to(self.device))
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.net.parameters(), 2.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.seen += len(pixels)
        steps = self.seen / self.config.batch
        keep = min(self.config.ema, (1 + steps) / (10 + steps))  # early weights are forgotten soon
        with torch.no_grad():
            for key, value in self.net.state_dict().items():
                if value.is_floating_point():
                    self.average[key].lerp_(value, 1 - keep)
                else:
                    self.average[key].copy_(value)
        return parts


def _freeze_norm(net: nn.Module) -> None:
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def _be_nice(_: int) -> None:
    """A loader leaves the signals to the trainer, which still wants its samples until it has saved."""
    os.nice(5)
    disturb.single_thread()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
