"""Looks with the network: photos in, faces with their eyes out.  Knows nothing of diaries or of whose face it is."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from photodiary.diary.canvas import Canvas, Matrix, similarity
from photodiary.diary.eyes import EyePair, Point
from photodiary.errors import PhotodiaryError
from photodiary.eyenet.framing import FramingConfig, Look, from_thumbnail, look_canvas, mirrored, turned_back
from photodiary.eyenet.peaks import Candidate
from photodiary.locate.views import View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

LEAST_WHOLE = 0.10  # peaks of the first look below this are not looked at again
LEAST_APPROACH = 0.25  # a crop whose best pair stays below this holds no face
LEAST_FACE = 0.30  # mean score of all looks below which there is no face
LEAST_TURNED = 0.60  # ... in a photo that lies on its side: three more chances to be wrong
CLEAR = 0.78  # a face with this score is one; below, the photo is tried in all four turns
CLEARER = 0.1  # by how much a face must score better in a turned photo than what was seen in it as it is
MOST_FACES = 4  # of one photo that are approached
FAR_BEHIND = 2.3  # of log(IOD x score): a face that is so much smaller or fainter than another one is not looked at closely
SPECK = 3.2  # ... a place that is so much smaller or fainter is approached only where no other place shows a clear face
STRAYED = 0.12  # of the IOD: eyes that the approach found this far from where it expected them are approached once more
HALVES = 2
DISAGREE = 1.2  # % of IOD between the looks from which on more looks are worth their time

Answer = tuple[list[list[Candidate]], "NDArray[np.float32] | None"]
Ask = Callable[[Sequence["Pixels"], float], Answer]
T = TypeVar("T")
Steps = Generator[tuple[list["Pixels"], float], Answer, T]  # yields pictures of one size and a least score, is sent the answer, returns T


@dataclass(frozen=True)
class Face:
    """A face after all looks.  eyes: pixels of the photo; score, weaker: mean of the looks (a look that saw nothing counts 0), of both eyes
    and of the one seen worse; own: the network's own expected error, spread: how far the looks lie apart, strayed: how far the looks' answer
    lies from the approach's, all in % of IOD; embedding: what the face looks like, None when not asked for."""

    eyes: EyePair
    score: float
    weaker: float
    own: float
    spread: float
    strayed: float
    turned: bool = False
    embedding: NDArray[np.float32] | None = None


