"""How far a few labels of one's own carry: the error on photos kept aside as the labels become more, measured on a labelled diary.

    python deploy/few_labels.py measure ../shared/data/diary .train/few_labels.csv
    python deploy/few_labels.py draw .train/few_labels.csv

`measure` draws photos at random, by whole days, several times: ASIDE of them judge, and the model is personalised with the first 5, 10, 20 and 40 of the
others, as `retrain` does it.  It writes a line for each photo kept aside.  `draw` makes the model card's picture of them and prints its table.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from photodiary.darkroom.darkroom import Darkroom
from photodiary.darkroom.limits import DarkroomConfig
from photodiary.diary.calendar import when_taken
from photodiary.diary.eyes import EyePair
from photodiary.eyenet import registry, weights
from photodiary.locate.config import LocateConfig
from photodiary.retrain import labels
from photodiary.retrain.charts import Axis, Plot, alone, linear
from photodiary.retrain.refining import RefiningConfig
from photodiary.retrain.retraining import Learnt, Retraining, Seen
from photodiary.run.collecting import Eyes
from photodiary.run.predict import developed

LABELS = (0, 5, 10, 20, 40)  # 0: the model as it is shipped
ASIDE = 10  # photos of each draw that judge
DRAWS = 8
DIAGRAM = registry.SHIPPED.with_name("few_labels.svg")
STYLE = (
    ".p50,.p90{stroke:var(--ours);stroke-width:2.5;fill:none;stroke-linejoin:round}.p90{stroke-dasharray:6 4}.p50-dot,.p90-dot{fill:var(--ours)}"
    ".draw{fill:var(--ours);fill-opacity:.28}.shipped{stroke:var(--rival);stroke-dasharray:2 4;stroke-width:1.5;fill:none}.name{font-weight:600}"
)


@dataclass(frozen=True)
class Measured:
    """The error in % of IOD of one photo kept aside, after so many labels of the draw's other photos."""

    draw: int
    labels: int
    file: str
    error: float


def drawn(days: Sequence[str], draw: int) -> tuple[list[int], list[int]]:
    """Numbers of the photos that judge, and of those that teach in their order; `days` of all photos.  No day is on both sides."""
    dice = np.random.default_rng((draw, 5))
    order = dice.permutation(len(days))
    aside: list[int] = []
    for number in order:
        if len(aside) >= ASIDE:
            break
        if number not in aside:
            aside += [int(n) for n in order if days[n] == days[number]]
    return aside, [int(n) for n in order if n not in aside]


def read(path: Path) -> list[Measured]:
    with path.open(newline="", encoding="utf-8") as handle:
        return [Measured(int(row["draw"]), int(row["labels"]), row["file"], float(row["error"])) for row in csv.DictReader(handle)]


def write(path: Path, measured: Sequence[Measured]) -> None:
    with path.open("w", newline="", encoding="utf-8") as handle:
        out = csv.writer(handle)
        out.writerow(("draw", "labels", "file", "error"))
        out.writerows((one.draw, one.labels, one.file, f"{one.error:.4f}") for one in measured)


# -- measuring -------------------------------------------------------------------------------------------------------------------------


def measure(diary: Path, out: Path, count: int, config: RefiningConfig) -> None:
    """Personalise and judge; what is measured so far is in `out` after each draw.  The diary's other photos are there as in life, without labels."""
    darkroom = Darkroom(DarkroomConfig(workers=1))
    measured: list[Measured] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            photos = [seen(line, darkroom) for line in labels.read(diary)]
            base = registry.SHIPPED
            run = Retraining(base, base, {}, Path(folder), observed, config, lambda phase, words, done, of: None)
            lessons, _ = run._look(photos, Learnt())
            for draw in range(count):
                aside, teaching = drawn([one.day or one.sha256 for one in photos], draw)
                for number in LABELS:
                    taught = {photos[n].sha256 for n in teaching[:number]}
                    shown = [lessons[photos[n].sha256] for n in teaching if photos[n].sha256 in lessons]
                    mine = [one if one.name in taught else dataclasses.replace(one, label=None, placed=False) for one in shown]
                    file = base
                    if number:
                        file = Path(folder) / "few.safetensors"
                        weights.save(run._train(mine, "training", "", None), file, name="few")
                    eyes = observed(file)
                    measured += [Measured(draw, number, photos[n].sha256[:12], error(eyes.look(photos[n].view, None).eyes, photos[n])) for n in aside]
                    print(f"draw {draw + 1} of {count}, {number} labels: median {np.median(errors(measured[-len(aside) :])):.2f} %", flush=True)
                write(out, measured)
        finally:
            darkroom.close()


