"""The resident model follows the registry between two photos, and a loaded one never gives way to one that cannot be loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.daemon import QUICK
from tests.support.dots import DotLocator
from tests.support.models import tiny

from photodiary.errors import BadModel
from photodiary.eyenet import registry
from photodiary.eyenet.registry import Registry
from photodiary.run import models
from photodiary.run.following import Following
from photodiary.settings import Settings, load


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "inbox").mkdir()
    config = tmp_path / "config.toml"
    config.write_text(QUICK)
    return load(config)


@pytest.fixture
def there(settings: Settings, tmp_path: Path) -> Registry:
    """mine-1, mine-2 and mine-3, which cannot be loaded; none in force."""
    made = Registry(settings.state)
    for name, card in (("mine-1", {}), ("mine-2", {}), ("mine-3", {"broken": True})):
        made.publish(tiny(tmp_path / name, name), {"name": name, **card})
    return made


class Making:
    """Loads what is in force, and counts."""

    def __init__(self) -> None:
        self.loaded: list[str] = []

    def __call__(self, settings: Settings) -> DotLocator:
        made = DotLocator.in_force(settings.state)
        self.loaded.append(made.name)
        return made


def test_it_follows_what_is_in_force(settings: Settings, there: Registry) -> None:
    """A promotion and a rollback take effect with the next step, each with one loading; without news a step loads nothing."""
    make = Making()
    following = Following(settings, make)
    assert not following.step() and following.locator.name == "dots-1"
    there.promote("mine-1")
    assert following.step() and following.locator.name == "mine-1" and not following.step()
    there.promote("mine-2")
    there.rollback()
    assert not following.step(), "back where it was before anybody looked"
    there.rollback()
    assert following.step() and following.locator.name == "dots-1" and following.trouble is None
    assert make.loaded == ["dots-1", "mine-1", "dots-1"]


def test_what_cannot_be_loaded_leaves_the_old_one_in_place(settings: Settings, there: Registry) -> None:
    """The one that is loaded goes on, with a reason, whether loading fails or the file is damaged; the next good one takes over and all is well."""
    there.promote("mine-1")
    following = Following(settings, Making())
    loaded = following.locator
    there.promote("mine-3")
    assert not following.step() and following.locator is loaded
    assert "made to fail" in str(following.trouble) and "mine-1 goes on" in str(following.trouble)
    assert not following.step(), "it is not tried again and again"
    there.promote("mine-2")
    assert there.folder is not None
    (there.folder / "mine-2.safetensors").write_bytes(b"torn")
    assert not following.step() and following.locator is loaded, "the damaged one and the one that fails are passed over"
    assert "mine-2" in str(following.trouble) or "made to fail" in str(following.trouble)
    there.mend()
    there.rollback()
    assert not following.step() and following.trouble is None


def test_a_model_named_in_the_configuration_follows_nothing(settings: Settings, there: Registry, tmp_path: Path) -> None:
    """`locate.model` wins over the registry as long as it is there."""
    own = settings.model_copy(update={"locate": type(settings.locate)(model=str(tmp_path / "own"))})
    following = Following(own, lambda s: DotLocator())
    there.promote("mine-1")
    assert not following.step() and following.locator.name == "dots-1" and following.trouble is None


def test_the_resident_model_is_the_first_that_loads(there: Registry, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the start, what is in force and cannot be loaded is passed over for the one before it, in the end for the shipped one; only when that cannot be
    loaded either does it raise, as it does for a file that the configuration names."""
    from photodiary.locate import locator

    fails, asked = {"mine-2"}, []

    class Loaded:
        def __init__(self, path: Path, config: object, *, sha256: str | None) -> None:
            self.name = "base" if path == registry.SHIPPED else path.stem
            asked.append(self.name)
            if self.name in fails:
                raise BadModel(f"{path}: does not fit")

    monkeypatch.setattr(locator, "EyeLocator", Loaded)
    there.promote("mine-1")
    there.promote("mine-2")
    assert models.resident(settings.locate, settings.state).name == "mine-1" and asked == ["mine-2", "mine-1"]
    fails.add("mine-1")
    assert models.resident(settings.locate, settings.state).name == "base"
    fails.add("base")
    with pytest.raises(BadModel, match="does not fit"):
        models.resident(settings.locate, settings.state)