class Looking:
    """The order of looks at one photo.  `ask` answers for pictures of one size, with what is found above a least score."""

    def __init__(self, ask: Ask, framing: FramingConfig) -> None:
        self._ask = ask
        self.framing = framing
        self._approach = look_canvas(framing, framing.approach)

    def faces(self, view: View) -> list[Face]:
        """All faces of the photo that stand a close look; in no order.  Raises what the view raises."""
        (found,) = self.faces_of([view])
        if isinstance(found, PhotodiaryError):
            raise found
        return found

    def faces_of(self, views: Sequence[View]) -> list[list[Face] | PhotodiaryError]:
        """The same for several photos, whose looks go through the network together; a photo whose view raises gets its error.

        They go in two halves: while the network answers about one, pictures are fetched for the other.
        """
        done: dict[int, list[Face] | PhotodiaryError] = {}
        working = [self._steps(view) for view in views]

        def fetch(number: int, answer: Answer | None) -> tuple[list[Pixels], float] | None:
            """What a photo asks the network next; None when its looks are over."""
            try:
                return next(working[number]) if answer is None else working[number].send(answer)
            except StopIteration as stop:
                done[number] = stop.value
            except PhotodiaryError as error:
                done[number] = error
            return None

        with ThreadPoolExecutor(max(1, len(views)), "looking") as fetching:
            halves = [{n: fetching.submit(fetch, n, None) for n in range(half, len(views), HALVES)} for half in range(min(HALVES, len(views)))]
            while halves:
                half = next((half for half in halves if all(one.done() for one in half.values())), None)
                if half is None:
                    wait([one for half in halves for one in half.values() if not one.done()], return_when=FIRST_COMPLETED)
                    continue
                halves.remove(half)
                answers = self._together({n: found for n, one in half.items() if (found := one.result()) is not None})
                if answers:
                    halves.append({n: fetching.submit(fetch, n, answer) for n, answer in answers.items()})
        return [done[number] for number in range(len(views))]

    def _together(self, asked: dict[int, tuple[list[Pixels], float]]) -> dict[int, Answer]:
        """One question to the network for all pictures of the same size."""
        groups: dict[tuple[tuple[int, ...], float], list[int]] = {}
        for number, (pictures, least) in asked.items():
            groups.setdefault((pictures[0].shape, least), []).append(number)
        answers: dict[int, Answer] = {}
        for (_, least), numbers in groups.items():
            found, embeddings = self._ask([picture for number in numbers for picture in asked[number][0]], least)
            start = 0
            for number in numbers:
                mine = slice(start, start + len(asked[number][0]))
                answers[number] = found[mine], None if embeddings is None else embeddings[mine]
                start = mine.stop
        return answers

    def _steps(self, view: View) -> Steps[list[Face]]:
        thumbnail = view.thumbnail(self.framing.whole)
        found = yield from self._settled(view, (yield from self._whole(thumbnail, view.size)), LEAST_FACE)
        if not found and max(view.size) > self.framing.whole:
            far = view.thumbnail(self.framing.far)
            found = yield from self._settled(view, (yield from self._whole(far, view.size)), LEAST_FACE)
        faint = max((face.score for face in found), default=0.0)
        if faint >= CLEAR:
            return found
        turned: list[Face] = []
        for quarters in (1, 3, 2):
            places = yield from self._whole(thumbnail, view.size, quarters)
            turned += [replace(face, turned=True) for face in (yield from self._settled(view, places, max(LEAST_TURNED, faint + CLEARER)))]
        return turned or found

    def _whole(self, thumbnail: Pixels, size: tuple[int, int], quarters: int = 0) -> Steps[list[Candidate]]:
        """Where faces may be, best first, in pixels of the photo."""
        shown = np.ascontiguousarray(np.rot90(thumbnail, quarters))
        seen = (yield [shown], LEAST_WHOLE)[0][0]
        small = thumbnail.shape[1], thumbnail.shape[0]
        return [replace(c, eyes=from_thumbnail(turned_back(c.eyes, quarters, small), small, size)) for c in seen[:MOST_FACES]]

    def _settled(self, view: View, places: list[Candidate], least: float) -> Steps[list[Face]]:
        """Approach each place, then look at what is there from all sides.  Returns the faces."""
        likely = _worth_it(places, SPECK)
        near = yield from self._approached(view, [place.eyes for place in likely], [])
        if len(likely) < len(places) and all(c.score < CLEAR for c in near):
            near = yield from self._approached(view, [place.eyes for place in places if place not in likely], near)
        faces = yield from self._looked(view, [c.eyes for c in _worth_it(near, FAR_BEHIND)], self.framing.looks)
        unsure = [n for n, face in enumerate(faces) if face is not None and face.score >= least and face.spread > DISAGREE]
        if unsure and self.framing.more:
            again = yield from self._looked(view, [face.eyes for n in unsure if (face := faces[n]) is not None], (*self.framing.looks, *self.framing.more))
            for n, better in zip(unsure, again, strict=True):
                faces[n] = better or faces[n]
        return [face for face in faces if face is not None and face.score >= least]

    def _approached(self, view: View, places: list[EyePair], before: list[Candidate]) -> Steps[list[Candidate]]:
        """The eyes of each place as one upright crop shows them, beside those seen before; places without any are dropped, two that are one are joined."""
        done = list(before)
        todo = places
        for last in (False, True):
            strayed = []
            answers, _ = yield from self._crops(view, [(eyes, self.framing.approach) for eyes in todo], LEAST_APPROACH)
            for eyes, seen in zip(todo, answers, strict=True):
                if seen is None:
                    continue
                if last or seen.eyes.distance(eyes) < STRAYED * eyes.iod:
                    if all(seen.eyes.distance(other.eyes) > 0.5 * max(other.eyes.iod, seen.eyes.iod) for other in done):
                        done.append(seen)
                else:
                    strayed.append(seen.eyes)
            todo = strayed
            if not todo:
                break
        return done

    def _looked(self, view: View, places: list[EyePair], looks: Sequence[Look]) -> Steps[list[Face | None]]:
        """Each place seen by all looks at once; the median of each coordinate is the answer."""
        seen, embeddings = yield from self._crops(view, [(eyes, look) for eyes in places for look in looks], LEAST_APPROACH / 2)
        faces: list[Face | None] = []
        for number, eyes in enumerate(places):
            answers = [c for c in seen[number * len(looks) : (number + 1) * len(looks)] if c is not None]
            embedding = None if embeddings is None else embeddings[number * len(looks)]
            faces.append(_median(answers, len(looks), eyes, embedding) if 2 * len(answers) > len(looks) else None)
        return faces

    def _crops(self, view: View, wanted: list[tuple[EyePair, Look]], least: float) -> Steps[tuple[list[Candidate | None], NDArray[np.float32] | None]]:
        """For each place and look the pair of eyes that the crop was made for, in pixels of the photo."""
        if not wanted:
            return [], None
        side = self.framing.crop
        canvases = [look_canvas(self.framing, look) for _, look in wanted]
        matrices = [similarity(eyes, canvas) for (eyes, _), canvas in zip(wanted, canvases, strict=True)]
        pictures = list(view.crops(matrices, (side, side)))
        for number, (_, look) in enumerate(wanted):
            if look.mirrored:
                pictures[number] = np.ascontiguousarray(pictures[number][:, ::-1])
        found, embeddings = yield pictures, least
        return [
            _nearest(candidates, canvas, matrix, side if look.mirrored else None)
            for candidates, canvas, matrix, (_, look) in zip(found, canvases, matrices, wanted, strict=True)
        ], embeddings


