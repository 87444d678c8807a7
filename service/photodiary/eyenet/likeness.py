"""Whether a face is the diary's person: its likeness to trusted frames near in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]

ENOUGH = 10  # trusted frames below which likeness is not asked
MOST = 40  # trusted frames, the nearest in time, that a face is compared with: people change
CLOSEST = 5  # of them, whose mean likeness counts


@dataclass(frozen=True)
class Gallery:
    """What the diary's person looks like around one moment: (n, d) vectors of length 1, n >= ENOUGH."""

    vectors: NDArray[np.float32]

    @staticmethod
    def of(stored: Sequence[bytes]) -> Gallery | None:
        """From vectors as the ledger keeps them; None while there are too few."""
        if len(stored) < ENOUGH:
            return None
        import numpy as np  # not before it is needed: verbs that only look at the ledger come through here

        vectors = np.stack([np.frombuffer(one, np.float16).astype(np.float32) for one in stored])
        return Gallery(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6))

    def likeness(self, embedding: Vector) -> float:
        """Mean cosine to the closest of the gallery, -1 to 1."""
        return _closest(self.vectors @ embedding)

    def own(self) -> float:
        """How alike the gallery is to itself: the median over its members, each compared with the others."""
        import numpy as np

        cosines = self.vectors @ self.vectors.T
        return float(np.median([_closest(np.delete(row, n)) for n, row in enumerate(cosines)]))

    def log_odds(self, embeddings: Sequence[Vector], weights: Sequence[float]) -> list[float]:
        """Of each face being the diary's person; weights as `EyeNetConfig.odds`."""
        one, like, own = weights
        mine = self.own()
        return [one + like * self.likeness(embedding) + own * mine for embedding in embeddings]


def _closest(cosines: NDArray[np.float32]) -> float:
    import numpy as np

    return float(np.sort(cosines)[-CLOSEST:].mean())


def stored(embedding: Vector) -> bytes:
    """As the ledger keeps it: half precision, little endian."""
    return embedding.astype("<f2").tobytes()
