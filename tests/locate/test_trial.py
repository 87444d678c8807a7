"""A locator shows that it predicts before anything is said to be ready."""

from __future__ import annotations

import pytest
from tests.support.dots import DotLocator

from photodiary.errors import DeviceLost
from photodiary.eyenet import registry
from photodiary.locate import trial
from photodiary.locate.config import LocateConfig


def test_a_locator_is_asked_and_its_trouble_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it says of the picture is an answer; a card that is gone, or whatever else it raises, is not."""
    assert trial.answers(DotLocator()).sighting.reason == "no_face"

    def gone(*given: object) -> None:
        raise DeviceLost("the graphics card has failed")

    monkeypatch.setattr(DotLocator, "locate", gone)
    with pytest.raises(DeviceLost):
        trial.answers(DotLocator())


def test_the_picture_is_one_that_can_be_looked_at() -> None:
    """Whole, and mapped as a locator asks for; there is something in it, and nobody."""
    view = trial.MadeView()
    assert view.thumbnail(100).shape == (100, 100, 3) and view.thumbnail(9999).shape == (*view.size[::-1], 3)
    crops = view.crops([((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))] * 2, (30, 20))
    assert crops.shape == (2, 20, 30, 3) and crops.dtype == view.thumbnail(100).dtype and view.thumbnail(100).std() > 10
    assert DotLocator().locate(view).sighting.eyes is None


def test_the_shipped_model_answers() -> None:
    """With the network that serves: it sees nobody."""
    from photodiary.locate.locator import EyeLocator

    assert trial.answers(EyeLocator(registry.current().path, LocateConfig(device="cpu"))).sighting.eyes is None
