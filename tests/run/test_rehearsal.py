"""Faces that must not be forgotten: `retrain.rehearsal` takes a labelled set in any of its forms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.support.dots import eyes_of, photo

from photodiary.errors import BadLabels
from photodiary.retrain.labels import name_of
from photodiary.retrain.lessons import IOD
from photodiary.run.retrain import MOST_REHEARSED, _rehearsal


def test_a_folder_of_clicks_becomes_faces_to_answer_as_before(tmp_path: Path) -> None:
    """Every face comes upright and close, with no label: what the base model says of it is what counts."""
    for number in range(3):
        (tmp_path / name_of(number, eyes_of(number))).write_bytes(photo(number))
    faces = _rehearsal(str(tmp_path))
    assert len(faces) == 3 <= MOST_REHEARSED
    for one in faces:
        assert one.label is None and one.seen is not None
        assert np.hypot(*(one.seen[1] - one.seen[0])) == pytest.approx(IOD)
        assert one.seen[0][1] == pytest.approx(one.seen[1][1])


def test_nothing_set_is_fine_and_a_wrong_path_is_told(tmp_path: Path) -> None:
    """Without a set nothing is rehearsed; one that is not there is said, not passed over."""
    assert _rehearsal("") == []
    with pytest.raises(BadLabels, match="nowhere"):
        _rehearsal(str(tmp_path / "nowhere"))
