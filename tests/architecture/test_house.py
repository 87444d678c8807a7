"""The plan of the house is held by reading every import and call of the service; each rule is shown an offender that it refuses."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from photodiary.ledger.store import Ledger

ROOT = Path(__file__).parents[2]
LONGEST = 300  # lines; a longer file has usually taken a second job

FLOORS = (
    ("",),  # photodiary/__init__.py: the version
    ("errors",),
    ("diary",),
    ("ledger", "archive", "darkroom", "eyenet"),
    ("inbox", "locate", "align", "render", "review", "retrain", "notify", "metrics", "moving"),
    ("settings", "logs"),
    ("run",),
    ("cli",),
    ("__main__",),
)
EXCEPTIONS = {
    ("settings", "logs"): "settings assembles the frozen values of every part, and logging's stand beside the code they steer",
}

OWNERS = {
    "sqlite3": {"ledger"},
    "cv2": {"darkroom"},
    "simplejpeg": {"darkroom"},
    "PIL": {"darkroom"},
    "pillow_heif": {"darkroom"},
    "torch": {"eyenet", "locate", "retrain"},
    "timm": {"eyenet"},
    "safetensors": {"eyenet"},
    "av": {"render"},
    "babel": {"render"},
    "watchdog": {"inbox"},
    "apscheduler": {"run"},
    "apprise": {"notify"},
    "starlette": {"review"},
    "jinja2": {"review"},
    "markupsafe": {"review"},
    "uvicorn": {"review"},
    "segno": {"run"},
    "shtab": {"run"},
    "prometheus_client": {"metrics"},
    "pydantic": {"settings"},
    "pydantic_settings": {"settings"},
}
ANYWHERE = {"numpy", "structlog"}  # numpy is the language pictures are handed around in; structlog: see `one_log`

# Programs of another environment: run, never imported, so they know nothing of ours and their libraries are not our dependencies.
FOREIGN = {"photodiary.retrain.rival_mediapipe": {"mediapipe", "numpy"}}  # deploy/rivals.sh makes its environment: mediapipe needs an old numpy

# Programs of ours that need what not everybody installs: run, never imported, with the extra that they need.
OPTIONAL = {"photodiary.notify.messenger": "notify"}

DISTRIBUTIONS = {
    "cv2": "opencv-python", "PIL": "pillow", "pillow_heif": "pillow-heif", "prometheus_client": "prometheus-client", "pydantic_settings": "pydantic-settings",
}  # fmt: skip
NOT_IMPORTED = {
    "torchvision": "timm imports it, and its release must match torch's",
    "python-multipart": "starlette reads forms with photos by it",
    "tzdata": "zoneinfo reads it where the system has no time zones",
}

# The outside world: files, clocks, the system, other processes, chance.
WORLD = {
    "asyncio", "builtins", "fcntl", "glob", "importlib", "io", "logging", "mmap", "multiprocessing", "os", "pathlib", "random", "secrets", "select", "shutil",
    "signal", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid", "zoneinfo",
}  # fmt: skip
WORLDLY_CALLS = {"open", "print", "input", "eval", "exec", "breakpoint", "__import__"}
CLOCKS = {"now", "today", "utcnow"}


@dataclass(frozen=True)
class Module:
    """One source file: `imports` are dotted names with the line they stand on, those inside functions and TYPE_CHECKING included."""

    name: str
    path: Path
    tree: ast.Module
    lines: int
    imports: tuple[tuple[str, int], ...]

    @property
    def room(self) -> str:
        return room_of(self.name)

    def at(self, line: int) -> str:
        return f"{self.name}:{line}"


House = dict[str, Module]


def room_of(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def read_house(source: Path) -> House:
    """Every module below `source`/photodiary by its dotted name."""
    paths = {".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__"): path for path in sorted(source.glob("photodiary/**/*.py"))}
    house = {}
    for name, path in paths.items():
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text, str(path))
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        imports = tuple((target, line) for target, line in imports_of(tree, package, set(paths)))
        house[name] = Module(name, path, tree, len(text.splitlines()), imports)
    return house


def imports_of(tree: ast.Module, package: str, modules: set[str]) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield (inner if inner in modules else base), node.lineno


def own(name: str) -> bool:
    return name.split(".")[0] == "photodiary"


def outside(name: str) -> str | None:
    """The outside library an import names; None for our own and the standard library's modules."""
    top = name.split(".")[0]
    return None if top == "photodiary" or top in sys.stdlib_module_names else top


# -- the rules: each returns one complaint a breach ----------------------------------------------------------------------------


