"""Put trained weights into the package, with doubt and likeness calibrated on people who were held out, and print what the model card says.

    python deploy/ship_model.py .train/base/eyenet.safetensors NAME .train/taught.csv .train/scenery/judge

Predicts the held-out faces as they are, in scenes made hard, and pictures without a face.  Half of the held-out people calibrate the doubt
that the other half is judged with (the tables printed), and the other way round; the shipped weights are fitted on both.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from photodiary.darkroom import disturb
from photodiary.darkroom.inmemory import PixelView
from photodiary.diary.canvas import similarity
from photodiary.diary.eyes import EyePair, Point
from photodiary.eyenet import registry, weights
from photodiary.eyenet.framing import FramingConfig, look_canvas
from photodiary.eyenet.network import CHANNELS_PER_EYE, EYES, STRIDE, EyeNet, Likeness, likeness_input
from photodiary.locate import choosing
from photodiary.locate.config import LocateConfig
from photodiary.locate.locator import EyeLocator
from photodiary.locate.looking import Face as Seen
from photodiary.retrain.calibrate import comparisons, fit_doubt, fit_odds
from photodiary.retrain.charts import Plot, alone, bins, logarithmic
from photodiary.retrain.dataset import Face, load_faces, load_scenery
from photodiary.retrain.evaluate import auroc
from photodiary.retrain.likeness import fit
from photodiary.retrain.studio import Studio

SCENES = 300  # of each half of the people
SCENE_SIZE = 448
EMPTY = 300
DIMENSIONS = 64
ASK = 3.0
SHARP = ("alae", "prajna", "webfaces", "lfw")  # sources whose labels are good and many enough to measure a constant error by


DIAGRAM = registry.SHIPPED.with_name("reliability.svg")
STYLE = (
    ".ideal{stroke:var(--rival);stroke-dasharray:5 4;fill:none}.bins{stroke:var(--ours);stroke-opacity:.4;stroke-width:2;fill:none}"
    ".p50{fill:var(--ours)}.mean{fill:var(--card);stroke:var(--ours);stroke-width:2}.p90{fill:var(--ours);fill-opacity:.5}"
)


@dataclass(frozen=True)
class Example:
    """A picture and all eyes in it; `half`: 0 or 1, which half of the held-out people it is of."""

    kind: str
    half: int
    pixels: np.ndarray
    truths: tuple[EyePair, ...]


def half(face: Face) -> int:
    return hashlib.sha256(face.person.encode()).digest()[5] % 2


def pair(eyes: np.ndarray) -> EyePair:
    return EyePair(Point(*map(float, eyes[0])), Point(*map(float, eyes[1])))


def examples(faces: list[Face], scenery: list[np.ndarray]) -> Iterator[Example]:
    for face in faces:
        yield Example(face.source, half(face), disturb.decode_small(face.data), (pair(face.eyes),))
    for side in (0, 1):
        studio = Studio([face for face in faces if half(face) == side], SCENE_SIZE, 977, close=False, scenery=scenery)
        for index in range(SCENES):
            sample = studio.sample(index)
            seen = [eyes for eyes in sample.faces if np.isfinite(eyes).any()]
            truths = tuple(pair(eyes) for eyes in seen if np.isfinite(eyes).all())
            if truths and len(truths) == len(seen) and all(truth.iod > 0.05 * SCENE_SIZE for truth in truths):
                yield Example("hard scenes", side, np.ascontiguousarray(sample.pixels.transpose(1, 2, 0)), truths)
    dice = np.random.default_rng(5)
    grounds, things = ([picture for picture in scenery if picture.shape[2] == channels] for channels in (3, 4))
    for index in range(EMPTY):
        ground = grounds[int(dice.integers(len(grounds)))]
        if index % 2:
            side = min(ground.shape[:2])
            ground = disturb.patch(ground, (0, 0, side, side), 512, 0, False)
            thing = things[int(dice.integers(len(things)))]
            scale = 512 * float(dice.uniform(0.4, 1.1)) / max(thing.shape[:2])
            matrix = np.array([[scale, 0, 256 - scale * thing.shape[1] / 2], [0, scale, 256 - scale * thing.shape[0] / 2]])
            placed = disturb.place(thing, matrix, 512)
            mask = placed[..., 3] / 255 * disturb.rectangle_mask(thing.shape[:2], matrix, 512, 0)
            ground = disturb.blend(ground, placed[..., :3], mask.astype(np.float32))
        yield Example("no face", index % 2, np.ascontiguousarray(ground), ())


@dataclass(frozen=True)
class Judged:
    """What became of an example: the chosen face, its error in % of IOD (1000: none found, or none there), signed mean error of both eyes."""

    example: Example
    face: Seen | None
    error: float
    signed: tuple[float, float]


def judge(locator: EyeLocator, example: Example) -> Judged:
    view = PixelView(example.pixels)
    faces = locator.faces(view)
    if not faces:
        return Judged(example, None, 1000.0, (0.0, 0.0))
    face = max(faces, key=lambda face: choosing.rank(face, view.size, None))
    if not example.truths:
        return Judged(example, face, 1000.0, (0.0, 0.0))
    truth = min(example.truths, key=lambda truth: truth.distance(face.eyes) / truth.iod)
    signed = [float(np.mean([p[axis] - q[axis] for p, q in zip(face.eyes, truth, strict=True)])) * 100 / truth.iod for axis in (0, 1)]
    return Judged(example, face, 100 * face.eyes.distance(truth) / truth.iod, (signed[0], signed[1]))


def judged_with(net: EyeNet, wanted: Iterable[Example]) -> list[Judged]:
    with tempfile.TemporaryDirectory() as folder:
        weights.save(net, Path(folder) / "candidate.safetensors", name="candidate")
        locator = EyeLocator(Path(folder) / "candidate.safetensors", LocateConfig(device="cpu", threads=1))
    return [judge(locator, example) for example in wanted]


def accuracy(judged: list[Judged]) -> None:
    print("| people held out | photos | not found | median | p90 | over 5 % | median signed error x, y |\n|---|---|---|---|---|---|---|")
    for kind in sorted({one.example.kind for one in judged if one.example.truths}):
        mine = [one for one in judged if one.example.kind == kind]
        errors, signed = np.array([one.error for one in mine]), np.array([one.signed for one in mine if one.face is not None])
        x, y = np.median(signed, axis=0)
        print(
            f"| {kind} | {len(mine)} | {sum(one.face is None for one in mine)} | {np.median(errors):.2f} | {np.percentile(errors, 90):.2f} "
            f"| {(errors > 5).sum()} | {x:+.2f}, {y:+.2f} |"
        )


def doubt(judged: list[Judged]) -> tuple[float, ...]:
    """Weights fitted on everything; prints how honest those of the other half are."""
    found = [one for one in judged if one.face is not None and one.example.truths]
    evidence = np.array([choosing.evidence(one.face) for one in found if one.face is not None])
    errors, side = np.array([one.error for one in found]), np.array([one.example.half for one in found])
    expected = np.zeros(len(found))
    empty = [one for one in judged if not one.example.truths]
    called = 0
    for other in (0, 1):
        fitted = fit_doubt(evidence[side != other], errors[side != other])
        expected[side == other] = [choosing.expected_error(one.face, fitted) for one in found if one.face is not None and one.example.half == other]
        called += sum(one.face is not None and choosing.expected_error(one.face, fitted) <= ASK for one in empty if one.example.half == other)
    print("\n| expected error | photos | mean error | median error | over 5 % | over 20 % |\n|---|---|---|---|---|---|")
    for low, high in ((0, 0.75), (0.75, 1), (1, 1.5), (1.5, 2), (2, 3), (3, 5), (5, 10), (10, 1e9)):
        inside = np.minimum(errors[(expected >= low) & (expected < high)], 100)
        if len(inside):
            print(f"| {low} to {high:g} | {len(inside)} | {inside.mean():.2f} | {np.median(inside):.2f} | {(inside > 5).sum()} | {(inside > 20).sum()} |")
    DIAGRAM.write_text(diagram(expected, errors), encoding="utf-8")
    sure = expected <= ASK
    print(f"\nAUROC for an error over 5 %: {auroc(expected.tolist(), (errors > 5).tolist())}.")
    print(f"Sure (at most {ASK:g} %): {sure.mean():.1%}, of them over 5 %: {(errors[sure] > 5).mean():.2%}, over 20 %: {(errors[sure] > 20).sum()}.")
    print(f"Pictures without a face: {len(empty)}, a face called sure in {called}.")
    return tuple(round(float(v), 4) for v in fit_doubt(evidence, errors))


def diagram(expected: np.ndarray, errors: np.ndarray) -> str:
    """The reliability diagram as a picture of its own: each group of about equally many photos with its median, mean and p90."""
    x, y = logarithmic(0.3, 40, "expected error, %"), logarithmic(0.2, 60, "measured error, %")
    plot = Plot(x, y, 560, 420)
    plot.line([(x.low, x.low), (x.high, x.high)], "ideal")
    for group in (np.array(group) for group in bins(expected.tolist(), most=12, least=20)):
        at, off = float(expected[group].mean()), np.minimum(errors[group], 60)
        median, mean, p90 = float(np.median(off)), float(off.mean()), float(np.percentile(off, 90))
        plot.line([(at, median), (at, p90)], "bins")
        plot.squares([(at, p90)], "p90")
        plot.diamonds([(at, mean)], "mean")
        plot.dots([(at, median)], "p50", 4.5)
    drawn = plot.svg("Expected against measured error: dot median, diamond mean, square p90; on the dashed line both are the same.")
    return alone(drawn, STYLE)


def portraits(net: EyeNet, faces: list[Face]) -> np.ndarray:
    """The likeness's input (n, D) of each face, seen as the first of the looks shows it; grey, since most of the people are."""
    framing, dice, out = FramingConfig(), np.random.default_rng(3), []
    canvas = look_canvas(framing, framing.looks[0])
    for start in range(0, len(faces), 16):
        batch = []
        for face in faces[start : start + 16]:
            iod = float(np.hypot(*(face.eyes[1] - face.eyes[0])))
            eyes = pair(face.eyes + dice.normal(0, 0.01, (2, 2)) * iod)
            picture = PixelView(disturb.decode_small(face.data)).crops([similarity(eyes, canvas)], (framing.crop, framing.crop))[0]
            batch.append(np.repeat(picture.mean(2, keepdims=True), 3, axis=2))
        with torch.inference_mode():
            features = net.features(torch.from_numpy(np.stack(batch)).float().permute(0, 3, 1, 2))
            out.append(likeness_input(features[1]).numpy().astype(np.float32))
    return np.concatenate(out)