def seen(line: labels.Line, darkroom: Darkroom) -> Seen:
    view = developed(line.file, darkroom)
    dates = darkroom.inspect(view.digest, view.load()).dates
    taken = when_taken(dates, line.file.name, now=datetime.now(UTC), zone=UTC)
    return Seen("diary", view.digest, None if taken is None else taken.wall.date().isoformat(), view, line.eyes, placed=True)


def observed(model: Path) -> Eyes:
    return Eyes(model, LocateConfig(device="cpu"))


def error(eyes: EyePair | None, photo: Seen) -> float:
    """In % of IOD, 100 at most, which counts for a face that was not found too."""
    assert photo.label is not None
    return 100.0 if eyes is None else min(100.0, 100 * eyes.distance(photo.label) / photo.label.iod)


# -- the picture and the table ---------------------------------------------------------------------------------------------------------


def by_labels(measured: Sequence[Measured]) -> dict[int, list[Measured]]:
    return {count: [one for one in measured if one.labels == count] for count in sorted({one.labels for one in measured})}


def errors(some: Sequence[Measured]) -> np.ndarray:
    return np.array([one.error for one in some])


def draws(some: Sequence[Measured]) -> Iterator[list[Measured]]:
    for draw in sorted({one.draw for one in some}):
        yield [one for one in some if one.draw == draw]


def diagram(measured: Sequence[Measured]) -> str:
    """Median and p90 over all photos kept aside of all draws, a faint dot for the median of each draw; the shipped model as dotted lines."""
    groups = by_labels(measured)
    shipped, few = errors(groups[0]), {count: some for count, some in groups.items() if count}
    counts = tuple(few)
    levels = {css: [(float(count), float(np.percentile(errors(some), share))) for count, some in few.items()] for css, share in (("p50", 50), ("p90", 90))}
    base = {"p50": float(np.percentile(shipped, 50)), "p90": float(np.percentile(shipped, 90))}
    each = [(float(count), float(np.median(errors(one)))) for count, some in few.items() for one in draws(some)]
    top = max([*base.values(), *(y for line in levels.values() for _, y in line), *(y for _, y in each)])
    x = Axis(counts[0] * 0.85, counts[-1] * 1.7, tuple(map(float, counts)), "labels of one’s own", log=True)
    plot = Plot(x, linear(0, 1.08 * top, "", unit="%"), 640, 400)
    for value in base.values():
        plot.line([(x.low, value), (counts[-1], value)], "shipped")
    plot.dots(each, "draw")
    for css, points in levels.items():
        plot.line(points, css)
        plot.dots(points, f"{css}-dot", 4.5)
    for css, words in (("p50", "half within"), ("p90", "90 % within")):
        plot.words(counts[-1] * 1.06, levels[css][-1][1], words, "name")
        plot.words(counts[-1] * 1.06, max(base[css], levels[css][-1][1] + 0.05 * plot.y.high), "as shipped", "")
    said = "; ".join(
        f"{count:g} labels: median {level:.2f} %, p90 {other:.2f} %" for (count, level), (_, other) in zip(levels["p50"], levels["p90"], strict=True)
    )
    return alone(
        plot.svg(f"Error on photos kept aside, % of the distance between the eyes. As shipped: {base['p50']:.2f} %, {base['p90']:.2f} %. {said}."), STYLE
    )


def table(measured: Sequence[Measured]) -> str:
    lines = ["| labels | median | p90 | worst | medians of the draws |", "|---|---|---|---|---|"]
    for count, some in by_labels(measured).items():
        medians = [float(np.median(errors(one))) for one in draws(some)]
        off = errors(some)
        middle, nine, worst = (f"{value:.2f} %" for value in (np.median(off), np.percentile(off, 90), off.max()))
        lines.append(f"| {count or 'none: as shipped'} | {middle} | {nine} | {worst} | {min(medians):.2f} to {max(medians):.2f} % |")
    first = by_labels(measured)[0]
    return "\n".join([*lines, "", f"{len({one.draw for one in first})} draws, {len(first)} judgements of photos kept aside in each row."])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    measuring = verbs.add_parser("measure")
    measuring.add_argument("diary", type=Path, help="a label CSV, or a folder with labels.csv")
    measuring.add_argument("out", type=Path)
    measuring.add_argument("--draws", type=int, default=DRAWS)
    measuring.add_argument("--samples", type=int, default=RefiningConfig().samples, help="of each training, as `retrain.samples`")
    drawing = verbs.add_parser("draw")
    drawing.add_argument("csv", type=Path)
    options = parser.parse_args()
    if options.verb == "measure":
        measure(options.diary, options.out, options.draws, RefiningConfig(samples=options.samples))
    else:
        measured = read(options.csv)
        DIAGRAM.write_text(diagram(measured), encoding="utf-8")
        print(table(measured))


if __name__ == "__main__":
    main()
