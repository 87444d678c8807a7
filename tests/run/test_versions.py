"""`models list|show|promote|rollback`, as a person and a script see them."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.daemon import QUICK, ROOT
from tests.support.models import tiny

from photodiary import cli
from photodiary.errors import BadConfig
from photodiary.eyenet import registry
from photodiary.eyenet.registry import Registry
from photodiary.locate.config import LocateConfig
from photodiary.run import verbs, versions

JUDGED = {"before": {"median": 1.234, "p90": 2.0, "max": 4.0}, "after": {"median": 0.567, "p90": 1.1, "max": 3.0}, "better": 0.987}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A diary whose registry has mine-1, of which much is known, and mine-2, of which nothing is."""
    (tmp_path / "inbox").mkdir()
    path = tmp_path / "config.toml"
    path.write_text(QUICK)
    made = Registry(tmp_path / "state")
    made.publish(
        tiny(tmp_path / "a", "mine-1"), {"name": "mine-1", "made_at": "2026-12-24T18:00:00+00:00", "base": "base-1", "labels": 40, "judgement": JUDGED}
    )
    made.publish(tiny(tmp_path / "b", "mine-2"), {"name": "mine-2", "made_at": "2026-12-25T18:00:00+00:00"})
    return path


def test_a_line_says_what_a_model_is(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line a model: name, when made, from how many labels, median before and after, checksum, which is in force, and which cannot be used."""
    Registry(config.parent / "state").promote("mine-1")
    (config.parent / "state/models/mine-2.safetensors").write_bytes(b"torn")
    assert cli.main(["models", "list", "--config", str(config)]) == 0
    shipped, first, second = capsys.readouterr().out.splitlines()
    assert shipped.split() == [registry.current().name, "comes", "with", "photodiary", "sha256", str(registry.current().sha256)[:12]]
    assert first.startswith("* mine-1 ") and first.endswith("  in force")
    assert "made 2026-12-24" in first and "from 40 labels  median 1.23 -> 0.57 %" in first
    assert "mine-2" in second and "CANNOT BE USED" in second and "in force" not in second


def test_scripts_get_one_object_a_line(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` prints the same and nothing else; `show` the whole card besides."""
    assert cli.main(["models", "list", "--json", "--config", str(config)]) == 0
    shipped, first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert shipped["in_force"] and shipped["shipped"] and not first["in_force"]
    assert (first["labels"], first["median_before"], first["median_after"], second["labels"], second["trouble"]) == (40, 1.234, 0.567, None, None)
    assert cli.main(["models", "show", "mine-1", "--json", "--config", str(config)]) == 0
    assert json.loads(capsys.readouterr().out)["card"]["judgement"] == JUDGED


def test_a_model_in_words(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`show` says what is known of one model, of the one in force when none is named; a model that is not there is a wrong call."""
    assert cli.main(["models", "show", "mine-1", "--config", str(config)]) == 0
    told = capsys.readouterr().out
    assert "median 1.23 % before, 0.57 % after; p90 2.00 % before, 1.10 % after" in told and "98.7 % sure that it is" in told
    assert cli.main(["models", "show", "--config", str(config)]) == 0
    assert f"{registry.current().name}, which comes with photodiary" in capsys.readouterr().out
    assert cli.main(["models", "show", "mine-9", "--config", str(config)]) == 64
    assert cli.main(["models", "promote", "mine-9", "--config", str(config)]) == 64
    assert "there are" in capsys.readouterr().err


def test_moving_says_what_follows(config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a service the next one takes the model over; what is in force already is said; where the configuration names a file, that is said too."""
    monkeypatch.setattr(versions, "_tried", lambda entry: None)
    for words in ("mine-1 is in force now; the next photodiary that runs predicts with it", "mine-1 is in force already"):
        assert cli.main(["models", "promote", "mine-1", "--config", str(config)]) == 0
        assert words in capsys.readouterr().out
    assert cli.main(["models", "rollback", "--config", str(config)]) == 0
    assert f"{registry.current().name} is in force again, mine-1 no more" in capsys.readouterr().out
    config.write_text(f'{QUICK}[locate]\nmodel = "{config.parent / "own.safetensors"}"\n')
    assert cli.main(["models", "promote", "mine-2", "--config", str(config)]) == 0
    assert "own.safetensors (locate.model): that is what predicts" in capsys.readouterr().out


def test_asking_for_models_loads_nothing_heavy(config: Path) -> None:
    """`models list`, `show` and `rollback` load neither torch nor numpy."""
    program = (
        "import sys; from photodiary import cli; assert cli.main(sys.argv[1:]) in (0, 64);"
        "assert not {'torch', 'numpy', 'cv2', 'av'} & set(sys.modules), sorted(sys.modules)"
    )
    for verb in ("list", "show", "rollback"):
        done = subprocess.run(
            [sys.executable, "-c", program, "models", verb, "--config", str(config)], env={"PYTHONPATH": str(ROOT / "service")}, capture_output=True,
            text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_verbs_that_predict_ask_the_registry(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`locate`, `evaluate` and `compare` take the model in force of the configuration that lies where configurations lie; without one, or where a file
    of that name is another program's, the shipped model; a wrong one that was asked for is told."""
    monkeypatch.setenv("HOME", str(config.parent / "home"))
    monkeypatch.delenv("PHOTODIARY_CONFIG", raising=False)
    monkeypatch.chdir(config.parent)
    assert verbs._model_of(argparse.Namespace())[1] == str(config.parent / "state")
    config.write_text("[tool]\nname = 'another program'\n")
    assert verbs._model_of(argparse.Namespace()) == (LocateConfig(), "")
    with pytest.raises(BadConfig):
        verbs._model_of(argparse.Namespace(config=str(config)))
    config.unlink()
    assert verbs._model_of(argparse.Namespace()) == (LocateConfig(), "")
