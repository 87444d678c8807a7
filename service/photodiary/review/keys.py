"""The page's secrets, in a folder of their own below `state`: the key that signs cookies, links that let one device in, tokens for uploads.

Links and tokens are kept as SHA-256 only, so that who reads the folder cannot use them; the folder is 0700, files are 0600.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from photodiary.errors import StorageTrouble

A_DAY = 86_400.0
LINK_S = 600.0  # a link works for ten minutes
LINKS_AT_MOST = 50
GUEST, IN = "guest", "in"


@dataclass(frozen=True)
class Session:
    """What a cookie says.  sid: of one browser; role: GUEST may do what its address allows, IN was let in by a link; issued: epoch seconds."""

    sid: str
    role: str
    issued: float


class Keys:
    """The folder is made on demand.  clock: seconds since the epoch.  Raises StorageTrouble where the folder refuses."""

    def __init__(self, folder: Path, *, remember_days: float, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self._remember_s = remember_days * A_DAY
        self._clock = clock

    # -- cookies -------------------------------------------------------------------------------------------------------

    def new_session(self, role: str) -> tuple[Session, str]:
        """A session and the cookie's value for it."""
        session = Session(secrets.token_urlsafe(18), role, float(int(self._clock())))
        return session, self.cookie(session)

    def cookie(self, session: Session) -> str:
        text = f"{session.role}.{int(session.issued)}.{session.sid}"
        return f"{text}.{self._signed('session', text)}"

    def session(self, cookie: str | None) -> Session | None:
        """What a cookie says, if it is one of ours and not too old."""
        if cookie is None or len(cookie) > 200 or not cookie.isascii():
            return None
        text, _, mark = cookie.rpartition(".")
        if not hmac.compare_digest(mark.encode(), self._signed("session", text).encode()):
            return None
        role, issued, sid = text.split(".")
        if not -300 <= self._clock() - float(issued) <= self._remember_s:
            return None
        return Session(sid, role, float(issued))

    def csrf(self, session: Session) -> str:
        """The token that this browser's forms must carry."""
        return self._signed("csrf", session.sid)

    def _signed(self, what: str, text: str) -> str:
        mark = hmac.new(self._key(), f"{what}:{text}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(mark).decode().rstrip("=")

    def _key(self) -> bytes:
        """Read each time: who signs all devices out removes it, and it counts at once."""
        path = self.folder / "key"
        try:
            return path.read_bytes()
        except FileNotFoundError:
            self._write("key", secrets.token_bytes(32), only_new=True)
            return path.read_bytes()
        except OSError as error:
            raise StorageTrouble(f"{path}: cannot be read: {error.strerror}") from error

    def sign_out(self) -> None:
        """Every device needs a new link from now on; links that are on their way stop working too."""
        with suppress(FileNotFoundError):
            (self.folder / "key").unlink()
        for path in self._links():
            path.unlink(missing_ok=True)

    # -- links ---------------------------------------------------------------------------------------------------------

    def new_link(self) -> str:
        """A token that lets one device in, once, within ten minutes."""
        token = secrets.token_urlsafe(24)
        for path in sorted(self._links(), key=lambda path: path.name)[: -LINKS_AT_MOST or None]:
            path.unlink(missing_ok=True)
        self._write(f"link-{_hash(token)}", str(self._clock() + LINK_S).encode())
        return token

    def use_link(self, token: str) -> bool:
        """Whether this token lets a device in; from now on it does not.  Of two that come with it at once, one gets in."""
        wanted, found = f"link-{_hash(token)}".encode(), None
        for path in self._links():  # every one is compared, and in constant time, so that time tells nothing
            if hmac.compare_digest(path.name.encode(), wanted):
                found = path
        if found is None:
            return False
        try:
            until = float(found.read_text(encoding="ascii"))
            found.unlink()  # whoever removes it had it
        except (OSError, ValueError):
            return False
        return self._clock() <= until

    def _links(self) -> list[Path]:
        try:
            return [path for path in self.folder.iterdir() if path.name.startswith("link-")]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageTrouble(f"{self.folder}: cannot be read: {error.strerror}") from error

    # -- uploads -------------------------------------------------------------------------------------------------------

    def new_upload_token(self, diary: str) -> str:
        """A token with which photos may be sent to one diary, and nothing else; the one before it stops working."""
        token = secrets.token_urlsafe(32)
        self._write("uploads", json.dumps({**self._uploads(), diary: _hash(token)}).encode())
        return token

    def may_upload(self, token: str, diary: str) -> bool:
        return hmac.compare_digest(self._uploads().get(diary, "").encode(), _hash(token).encode())

    def _uploads(self) -> dict[str, str]:
        try:
            told = json.loads((self.folder / "uploads").read_bytes())
        except (OSError, ValueError):
            return {}
        return {str(name): str(value) for name, value in told.items()} if isinstance(told, dict) else {}

    def _write(self, name: str, data: bytes, *, only_new: bool = False) -> None:
        """Whole or not at all; with `only_new` the first who comes wins."""
        beside, target = self.folder / f".{secrets.token_hex(8)}", self.folder / name
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
            if only_new:
                with suppress(FileExistsError):
                    os.link(beside, target)
                beside.unlink()
            else:
                beside.rename(target)
        except OSError as error:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise StorageTrouble(f"{target}: cannot be written: {error.strerror}") from error


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
