"""The container: what can be shown of it without an engine.

Its entry point and the daemon run where the image would put them: a root that cannot be written to, their own folders mounted, no network, no capabilities,
no name and no home.  Dockerfile and compose files are read as what they are.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from photodiary import __version__
from photodiary.cli import parser
from tests.support.daemon import QUICK, ROOT, WITH_DOTS
from tests.support.dots import drop, photo

DOCKER = ROOT / "deploy/docker"

# An image is made of this machine's own files: a layer over `/` takes what the Dockerfile adds, and is then closed.
CONTAINER = """
set -eu
room=$1; shift
mount -t tmpfs none "$room/layer"
mkdir "$room/layer/upper" "$room/layer/work" "$room/layer/root"
root=$room/layer/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$room/layer/upper,workdir=$room/layer/work" "$root"
mkdir -p "$root/inbox" "$root/archive" "$root/state" "$root/config" "$root/opt/photodiary/venv/bin"
chmod 755 "$root/root"
cp {root}/deploy/docker/entrypoint "$root/opt/photodiary/entrypoint"
cp "$room/photodiary" "$root/opt/photodiary/venv/bin/photodiary"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
for folder in inbox archive state config; do
    [ ! -d "$room/$folder" ] || mount --bind "$room/$folder" "$root/$folder"
