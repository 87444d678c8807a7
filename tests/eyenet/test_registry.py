"""Which model is in force, that the shipped one is whole, and that moving from one to another never leaves less than a working one."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import pickle
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.models import tiny

from photodiary.errors import BadModel, BadUsage
from photodiary.eyenet import header, registry, weights
from photodiary.eyenet.registry import ModelEntry, Registry


def test_the_shipped_model_is_the_recorded_one() -> None:
    """The weights in the package have the checksum of base.json, load, and carry the name that is shown."""
    entry = registry.current()
    assert entry.path == registry.SHIPPED
    assert entry.sha256 == hashlib.sha256(entry.path.read_bytes()).hexdigest() == json.loads(registry.CARD.read_text())["sha256"]
    _, name, _ = weights.load(entry.path, sha256=entry.sha256)
    assert name == entry.name


def test_the_model_card_comes_along() -> None:
    """Beside the weights lies a card, which is not empty, that says what they were made from."""
    card = registry.SHIPPED.with_name("MODEL_CARD.md")
    assert card.is_file()
    assert len(card.read_text(encoding="utf-8")) > 500


def test_own_weights_take_precedence(tmp_path: Path) -> None:
    """A file named in the configuration is used instead, under its own name; nothing was recorded about it."""
    own = tmp_path / "mine.safetensors"
    own.write_bytes(b"whatever")
    entry = registry.current(str(own))
    assert (entry.path, entry.name, entry.sha256) == (own, "mine", None)


def test_own_weights_that_are_missing_are_told(tmp_path: Path) -> None:
    """A wrong path is an error that names it, never a silent fall back."""
    with pytest.raises(BadModel, match=r"nowhere\.safetensors.*locate\.model"):
        registry.current(str(tmp_path / "nowhere.safetensors"))


def test_a_package_without_its_card_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A torn or missing base.json says that the package is incomplete."""
    for content in (None, "{", '{"name": "base"}', "[]"):
        card = tmp_path / "base.json"
        card.unlink(missing_ok=True)
        if content is not None:
            card.write_text(content)
        monkeypatch.setattr(registry, "CARD", card)
        with pytest.raises(BadModel, match="install photodiary again"):
            registry.current()


