"""The program: each version in a venv of its own, made beside the one in force, which one rename of a link replaces."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

from accounts import Account, run_as
from places import CLONE, Places, Trouble

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
MADE = "photodiary-made.json"
GIVEN = "PHOTODIARY_INSTALL_VENV"
"""In the environment: a venv that has the program already, which is then linked to instead of making one.  For packagers, and for tests."""
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "service")
CACHE = Path("/var/cache/photodiary")  # of the unit: what a graphics card's driver makes for it
LARGE_MB = 50.0
TRIED = "import av, cv2, timm, torch, apprise, photodiary.cli, photodiary.run.daemon"
COMMAND = """\
#!/bin/sh
# Called by root, photodiary acts as the user of its service, so that no file of a diary comes to belong to root.
case " $* " in *" --config"*) exec {program} "$@" ;; esac
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    PHOTODIARY_CONFIG=${{PHOTODIARY_CONFIG:-{config}}}
    export PHOTODIARY_CONFIG
    exec env HOME={home} setpriv --reuid={uid} --regid={gid} {groups} {program} "$@"
fi
exec {program} "$@"
"""


def version() -> str:
    found = re.search(r'__version__ = "([^"]+)"', (CLONE / "service/photodiary/__init__.py").read_text(encoding="utf-8"))
    return found[1] if found else "unknown"


def in_force(places: Places) -> dict[str, str]:
    """What was noted of the venv in force: version, fingerprint, cpu, torch; empty where there is none."""
    try:
        noted: dict[str, str] = json.loads((places.venv / MADE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return noted if os.path.exists(places.venv / "bin/photodiary") else {}


def wanted(*, cpu: bool) -> dict[str, str]:
    """The same of the venv that this clone and this Python would give."""
    found = hashlib.sha256(f"{os.path.realpath(sys.executable)} {sys.version} {cpu} {os.environ.get(GIVEN, '')}".encode())
    constraints = CLONE / "deploy/constraints.txt"
    for path in (constraints, CLONE / "pyproject.toml", *sorted((CLONE / "service").rglob("*"))):
        if path.is_file() and "__pycache__" not in path.parts and ".egg-info" not in str(path):
            found.update(f"{path.relative_to(CLONE)} {path.stat().st_size}\n".encode())
            found.update(path.read_bytes())
    torch = next((line.strip() for line in constraints.read_text(encoding="utf-8").splitlines() if line.startswith("torch==")), "")
    return {"version": version(), "fingerprint": found.hexdigest(), "cpu": str(cpu), "torch": torch, "python": f"{sys.version_info[0]}.{sys.version_info[1]}"}


def make(places: Places, noted: dict[str, str]) -> Path:
    """A new venv beside the one in force.  Raises Trouble, and leaves nothing."""
    clean(places)
    name = f"venv-{noted['version']}-{time.strftime('%Y%m%d-%H%M%S')}"
    new = next(path for path in (places.program / f"{name}{again}" for again in ("", "b", "c", "d")) if not path.exists())
    try:
        given = os.environ.get(GIVEN)
        if given:
            (new / "bin").mkdir(parents=True)
            for name in ("python", "photodiary"):
                (new / "bin" / name).symlink_to(Path(given) / "bin" / name)
        else:
            _build(places, new, noted)
        (new / MADE).write_text(json.dumps(noted), encoding="utf-8")
    except (OSError, subprocess.CalledProcessError) as error:
        shutil.rmtree(new, ignore_errors=True)
        raise Trouble(f"the program could not be installed ({error}); what was there before is in force") from error
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return new


def _build(places: Places, new: Path, noted: dict[str, str]) -> None:
    work = places.program / ".build"
    shutil.rmtree(work, ignore_errors=True)
    (work / "tmp").mkdir(parents=True)
    try:
        for name in SOURCES:
            source = CLONE / name
            if source.is_dir():
                shutil.copytree(source, work / "source" / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
            else:
                (work / "source").mkdir(exist_ok=True)
                shutil.copyfile(source, work / "source" / name)
        subprocess.run([sys.executable, "-E", "-s", "-m", "venv", str(new)], check=True)
        old = in_force(places)
        same_libraries = all(old.get(key) == noted[key] for key in ("torch", "cpu", "python"))
        if same_libraries:
            _bring_over(places.venv, new)
        else:
            print("Bringing the libraries: some minutes, " + ("mostly PyTorch." if noted["cpu"] == "True" else "2.8 GB, nearly all of it PyTorch with CUDA."))
        index = noted["cpu"] == "True" and _index_answers()
        if noted["cpu"] == "True" and not index and not same_libraries:
            print(f"{CPU_INDEX} does not answer: PyTorch comes from the ordinary registry, larger, and runs on the processor as well.")
        what = [str(new / "bin/python"), "-m", "pip", "install", "--no-cache-dir", "--progress-bar", "off", "--no-input", "--disable-pip-version-check"]
        what += ["--constraint", str(CLONE / "deploy/constraints.txt"), f"{work / 'source'}[notify]"]
        environment = {**os.environ, "TMPDIR": str(work / "tmp"), "PYTHONNOUSERSITE": "1", "PIP_REQUIRE_VIRTUALENV": "0"}
        if not index or not _pip(
            what, {**environment, "PIP_EXTRA_INDEX_URL": f"{os.environ.get('PIP_EXTRA_INDEX_URL', '')} {CPU_INDEX}".strip()}, places, last=False
        ):
            _pip(what, environment, places, last=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _index_answers() -> bool:
    import urllib.request  # here, because it takes longer to load than most of what is done

    try:
        with urllib.request.urlopen(f"{CPU_INDEX}/torch/", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _pip(command: list[str], environment: dict[str, str], places: Places, *, last: bool) -> bool:
    """Tells of large downloads only; all it said lies in install.log.  Raises Trouble when the last try failed."""
    log = places.program / "install.log"
    said = []
    with (
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as pip,
        log.open("w") as file,
    ):
        for line in pip.stdout or ():
            file.write(line)
            said.append(line)
            found = re.match(r"\s*Downloading (\S+) \((\d+\.?\d*) (MB|GB)\)", line)
            if found and float(found[2]) * (1000 if found[3] == "GB" else 1) >= LARGE_MB:
                print(f"  {os.path.basename(found[1]).split('-')[0]}, {found[2]} {found[3]}", flush=True)
    if pip.returncode == 0:
        return True
    if last:
        errors = [line for line in said if line.startswith("ERROR")] or said[-5:]
        raise Trouble("the program could not be installed; what was there before is in force. pip said (all of it: "
                      f"{log}):\n" + "".join(errors).strip() + "\nIf a registry did not answer, call this again later.", 75)  # fmt: skip
    return False


def _bring_over(old: Path, new: Path) -> None:
    """Libraries that stay the same are neither fetched nor stored twice: the new venv begins with links to them.

    pip replaces files and never writes into them, so that the old venv stays whole.
    """
    source, target = (next((venv / "lib").glob("python3*/site-packages")) for venv in (old.resolve(), new))
    own = ("pip", "setuptools", "photodiary", "_distutils", "distutils-precedence")
    for entry in source.iterdir():
        if entry.name.startswith(own) or (target / entry.name).exists():
            continue
        if entry.is_dir():
            shutil.copytree(entry, target / entry.name, copy_function=os.link, symlinks=True)
        else:
            os.link(entry, target / entry.name)


def works(new: Path, account: Account) -> str:
    """What goes wrong when the service's user runs it; empty: nothing."""
    said = run_as(account, [str(new / "bin/photodiary"), "version"])
    if said.returncode == 0 and not os.environ.get(GIVEN):
        said = run_as(account, [str(new / "bin/python"), "-c", TRIED])
    return "" if said.returncode == 0 else (said.stderr or said.stdout).strip()