done
[ ! -d "$room/inbox" ] || mount -o remount,bind,ro "$root/inbox"
mount -t tmpfs -o mode=1777,nosuid,nodev,noexec none "$root/tmp"
for place in {root} {prefix}; do
    case $place in /tmp/*) mkdir -p "$root$place"; mount --bind "$place" "$root$place" ;; esac
done
mount -o remount,ro "$root"
exec chroot "$root" /usr/bin/env -i {environment} "$@"
"""


def of_image() -> dict[str, str]:
    """The environment that the Dockerfile gives."""
    (text,) = re.findall(r"^ENV (PATH=.*?[^\\])\n(?!    )", (DOCKER / "Dockerfile").read_text().split("FROM")[-1], re.MULTILINE | re.DOTALL)
    given = dict(word.split("=", 1) for word in text.replace("\\\n", " ").split())
    return {**given, "PATH": given["PATH"].replace("$PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")}


@dataclass
class Container:
    """A room with the folders that are mounted, and a `photodiary` of the test's own."""

    room: Path

    def command(self, *arguments: str, user: str | None, environment: Mapping[str, str]) -> list[str]:
        """user: as `user:` of compose has it, with no capability left; None: root with the capabilities that engines give."""
        told = " ".join(shlex.quote(f"{key}={value}") for key, value in {**of_image(), **environment}.items())
        script = CONTAINER.format(root=shlex.quote(str(ROOT)), prefix=shlex.quote(sys.prefix), environment=told)
        become = ["--no-new-privs"]
        if user is not None:
            uid, gid = user.split(":")
            become += [f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
        inside = ["setpriv", *become, "/opt/photodiary/entrypoint", *arguments]
        return ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", script, "sh", str(self.room), *inside]

    def run(self, *arguments: str, user: str | None = "1234:1234", **environment: str) -> subprocess.CompletedProcess[str]:
        command = self.command(*arguments, user=user, environment=environment)
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


SAYS = """#!/bin/sh
grep -E '^(Uid|Gid|Groups|CapEff|CapPrm|NoNewPrivs)' /proc/self/status
umask
echo "$*"
"""


def a_program(room: Path, text: str) -> None:
    (room / "photodiary").write_text(text)
    (room / "photodiary").chmod(0o755)


@pytest.fixture
def container(tmp_path: Path) -> Container:
    """All four folders, as the user 1234 has made them, and a `photodiary` that says how it was called."""
    room = tmp_path / "room"
    room.mkdir()
    (room / "layer").mkdir()
    for name in ("inbox", "archive", "state", "config"):
        (room / name).mkdir()
        shutil.chown(room / name, 1234, 1234)
        (room / name).chmod(0o700)
    a_program(room, SAYS)
    return Container(room)


NOBODYS = {"Uid": "1234", "Gid": "1234", "Groups": "", "CapEff": "0" * 16, "CapPrm": "0" * 16, "NoNewPrivs": "1"}


def told(done: subprocess.CompletedProcess[str]) -> tuple[dict[str, str], list[str]]:
    """What the kernel says of the program, and its own lines behind that."""
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    kernel = {key: value.strip().split("\t")[0] for key, value in (line.split(":", 1) for line in lines if ":" in line)}
    return kernel, [line for line in lines if ":" not in line]


@pytest.mark.parametrize(("user", "environment"), [("1234:1234", {}), (None, {"PUID": "1234", "PGID": "1234"})])
def test_photodiary_is_never_root_whoever_starts_the_container(container: Container, user: str | None, environment: dict[str, str]) -> None:
    """With `user:` or as root with PUID and PGID: the program is that user without groups, capabilities or a way to get any, and writes for itself alone."""
    kernel, said = told(container.run("status", "--check", user=user, **environment))
    assert (kernel, said) == (NOBODYS, ["0077", "status --check"])
    assert told(container.run(user=user, **environment))[1][-1] == "run", "without arguments it is the service"


def test_the_first_start_writes_a_configuration_and_no_other_does(container: Container) -> None:
    """It has the mounted folders and the time zone of TZ; a configuration that is there is kept, also by a root that may write everywhere."""
    done = container.run("run", TZ="Europe/Berlin")
    assert done.returncode == 0 and "wrote /config/config.toml" in done.stderr
    config = container.room / "config/config.toml"
    written = tomllib.loads(config.read_text())
    assert written == {"timezone": "Europe/Berlin", "state": "/state", "diary": {"me": {"inbox": "/inbox", "archive": "/archive"}}}
    assert (config.stat().st_uid, config.stat().st_mode & 0o777) == (1234, 0o600)
    assert container.run("run", user=None, PUID="1234", PGID="1234", TZ="America/New_York").stderr == ""
    assert tomllib.loads(config.read_text()) == written
    assert [path.name for path in config.parent.iterdir()] == ["config.toml"]


def test_what_is_wrong_with_a_folder_or_a_setting_is_said_with_what_helps(container: Container) -> None:
    """An inbox or archive of somebody else's, a time zone that is none, a PUID that is root's: a sentence, what to do, and status 78."""
    for environment, wrong in (({"TZ": "Berlin"}, 'TZ="Berlin" is no time zone'), ({"TZ": "../../etc/passwd"}, "is no time zone")):
        done = container.run("run", **environment)
        assert done.returncode == 78 and wrong in done.stderr, done.stderr
    for number in ("0", "00", "me", "-1"):
        done = container.run("run", user=None, PUID=number, PGID="1234")
        assert done.returncode == 78 and "PUID not root's" in done.stderr, (number, done.stderr)
    shutil.chown(container.room / "inbox", 4321, 4321)
    done = container.run("run")
    assert done.returncode == 78
    assert "/inbox belongs to 4321:4321, and 1234:1234 may not read there" in done.stderr and "set PUID=4321 and PGID=4321" in done.stderr
    shutil.chown(container.room / "inbox", 1234, 1234)
    shutil.chown(container.room / "archive", 0, 0)
    done = container.run("run")
    assert done.returncode == 78 and "sudo chown -R 1234:1234 FOLDER" in done.stderr
    assert told(container.run("run", user=None, PUID="1234", PGID="1234", TZ="UTC"))[0]["Uid"] == "1234", "root gives an empty folder to whom it is for"
    assert (container.room / "archive").stat().st_uid == 1234


@pytest.fixture
def living(container: Container) -> Container:
    """The same with the real program in it, as far as it needs no network of eyes."""
    (container.room / "config/config.toml").write_text(
        QUICK.replace('"inbox"', '"/inbox"').replace('"archive"', '"/archive"').replace("timezone", 'state = "/state"\ntimezone', 1)
    )
    (container.room / "state/dots.py").write_text(WITH_DOTS.format(root=str(ROOT), service=str(ROOT / "service")))
    a_program(container.room, f'#!/bin/sh\nexec {shlex.quote(sys.executable)} /state/dots.py "$@"\n')
    for path in (container.room / "config/config.toml", container.room / "state/dots.py"):
        shutil.chown(path, 1234, 1234)
    return container


@pytest.mark.slow
def test_a_film_is_made_where_nothing_but_the_mounted_folders_can_be_written(living: Container) -> None:
    """The daemon in the container: it makes the film, its health check says so, it stops on SIGTERM, and all it leaves lies in its folders, for it alone."""
    for number in range(3):
        shutil.chown(drop(living.room / "inbox", f"IMG_{number}.jpg", photo(number)), 1234, 1234)
    inside = textwrap.dedent("""
        photodiary run & daemon=$!
        for _ in $(seq 600); do
            [ -e /archive/films/latest.mp4 ] && break
            sleep 0.1
        done
        photodiary status --json; photodiary status --check; echo "check $?"
        ls /tmp/* 2>/dev/null | head -3
        kill -TERM $daemon; wait $daemon; echo "stopped $?"
        photodiary status --check >/dev/null 2>&1; echo "check $?"
    """)
    command = living.command("run", user="1234:1234", environment={})
    command[-2:] = ["sh", "-c", inside]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    status = json.loads(lines[0])
    assert status["diaries"][0]["reel"]["frames"] == 3 and status["degraded"] == [], status
    assert [line for line in lines if re.fullmatch(r"(check|stopped) \d+", line)] == ["check 0", "stopped 0", "check 1"]
    assert "Traceback" not in done.stderr and "error" not in done.stderr.lower(), done.stderr
    for path in (living.room / "archive").rglob("*"):
        assert (path.lstat().st_uid, path.lstat().st_mode & 0o077) == (1234, 0), path
    assert sorted(path.name for path in (living.room / "inbox").iterdir()) == ["IMG_0.jpg", "IMG_1.jpg", "IMG_2.jpg"]


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions and what they say, lines that go on joined."""
    text = re.sub(r"\\\n\s*", " ", "\n".join(line for line in (DOCKER / "Dockerfile").read_text().splitlines() if not line.startswith("#")))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in text.splitlines()) if word.isupper()]


def test_the_dockerfile_takes_what_is_there_and_is_of_this_version() -> None:
    """What it copies is in the repository and let through by .dockerignore; its version, licence and stop signal are ours; it holds no secret and no root."""
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [word for kind, rest in instructions() if kind == "COPY" and "--from" not in rest for word in rest.split()[:-1] if not word.startswith("--")]
    assert set(copied) == let_through and all((ROOT / name).exists() for name in copied)
    said = dict(instructions())
    assert said["USER"] == "1000:1000" and said["STOPSIGNAL"] == "SIGTERM"
    versions = dict(rest.split("=", 1) for kind, rest in instructions() if kind == "ARG" and "=" in rest)
    assert versions["VERSION"] == __version__
    python = re.fullmatch(r"python:3\.(\d+)-slim-bookworm", versions["PYTHON_IMAGE"])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert python is not None and project["project"]["requires-python"] == ">=3.11" and int(python[1]) >= 11
    assert re.search(r"^torch==\S+$", (ROOT / "deploy/constraints.txt").read_text(), re.MULTILINE), "what is taken from PyTorch's own index"
    assert project["project"]["license"] == "MIT" and "MIT AND GPL" in said["LABEL"]
    health = json.loads(said["HEALTHCHECK"].partition("CMD ")[2])
    assert health[0] == "photodiary" and parser().parse_args(health[1:]).check is True
    assert parser().parse_args(json.loads(said["CMD"])).verb == "run"


def composed(*names: str) -> dict[str, Any]:
    """Compose files with anchors and merges resolved, the later laid over the earlier as Compose does it."""
    made: dict[str, Any] = {}
    for name in names:
        made = laid_over(made, yaml.safe_load((DOCKER / name).read_text()))
    return made


def laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    return {**below, **{key: laid_over(below[key], value) if isinstance(value, dict) and key in below else value for key, value in above.items()}}


@pytest.mark.parametrize("names", [("compose.yaml",), ("compose.yaml", "compose.cuda.yaml")])
def test_the_compose_files_keep_every_service_behind_walls(names: tuple[str, ...]) -> None:
    """No root, no capability, nothing that can be written but four folders and /tmp, the inbox not even that; the service has no network at all."""
    services = composed(*names)["services"]
    assert set(services) == {"daemon", "review"}
    for service in services.values():
        assert service["user"] == "${PUID:-1000}:${PGID:-1000}"
        assert (service["read_only"], service["cap_drop"], service["security_opt"]) == (True, ["ALL"], ["no-new-privileges:true"])
        assert not {"privileged", "cap_add", "devices", "ipc", "env_file"} & service.keys()
        assert {volume["target"]: volume.get("read_only", False) for volume in service["volumes"]} == {
            "/inbox": True, "/archive": False, "/state": False, "/config": False,
        }  # fmt: skip
        assert all(volume["type"] == "bind" and volume["bind"] == {"create_host_path": False} for volume in service["volumes"])
        assert (ROOT / service["build"]["dockerfile"]).exists() and (DOCKER / service["build"]["context"]).resolve() == ROOT
        assert parser().parse_args(service["command"]).verb == service["command"][0]
    assert services["daemon"]["network_mode"] == "none" and "ports" not in services["daemon"]
    assert services["review"]["ports"] == ["${PAGE_ADDRESS:-127.0.0.1}:${PAGE_PORT:-8463}:8463"] and "network_mode" not in services["review"]
    with_card = services["daemon"].get("deploy", {}).get("resources", {}).get("reservations", {}).get("devices")
    cuda = len(names) == 2
    assert with_card == ([{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}] if cuda else None) and "deploy" not in services["review"]
    for service in services.values():
        assert service["image"] == ("photodiary:cuda" if cuda else "photodiary:cpu")
        assert service["build"]["args"]["TORCH_INDEX"] == ("" if cuda else "https://download.pytorch.org/whl/cpu")


def test_every_variable_of_the_compose_files_is_explained() -> None:
    """What compose.yaml asks for stands in env.example, and nothing else does."""
    asked = {name for file in DOCKER.glob("*.yaml") for name in re.findall(r"\$\{([A-Z_]+)", file.read_text())}
    explained = dict(re.findall(r"^([A-Z_]+)=(.*)$", (DOCKER / "env.example").read_text(), re.MULTILINE))
    assert asked == explained.keys()
    defaults = dict(re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", (DOCKER / "compose.yaml").read_text()))
    assert {name: explained[name] for name in defaults if name != "TZ"} == {name: value for name, value in defaults.items() if name != "TZ"}