def likeness(net: EyeNet, faces: list[Face]) -> EyeNet:
    """The network with a likeness fitted on the people of training; prints how it does on those held out."""
    counts = Counter(face.person for face in faces)
    several = [face for face in faces if counts[face.person] > 1]
    features, people = portraits(net, several), np.array([face.person for face in several])
    kept = np.array([face.held_out for face in several])
    odds, made = fit_odds(features[~kept], people[~kept], DIMENSIONS)
    projection = fit(features[~kept], people[~kept], DIMENSIONS)
    config = dataclasses.replace(net.config, likeness=DIMENSIONS, odds=tuple(round(float(v), 3) for v in odds))
    better = EyeNet(config)
    state = {key: value for key, value in net.state_dict().items() if not key.startswith("likeness.")}
    better.load_state_dict({**state, "likeness.mean": torch.tensor(projection.mean), "likeness.projection": torch.tensor(projection.matrix)})
    assert isinstance(better.likeness, Likeness)
    log_odds = np.array([odds @ (1, like, own) for like, own, _ in made])
    same = np.array([yes for _, _, yes in made])
    print(f"\nLikeness to a gallery, people that the projection never saw: {same.sum()} own photos, {(~same).sum()} of strangers, AUROC", end=" ")
    print(f"{auroc(log_odds.tolist(), same.tolist())}; log odds {np.round(odds, 2).tolist()}")
    for least in (-4, -3, -2, -1, 0):
        print(f"  below {least}: {(log_odds[same] < least).mean():.1%} of own photos, {(log_odds[~same] < least).mean():.1%} of strangers'")
    cosines = projection(features[kept])
    alike = cosines @ cosines.T
    one = people[kept][:, None] == people[kept][None]
    upper = np.triu_indices(len(cosines), 1)
    print(f"Pairs of held-out photos: AUROC {auroc(alike[upper].tolist(), one[upper].tolist())} ({one[upper].sum()} of one person)")
    held = list(comparisons(cosines, people[kept], 0))
    if held:
        own_odds = [float(odds @ (1, like, own)) for like, own, _ in held]
        print(f"Held-out people against their galleries: AUROC {auroc(own_odds, [yes for _, _, yes in held])} ({len(held)} comparisons)")
    return better