def test_asking_costs_nothing() -> None:
    """Saying which model is in force loads neither torch nor numpy."""
    program = (
        "import sys; from photodiary.eyenet import registry; registry.Registry('/nowhere').versions(); print('torch' in sys.modules, 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30).stdout.split() == ["False", "False"]


# -- versions, and which of them is in force ---------------------------------------------------------------------------------------


@pytest.fixture
def models(tmp_path: Path) -> Registry:
    """A registry with mine-1, mine-2 and mine-3, of which none is in force."""
    made = Registry(tmp_path / "state")
    for number in (1, 2, 3):
        name = f"mine-{number}"
        made.publish(tiny(tmp_path / "candidate", name), {"name": name, "made_at": f"2026-12-0{number}", "labels": number})
    return made


def ship(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the package come with this model."""
    monkeypatch.setattr(registry, "SHIPPED", file)
    monkeypatch.setattr(registry, "CARD", file.with_suffix(".json"))
    registry.CARD.write_text(json.dumps({"name": header.of_file(file).name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}))


def folder(models: Registry) -> Path:
    assert models.folder is not None
    return models.folder


def in_force(models: Registry) -> str:
    return models.standing().entry.name


def test_a_published_model_is_kept_as_it_was_given(models: Registry, tmp_path: Path) -> None:
    """Publishing copies file and card, for the user's eyes only, puts nothing in force, and once more changes nothing."""
    path = folder(models) / "mine-1.safetensors"
    assert in_force(models) == registry.current().name
    assert path.read_bytes() == tiny(tmp_path / "again", "mine-1").read_bytes()
    card = json.loads((folder(models) / "mine-1.json").read_text())
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest() and card["labels"] == 1
    assert stat.S_IMODE(folder(models).stat().st_mode) == 0o700 and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert models.publish(tmp_path / "again", {"name": "mine-1", "labels": 99}) == models.checked("mine-1")
    assert models.card("mine-1")["labels"] == 1
    assert [version.entry.name for version in models.versions()] == [registry.current().name, "mine-1", "mine-2", "mine-3"]


def test_versions_never_change(models: Registry, tmp_path: Path) -> None:
    """Another file under a name that is taken, be it the shipped model's, is refused; so are names that lead elsewhere, and a card of another file."""
    for name, words in (("mine-1", "another model of the name"), (registry.current().name, "comes with photodiary")):
        with pytest.raises(BadModel, match=words):
            models.publish(tiny(tmp_path / "other", name, kin="other"), {"name": name})
    for name in ("../mine", "a/b", ".hidden", "", "x" * 81, "mine 1"):
        with pytest.raises(BadModel, match="a model's name has letters"):
            models.publish(tiny(tmp_path / "other", name), {"name": name})
    with pytest.raises(BadModel, match="not the one that its card is of"):
        models.publish(tiny(tmp_path / "other", "mine-4"), {"name": "mine-4", "sha256": "0" * 64})
    with pytest.raises(BadModel, match="not called"):
        models.publish(tiny(tmp_path / "other", "mine-4"), {"name": "mine-5"})
    assert len(models.versions()) == 4


def test_promoted_and_back_again(models: Registry) -> None:
    """Each rollback goes one further back, down to the shipped model; a promotion of the one in force says so and adds no step."""
    base = registry.current().name
    assert models.promote("mine-1") and models.promote("mine-2") and not models.promote("mine-2") and models.promote("mine-3")
    assert models.promote("mine-1"), "an older one may be put in force again"
    seen = [in_force(models)]
    for _ in range(4):
        assert models.rollback() == models.standing().entry
        seen.append(in_force(models))
    assert seen == ["mine-1", "mine-3", "mine-2", "mine-1", base]
    with pytest.raises(BadUsage, match="nothing older"):
        models.rollback()
    assert not (folder(models) / "current").exists(), "without it the shipped one is in force, also that of a later photodiary"


def test_a_bad_candidate_never_becomes_current(models: Registry) -> None:
    """Torn, of another checksum, without its card, of another kind or not there at all: promoting is refused and changes nothing."""
    models.promote("mine-1")
    before = models.stamp()
    good = (folder(models) / "mine-2.safetensors").read_bytes()
    for damage in (good[:-3], good + b"x", pickle.dumps("mine-2"), b""):
        (folder(models) / "mine-2.safetensors").write_bytes(damage)
        with pytest.raises(BadModel, match="damaged"):
            models.promote("mine-2")
        card = models.card("mine-2") | {"sha256": hashlib.sha256(damage).hexdigest()}  # whoever forges a file forges its card
        (folder(models) / "mine-2.json").write_text(json.dumps(card))
        with pytest.raises(BadModel):
            models.promote("mine-2")
    (folder(models) / "mine-3.json").unlink()
    for name in ("mine-3", "mine-9", "../mine-1", ""):
        with pytest.raises(BadModel, match="there is no model"):
            models.promote(name)
    assert models.stamp() == before and in_force(models) == "mine-1"
    assert {version.entry.name: version.trouble is None for version in models.versions()}["mine-2"] is False


def test_a_bad_current_falls_back_to_the_last_good_one(models: Registry) -> None:
    """Whatever is bad is passed over, the newest first, down to the shipped one, and the reason names it; `mend` settles on what serves."""
    for number in (1, 2, 3):
        models.promote(f"mine-{number}")
    (folder(models) / "mine-3.safetensors").unlink()
    assert in_force(models) == "mine-2"
    assert "mine-3 cannot be used" in str(models.standing().trouble) and "mine-2 finds the eyes instead" in str(models.standing().trouble)
    assert models.standing(failed={"mine-2": "it does not load"}).entry.name == "mine-1"
    (folder(models) / "mine-2.json").write_text("{")
    (folder(models) / "mine-1.safetensors").write_bytes(b"torn")
    assert in_force(models) == registry.current().name and "mine-3" in str(models.standing().trouble)
    assert models.mend() == registry.current() and models.standing().trouble is None
    assert not (folder(models) / "current").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"models": 5}', '{"models": ["../../etc/passwd"]}', '{"models": [5]}', "\udcff", "[" * 100_000])
def test_a_pointer_that_says_nothing_falls_back_to_the_shipped_one(models: Registry, text: str) -> None:
    """A damaged pointer is a named trouble and no crash; a promotion or `mend` writes a good one."""
    models.promote("mine-1")
    (folder(models) / "current").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert in_force(models) == registry.current().name and "cannot be read" in str(models.standing().trouble)
    assert models.promote("mine-1") and models.standing().trouble is None


def test_an_upgrade_takes_nothing_away(models: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer shipped model leaves a personal one in force and can be promoted like any other; the older shipped one can still be gone back to.
    Who never had another model gets the newer one."""
    older = registry.current()
    models.promote("mine-1")
    ship(tiny(tmp_path / "newer", "base-newer"), monkeypatch)
    assert in_force(models) == "mine-1" and models.standing().trouble is None
    assert {version.entry.name for version in models.versions()} == {"base-newer", older.name, "mine-1", "mine-2", "mine-3"}
    assert models.rollback().name == older.name and models.standing().entry.path.read_bytes() == older.path.read_bytes()
    assert models.promote("base-newer") and in_force(models) == "base-newer"
    assert models.rollback().name == older.name and models.rollback().name == "base-newer"
    assert Registry(tmp_path / "elsewhere").standing().entry.name == "base-newer"


def test_the_users_own_file_wins(models: Registry, tmp_path: Path) -> None:
    """`locate.model` in the configuration is in force whatever the registry says."""
    models.promote("mine-1")
    own = tmp_path / "own.safetensors"
    own.write_bytes(b"whatever")
    assert models.standing(str(own)).entry == ModelEntry(own, "own", None)


def test_without_a_state_folder_there_is_the_shipped_one(tmp_path: Path) -> None:
    """Verbs that need no configuration know no registry; asking one that nobody made yet makes nothing."""
    assert Registry("").standing().entry == registry.current() and Registry("").stamp() is None
    there = Registry(tmp_path / "state")
    assert there.standing().entry == registry.current() and len(there.versions()) == 1 and not (tmp_path / "state").exists()


def moved_until(state: Path, candidate: Path, steps: int) -> int:
    """Another process publishes, promotes and rolls back, and is gone at its call number `steps` that touches the disk.  Returns its exit status."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = [steps]

    def mortal(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                os._exit(9)
            return real(*arguments, **options)

        return call

    try:
        os.fsync, os.open = mortal(os.fsync), mortal(os.open)
        Path.replace, Path.unlink = mortal(Path.replace), mortal(Path.unlink)  # type: ignore[method-assign]
        models = Registry(state)
        models.publish(candidate, {"name": "mine-2"})
        models.promote("mine-2")
        models.rollback()
        os._exit(0)
    finally:
        os._exit(1)


def test_killed_at_any_step_a_working_model_is_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever publishes, promotes or rolls back may be killed at any call that touches the disk: in force is then the older or the newer one, sound and
    without trouble, and whoever comes next promotes as if nothing had been."""
    ship(tiny(tmp_path / "base", "base-1"), monkeypatch)
    first, candidate, seen = tiny(tmp_path / "first", "mine-1"), tiny(tmp_path / "candidate", "mine-2"), []
    for steps in range(1, 100):
        models = Registry(tmp_path / f"state-{steps}")
        models.publish(first, {"name": "mine-1"})
        models.promote("mine-1")
        status = moved_until(tmp_path / f"state-{steps}", candidate, steps)
        assert models.standing().trouble is None
        seen.append(in_force(models))
        models.publish(candidate, {"name": "mine-2"})
        models.promote("mine-2")
        assert in_force(models) == "mine-2" and not list(folder(models).glob(".*.tmp"))
        if status == 0:
            break
        assert status == 9
    assert status == 0 and len(seen) > 15
    assert [name for name, _ in itertools.groupby(seen)] == ["mine-1", "mine-2", "mine-1"]