def _worth_it(seen: list[Candidate], behind: float) -> list[Candidate]:
    """Those that may be the one that the photo is about; behind: of log(IOD x score), by how much the others are smaller or fainter."""
    weight = [math.log(max(c.eyes.iod * c.score, 1e-6)) for c in seen]
    return [c for c, w in zip(seen, weight, strict=True) if w > max(weight) - behind]


def _nearest(found: list[Candidate], canvas: Canvas, matrix: Matrix, mirror: int | None) -> Candidate | None:
    """Of the pairs in a crop the one that it was made for, in pixels of the photo; its expected distance too."""
    wanted = EyePair(canvas.left, canvas.right)
    best: tuple[float, Candidate, EyePair] | None = None
    for candidate in found:
        eyes = candidate.eyes if mirror is None else mirrored(candidate.eyes, mirror)
        if eyes.distance(wanted) < 0.6 * canvas.iod and (best is None or candidate.score > best[0]):
            best = candidate.score, candidate, eyes
    if best is None:
        return None
    _, candidate, eyes = best
    scale = math.hypot(matrix[0][0], matrix[1][0])
    return Candidate(EyePair(*(_back(matrix, point) for point in eyes)), candidate.score, candidate.weaker, candidate.expected / scale)


def _median(answers: list[Candidate], looks: int, before: EyePair, embedding: NDArray[np.float32] | None) -> Face:
    """One face of several looks, `looks` of which were made."""
    eyes = EyePair(*(Point(*(statistics.median(c.eyes[eye][axis] for c in answers) for axis in (0, 1))) for eye in (0, 1)))
    per_cent = 100 / max(eyes.iod, 1e-6)
    return Face(
        eyes,
        score=math.fsum(c.score for c in answers) / looks,
        weaker=math.fsum(c.weaker for c in answers) / looks,
        own=per_cent * statistics.median(c.expected for c in answers),
        spread=per_cent * math.fsum(c.eyes.distance(eyes) for c in answers) / len(answers),
        strayed=per_cent * eyes.distance(before),
        embedding=embedding,
    )


def _back(matrix: Matrix, point: Point) -> Point:
    """Undo a similarity: z = (w - b) / a with complex numbers."""
    (a, _, c), (d, _, f) = matrix
    z = (complex(*point) - complex(c, f)) / complex(a, d)
    return Point(z.real, z.imag)
