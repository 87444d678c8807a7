"""What a sandbox that systemd built when it started us does not show: a folder that came later.  Only another start builds another one."""

from __future__ import annotations

import os
from pathlib import Path

HOMES = ("/home", "/root", "/run/user")  # what ProtectHome=tmpfs puts an empty file system over
MOUNTS = Path("/proc/self/mountinfo")


def hidden(folder: Path, mounts: Path = MOUNTS) -> bool:
    """Whether a folder may be there for others, and cannot be for us: where it would lie is one of the empty file systems over the homes.  See proc(5)."""
    best, kind = "", ""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    path = os.path.abspath(folder)
    for line in lines:
        before, _, after = line.partition(" - ")
        point = before.split(" ")[4].replace("\\040", " ")
        if (path == point or path.startswith(point.rstrip("/") + "/")) and len(point) >= len(best):
            best, kind = point, after.split(" ")[0]
    return kind == "tmpfs" and best in HOMES and not os.path.lexists(path)