def floors(house: House) -> list[str]:
    """Imports go down, or stay inside the own room."""
    level = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
    complaints = [f"{module.name}: the room {module.room} stands on no floor" for module in house.values() if module.room not in level]
    for module in house.values():
        for target, line in module.imports:
            here, there = module.room, room_of(target)
            if not own(target) or here == there or here not in level or there not in level or (here, there) in EXCEPTIONS:
                continue
            if level[there] >= level[here]:
                complaints.append(f"{module.at(line)}: {here} may not know {there} ({'same floor' if level[there] == level[here] else 'upstairs'})")
    return complaints


def cycles(house: House) -> list[str]:
    """No module needs itself through others."""
    needs = {module.name: {target for target, _ in module.imports if target in house} for module in house.values()}
    complaints = [f"{name}: imports itself" for name, targets in needs.items() if name in targets]
    try:
        TopologicalSorter({name: targets - {name} for name, targets in needs.items()}).prepare()
    except CycleError as error:
        complaints.append(" -> ".join(error.args[1]))
    return complaints


def owners(house: House) -> list[str]:
    """Each outside library is known in the rooms that own it only."""
    complaints = []
    for module in house.values():
        if module.name in FOREIGN:
            continue
        for target, line in module.imports:
            top = target.split(".")[0]
            if top in OWNERS and module.room not in OWNERS[top]:
                complaints.append(f"{module.at(line)}: {top} belongs to {', '.join(sorted(OWNERS[top]))}")
            elif outside(target) and top not in OWNERS and top not in ANYWHERE:
                complaints.append(f"{module.at(line)}: {top} has no owner")
    return complaints


def foreigners(house: House) -> list[str]:
    """A program of another environment imports nothing of ours and only its own libraries; nobody imports it, nor one that needs an extra."""
    complaints = []
    for module in house.values():
        for target, line in module.imports:
            if target in FOREIGN or target in OPTIONAL:
                complaints.append(f"{module.at(line)}: {target} is run, never imported")
            if module.name in FOREIGN and (own(target) or outside(target)) and target.split(".")[0] not in FOREIGN[module.name]:
                complaints.append(f"{module.at(line)}: its environment has no {target.split('.')[0]}")
    return complaints


def one_log(house: House) -> list[str]:
    """Loggers may be asked for anywhere, the rest of structlog is known to logs.py only."""
    complaints = []
    for module in house.values():
        if module.room == "logs":
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "structlog" and node.attr != "get_logger":
                complaints.append(f"{module.at(node.lineno)}: structlog.{node.attr} belongs to logs")
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "structlog" and {a.name for a in node.names} != {"get_logger"}:
                complaints.append(f"{module.at(node.lineno)}: only structlog.get_logger may be imported")
    return complaints


def unworldly(house: House) -> list[str]:
    """diary/ holds words: standard library only, no I/O, no clock."""
    complaints = []
    for module in house.values():
        if module.room != "diary":
            continue
        for target, line in module.imports:
            if outside(target):
                complaints.append(f"{module.at(line)}: {target} is not in the standard library")
            if target.split(".")[0] in WORLD:
                complaints.append(f"{module.at(line)}: {target} reaches into the world")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in WORLDLY_CALLS:
                complaints.append(f"{module.at(node.lineno)}: {node.func.id}() reaches into the world")
            if isinstance(node, ast.Attribute) and node.attr in CLOCKS:
                complaints.append(f"{module.at(node.lineno)}: .{node.attr} reads a clock")
    return complaints


def lengths(house: House) -> list[str]:
    """No file is longer than a person reads in one go."""
    return [f"{module.name}: {module.lines} lines, at most {LONGEST}" for module in house.values() if module.lines > LONGEST]


def declared(house: House, pyproject: str) -> list[str]:
    """What is imported is declared, in the extra that it belongs to where it may be missing, and what is declared is imported or has a written reason."""
    project = tomllib.loads(pyproject)["project"]
    listed, further = _listed(project["dependencies"]), project.get("optional-dependencies", {})
    modules = [module for module in house.values() if module.name not in FOREIGN and module.name not in OPTIONAL]
    used = {DISTRIBUTIONS.get(top, top) for module in modules for target, _ in module.imports if (top := outside(target))}
    return (
        [f"{name}: imported, not declared" for name in sorted(used - listed)]
        + [f"{name}: declared, not imported" for name in sorted(listed - used - set(NOT_IMPORTED))]
        + [f"{name}: has a reason but needs none" for name in sorted(set(NOT_IMPORTED) & used | set(NOT_IMPORTED) - listed)]
        + [
            f"{name}: its extra {extra} is not what it imports"
            for name, extra in OPTIONAL.items()
            if name in house and {top for target, _ in house[name].imports if (top := outside(target))} != _listed(further.get(extra, []))
        ]
    )