def levelled(net: EyeNet, judged: list[Judged]) -> float:
    """Take the mean height error of the held-out faces out of the head's bias.  Returns what was taken out, in % of IOD.

    Mirrored looks already cancel every error in x that has a side.
    """
    errors = [np.median([one.signed[1] for one in judged if one.example.kind == kind and one.face is not None]) for kind in SHARP]
    off = float(np.mean(errors))
    iod = float(np.median([look.iod for look in FramingConfig().looks]))
    with torch.no_grad():
        assert net.head.bias is not None
        net.head.bias.view(EYES, CHANNELS_PER_EYE)[:, 2] -= off / 100 * iod / STRIDE
    return off


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("source", "name", "faces", "scenery"):
        parser.add_argument(name)
    options = parser.parse_args()
    torch.set_num_threads(1)
    faces, scenery = load_faces(Path(options.faces)), load_scenery(Path(options.scenery))
    net, trained_as, _ = weights.load(Path(options.source))
    net = likeness(net, faces)
    held_out = [face for face in faces if face.held_out]
    plain = judged_with(net, [Example(face.source, half(face), disturb.decode_small(face.data), (pair(face.eyes),)) for face in held_out])
    print(f"\nTaken out of the height: {levelled(net, plain):+.2f} % of IOD\n")
    judged = judged_with(net, examples(held_out, scenery))
    accuracy(judged)
    net.config = dataclasses.replace(net.config, doubt=doubt(judged))
    digest = weights.save(net, registry.SHIPPED, name=options.name, notes={"trained_as": trained_as})
    registry.CARD.write_text(json.dumps({"name": options.name, "sha256": digest}, indent=2) + "\n", encoding="utf-8")
    print(f"\n{registry.SHIPPED}: {options.name}, {net.config}, {digest}")


if __name__ == "__main__":
    main()
