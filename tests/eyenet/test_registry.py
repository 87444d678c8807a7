"""Which model is in force, and that the shipped one is whole."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from photodiary.errors import BadModel
from photodiary.eyenet import registry, weights


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
    program = "import sys; from photodiary.eyenet import registry; registry.current(); print('torch' in sys.modules, 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30).stdout.split() == ["False", "False"]