def knows(new: Path, account: Account) -> int | None:
    """Which form of the diary databases it knows at most, None where it does not say."""
    said = run_as(account, [str(new / "bin/python"), "-c", "from photodiary.ledger.schema import MIGRATIONS; print(len(MIGRATIONS))"])
    return int(said.stdout) if said.returncode == 0 and said.stdout.strip().isdigit() else None


def put_in_force(places: Places, new: Path) -> Path | None:
    """One rename.  Returns the venv that was in force, None when none was."""
    old = places.venv.resolve() if places.venv.is_symlink() else None
    if old is None and places.venv.exists():  # not made here
        old = places.venv.rename(places.program / f"venv-before-{time.strftime('%Y%m%d-%H%M%S')}")
    _link(places.venv, new.name)
    (places.program / "bin").mkdir(exist_ok=True)
    if not (places.program / "bin/photodiary").is_symlink():
        _link(places.program / "bin/photodiary", "../venv/bin/photodiary")
    return old if old is not None and old.exists() else None


def _link(path: Path, target: str) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    beside.symlink_to(target)
    beside.replace(path)


def call_it(places: Places, account: Account) -> bool:
    """What people call it by.  Returns whether that is new."""
    if places.command.exists() and not _is_ours(places):
        print(f"{places.command} is somebody else's and stays; call {places.program / 'bin/photodiary'}", file=sys.stderr)
        return False
    places.command.parent.mkdir(parents=True, exist_ok=True)
    if places.user:
        if places.command.is_symlink() and places.command.resolve() == (places.program / "bin/photodiary").resolve():
            return False
        _link(places.command, str(places.program / "bin/photodiary"))
        return True
    groups = "--init-groups" if not account.name.isdigit() else "--clear-groups"
    text = COMMAND.format(
        config=places.config, program=places.program / "bin/photodiary", home=shlex.quote(account.home), uid=account.uid, gid=account.gid, groups=groups
    )
    if places.command.exists() and places.command.read_text(encoding="utf-8") == text:
        return False
    beside = places.command.with_name(".photodiary.new")
    beside.write_text(text, encoding="utf-8")
    beside.chmod(0o755)
    beside.replace(places.command)
    return True


def _is_ours(places: Places) -> bool:
    if places.command.is_symlink():
        return str(places.program) in os.readlink(places.command)
    try:
        return str(places.program / "bin/photodiary") in places.command.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def clean(places: Places) -> None:
    """Remove venvs that are not in force, which an interrupted call left."""
    for venv in _venvs(places):
        if venv.resolve() != places.venv.resolve():
            shutil.rmtree(venv, ignore_errors=True)


def _venvs(places: Places) -> list[Path]:
    return [path for path in places.program.glob("venv-*") if (path / "bin").is_dir() or (path / "pyvenv.cfg").is_file()]


def remove(places: Places) -> None:
    """Remove the program, and nothing else that lies there."""
    venvs = _venvs(places)
    if _is_ours(places):
        places.command.unlink()
    for name in ("venv", "bin", "units", ".build", "install.log", "config.example.toml", ".enabled", ".lock"):
        path = places.program / name
        if path.is_symlink() or path.is_file():
            path.unlink()
        else:
            shutil.rmtree(path, ignore_errors=True)
    for venv in venvs:
        shutil.rmtree(venv, ignore_errors=True)
    if not places.user:
        shutil.rmtree(CACHE, ignore_errors=True)
    if places.program.is_dir() and not any(places.program.iterdir()):
        places.program.rmdir()
