"""Adding a table to a configuration that a person wrote: every byte of the rest stays, and it changes whole or not at all."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from photodiary.errors import BadConfig, BadUsage, StorageTrouble


def with_table(text: bytes, names: Sequence[str], values: Mapping[str, str]) -> bytes:
    """The configuration `text` with a table of strings at its end, [NAMES.JOINED], and nothing else changed.

    Raises BadUsage for what TOML cannot hold, BadConfig where the text leaves no room for such a table, as where the tables are written inline.
    """
    lines = [f"[{'.'.join(map(_key, names))}]", *(f"{_key(key)} = {_string(value)}" for key, value in values.items())]
    end = b"\r\n" if b"\r\n" in text else b"\n"
    gap = end if not text or text.endswith(b"\n") else 2 * end
    new = text + (gap if text else b"") + b"".join(line.encode() + end for line in lines)
    try:
        table: Any = (wanted := tomllib.loads(text.decode()))
        for name in names[:-1]:
            table = table.setdefault(name, {})
        table[names[-1]] = dict(values)
        if tomllib.loads(new.decode()) == wanted:
            return new
    except (ValueError, TypeError, AttributeError):  # ValueError: no TOML, or no text
        pass
    raise BadConfig("the table cannot be added by itself; write it where the others stand:\n  " + "\n  ".join(lines))


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if bare else _string(name)


def _string(value: str) -> str:
    """As a basic string of TOML, which has JSON's escapes."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadUsage(f"{json.dumps(value)}: a configuration can only name what is written in UTF-8") from None
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


@contextmanager
def changed(path: Path, change: Callable[[bytes], bytes]) -> Iterator[Path]:
    """Make `change` to a configuration.  In the block the new one lies beside it, to be checked; it takes its place when the block ends well.

    Owner, mode and access lists stay.  Who else changes it this way waits.  Raises BadUsage where it may not be written, StorageTrouble, and what
    the block raises: BadConfig then speaks of `path`.
    """
    real = Path(os.path.realpath(path))
    if os.path.realpath(path.parent) != str(real.parent):
        raise BadUsage(f"{path}: is a link into {real.parent}, from where its relative paths would mean something else; change it by hand")
    beside = real.with_name(f".{real.name}.{secrets.token_hex(4)}")
    try:
        folder = os.open(real.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise StorageTrouble(f"{path}: cannot be read: {error.strerror}") from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        text = real.read_bytes()
        try:
            new = change(text)
            _write(real, beside, new)
            yield beside
        except BadConfig as error:
            said = str(error).replace(str(beside), str(path))
            raise BadConfig(said if str(path) in said else f"{path}: {said}") from error
        if real.read_bytes() != text:
            raise StorageTrouble(f"{path}: somebody else changed it just now; nothing was changed, call again")
        beside.rename(real)
        os.fsync(folder)
    except PermissionError as error:
        raise BadUsage(f"{path}: you may not change it ({error.strerror}); call this as its owner, as with sudo") from error
    except OSError as error:
        raise StorageTrouble(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        os.close(folder)


def _write(old: Path, beside: Path, text: bytes) -> None:
    """Raises OSError, also where the new file could not have the old one's owner."""
    status = old.stat()
    with beside.open("xb") as handle:
        os.fchmod(handle.fileno(), 0o600)
        if (status.st_uid, status.st_gid) != (os.geteuid(), os.fstat(handle.fileno()).st_gid):
            os.fchown(handle.fileno(), status.st_uid, status.st_gid)
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    shutil.copystat(old, beside)
    os.utime(beside)