def _listed(lines: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9._-]", line)[0].lower() for line in lines}


# -- held against the house ------------------------------------------------------------------------------------------------------

RULES: tuple[Callable[[House], list[str]], ...] = (floors, cycles, owners, foreigners, one_log, unworldly, lengths)


@pytest.fixture(scope="module")
def house() -> House:
    return read_house(ROOT / "service")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_its_rules(house: House, rule: Callable[[House], list[str]]) -> None:
    """Floors, cycles, owners, the one log, the words without a world, and lengths are as HOUSE.md draws them."""
    assert rule(house) == []


def test_the_whole_house_was_read(house: House) -> None:
    """No rule is kept only because a room was overlooked: every floor's rooms that exist have been read, with their imports."""
    rooms = {path.name for path in (ROOT / "service/photodiary").iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert rooms and rooms <= {module.room for module in house.values()}
    assert {"sqlite3", "cv2", "torch", "av"} <= {target.split(".")[0] for module in house.values() for target, _ in module.imports}


def test_every_exception_is_needed(house: House) -> None:
    """The list of exceptions holds no line that nobody uses any more."""
    seen = {(module.room, room_of(target)) for module in house.values() for target, _ in module.imports if own(target)}
    assert set(EXCEPTIONS) <= seen


def test_dependencies_are_declared_and_used(house: House) -> None:
    """pyproject lists exactly the outside libraries that are imported, and those with a written reason."""
    assert declared(house, (ROOT / "pyproject.toml").read_text(encoding="utf-8")) == []


# -- the rules can fail ----------------------------------------------------------------------------------------------------------


def build_house(folder: Path, files: dict[str, str]) -> House:
    for name, text in files.items():
        path = folder / "photodiary" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return read_house(folder)


OFFENDERS: dict[str, tuple[Callable[[House], list[str]], dict[str, str], str]] = {
    "upstairs": (floors, {"diary/a.py": "from photodiary.ledger import b\n", "ledger/b.py": ""}, "diary may not know ledger (upstairs)"),
    "next door": (floors, {"ledger/a.py": "import photodiary.archive.b\n", "archive/b.py": ""}, "ledger may not know archive (same floor)"),
    "inside a function": (floors, {"ledger/a.py": "def f():\n    from photodiary.run import b\n", "run/b.py": ""}, "photodiary.ledger.a:2"),
    "for types only": (
        floors,
        {"align/a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from photodiary.render.b import C\n", "render/b.py": ""},
        "align may not know render",
    ),
    "relative": (floors, {"eyenet/a.py": "from ..settings import load\n", "settings.py": ""}, "eyenet may not know settings"),
    "relative package": (floors, {"eyenet/__init__.py": "from .. import settings\n", "settings.py": ""}, "eyenet may not know settings"),
    "no floor": (floors, {"utils/a.py": ""}, "utils stands on no floor"),
    "cycle": (cycles, {"diary/a.py": "from photodiary.diary import b\n", "diary/b.py": "def f():\n    import photodiary.diary.a\n"}, "diary.a -> "),
    "itself": (cycles, {"diary/a.py": "import photodiary.diary.a\n"}, "imports itself"),
    "stolen library": (owners, {"inbox/a.py": "import sqlite3\n"}, "sqlite3 belongs to ledger"),
    "stolen part": (owners, {"run/a.py": "def f():\n    from torch.nn import functional\n"}, "torch belongs to eyenet, locate, retrain"),
    "new library": (owners, {"run/a.py": "import requests\n"}, "requests has no owner"),
    "homesick program": (foreigners, {"retrain/rival_mediapipe.py": "from photodiary.diary import eyes\n"}, "its environment has no photodiary"),
    "imported program": (foreigners, {"retrain/a.py": "from photodiary.retrain import rival_mediapipe\n", "retrain/rival_mediapipe.py": ""}, "never imported"),
    "imported extra": (foreigners, {"run/a.py": "import photodiary.notify.messenger\n", "notify/messenger.py": ""}, "never imported"),
    "second log": (one_log, {"run/a.py": "import structlog\nstructlog.configure(processors=[])\n"}, "structlog.configure belongs to logs"),
    "second log by name": (one_log, {"run/a.py": "from structlog import configure\n"}, "only structlog.get_logger"),
    "words with numpy": (unworldly, {"diary/a.py": "import numpy\n"}, "numpy is not in the standard library"),
    "words with paths": (unworldly, {"diary/a.py": "from pathlib import Path\n"}, "pathlib reaches into the world"),
    "words with a file": (unworldly, {"diary/a.py": "def f(p):\n    return open(p)\n"}, "open() reaches into the world"),
    "words with a clock": (unworldly, {"diary/a.py": "from time import time\n"}, "time reaches into the world"),
    "words with a date": (unworldly, {"diary/a.py": "from datetime import datetime\nx = datetime.now()\n"}, ".now reads a clock"),
    "long": (lengths, {"run/a.py": "x = 1\n" * (LONGEST + 1)}, "301 lines"),
}


@pytest.mark.parametrize(("rule", "files", "complaint"), OFFENDERS.values(), ids=OFFENDERS)
def test_an_offender_is_refused(rule: Callable[[House], list[str]], files: dict[str, str], complaint: str, tmp_path: Path) -> None:
    """Each rule names the file that breaks it, and says nothing more."""
    complaints = rule(build_house(tmp_path, files))
    assert len(complaints) == 1 and complaint in complaints[0]


def test_an_innocent_house_is_accepted(tmp_path: Path) -> None:
    """A house that keeps the rules is not complained about."""
    files = {
        "__init__.py": "",
        "errors.py": "",
        "diary/a.py": "from datetime import datetime, time\nfrom photodiary.errors import E\nfrom photodiary.diary.b import c\n",
        "diary/b.py": "import math\n",
        "ledger/a.py": "import sqlite3\nfrom photodiary.diary import a\n",
        "logs.py": "import structlog\nstructlog.configure()\n",
        "settings.py": "from photodiary.logs import LogsConfig\n",
        "run/a.py": "import structlog\nfrom photodiary import settings\nlog = structlog.get_logger()\n",
        "run/b.py": "x = 1\n" * LONGEST,
    }
    house = build_house(tmp_path, files)
    assert [complaint for rule in RULES for complaint in rule(house)] == []


def test_an_undeclared_library_is_refused(tmp_path: Path) -> None:
    """An import without a declaration, a declaration without an import and a reason that nothing needs are each named."""
    house = build_house(tmp_path, {"darkroom/a.py": "import cv2\nimport torchvision\nimport os\n"})
    pyproject = '[project]\ndependencies = ["numpy>=2", "python-multipart", "torchvision>=0.28", "tzdata"]\n'
    assert declared(house, pyproject) == [
        "opencv-python: imported, not declared",
        "numpy: declared, not imported",
        "torchvision: has a reason but needs none",
    ]
    house = build_house(tmp_path / "extra", {"notify/messenger.py": "import apprise\nimport requests\n"})
    pyproject = '[project]\ndependencies = ["python-multipart", "torchvision", "tzdata"]\n[project.optional-dependencies]\nnotify = ["apprise>=2"]\n'
    assert declared(house, pyproject) == ["photodiary.notify.messenger: its extra notify is not what it imports"]


# -- verbs that do not predict stay light ----------------------------------------------------------------------------------------

HEAVY = {"torch", "torchvision", "timm", "numpy", "cv2", "av", "PIL", "simplejpeg", "pillow_heif", "babel", "prometheus_client"}


def imported_by(arguments: list[str], folder: Path) -> set[str]:
    """Top-level names of all modules that a verb loads, as the interpreter itself reports them."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PHOTODIARY_")} | {"PYTHONPATH": str(ROOT / "service")}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines() if line.startswith("import time:")}


@pytest.mark.parametrize(
    "verb",
    [
        "--help",
        "version",
        "check-config",
        "status",
        "status --json",
        "photos list",
        "scan --once --dry-run",
        "render --dry-run",
        "init fresh",
        "quarantine list",
        "photos why --help",
        "doctor",
        "backup copy",
        "restore --help",
        "review --help",
        "review --link",
        "review --upload-token",
        "notify --help",
        "help photos turn",
        "completion diaries",
    ],
)
def test_a_verb_that_does_not_predict_stays_light(verb: str, tmp_path: Path) -> None:
    """`--help`, `version`, `status` and the like load neither torch, numpy, OpenCV nor PyAV."""
    (tmp_path / "config.toml").write_text('[diary.me]\ninbox = "inbox"\narchive = "archive"\n', encoding="utf-8")
    (tmp_path / "inbox").mkdir()
    Ledger(tmp_path / "archive").close()
    loaded = imported_by(["-m", "photodiary", *verb.split()], tmp_path)
    assert "photodiary" in loaded and "argparse" in loaded
    assert loaded & HEAVY == set()


def test_a_heavy_import_would_be_seen(tmp_path: Path) -> None:
    """The watch over light verbs notices numpy, so that its silence means something."""
    assert "numpy" in imported_by(["-c", "import numpy.linalg"], tmp_path)
