"""A small Immich: a real HTTP server that answers as Immich's API documentation says, and misbehaves when it is told to.

GET /api/server/version, /api/users/me, /api/albums, /api/people, /api/assets/{id}/original; POST /api/search/metadata with pages.  Every request but the
first needs the key in x-api-key, and the permission that its documentation names.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

ME, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
KEY = "tyFcnoODHyqDDZQtdmBoXXeqHENvSpzV0wUgNHvBYU"
ALL = frozenset({"user.read", "asset.read", "asset.download", "album.read", "person.read"})


def number(kind: int, which: int) -> str:
    return f"{kind:08x}-0000-4000-8000-{which:012x}"


@dataclass
class Asset:
    data: bytes
    name: str = "IMG_1.jpg"
    taken: str = "2024-05-15T14:39:00.000Z"
    type: str = "IMAGE"
    owner: str = ME
    albums: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)  # what the answer says instead


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """Who asks may leave in the middle."""


class Immich:
    """Serves on a loopback port until closed."""

    def __init__(self) -> None:
        self.assets: dict[str, Asset] = {}
        self.albums: dict[str, str] = {}
        self.people: dict[str, str] = {}
        self.permissions = ALL
        self.page = 1000  # answers are never longer, whatever was asked for
        self.asked: list[tuple[str, str, str | None]] = []  # method, path, key
        self.searched: list[dict[str, Any]] = []
        self.troubles: list[int | str] = []  # what becomes of the next downloads: a status, "cut", "wrong", "slow" or "" for none
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}  # by path, instead of what it would say
        self.seconds = 0.0  # of a download
        self._server = _Quiet(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def add(self, asset: Asset) -> str:
        made = number(1, len(self.assets))
        self.assets[made] = asset
        return made

    def downloads(self) -> list[str]:
        return [path.split("/")[3] for _, path, _ in self.asked if path.endswith("/original")]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def described(self, made: str) -> dict[str, Any]:
        asset = self.assets[made]
        return {
            "id": made, "type": asset.type, "ownerId": asset.owner, "originalFileName": asset.name, "originalPath": f"/data/{asset.name}",
            "checksum": base64.b64encode(hashlib.sha1(asset.data).digest()).decode(), "localDateTime": asset.taken, "fileCreatedAt": asset.taken,
            "isTrashed": False, "isOffline": False, "isArchived": False, "visibility": "timeline", "livePhotoVideoId": None,
            "exifInfo": {"fileSizeInByte": len(asset.data), "timeZone": "Europe/Berlin"}, **asset.more,
        }  # fmt: skip

    def search(self, said: dict[str, Any]) -> dict[str, Any]:
        self.searched.append(said)
        unknown = said.keys() - {"type", "size", "page", "order", "withExif", "albumIds", "personIds", "takenAfter", "takenBefore"}
        assert not unknown and 1 <= said["size"] <= 1000 and said["page"] >= 1
        found = [
            made for made, asset in self.assets.items()
            if asset.type == said.get("type", asset.type) and set(said.get("albumIds", ())) <= set(asset.albums)
            and set(said.get("personIds", ())) <= set(asset.people)
            and moment(said.get("takenAfter", "1900-01-01T00:00:00.000Z")) <= moment(asset.taken) <= moment(said.get("takenBefore", "2999-01-01T00:00:00.000Z"))
        ]  # fmt: skip
        size = min(said["size"], self.page)
        shown, more = found[(said["page"] - 1) * size :][:size], len(found) > said["page"] * size
        items = [self.described(made) for made in shown]
        assets = {"total": len(items), "count": len(items), "items": items, "facets": [], "nextPage": str(said["page"] + 1) if more else None}
        return {"albums": {"total": 0, "count": 0, "items": [], "facets": []}, "assets": assets}


def moment(text: str) -> datetime:
    """As the documentation wants moments: with a zone."""
    made = datetime.fromisoformat(text)
    assert made.tzinfo is not None
    return made


def _handler(immich: Immich) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # head and body in one piece: two would wait for one another

        def log_message(self, *_: Any) -> None:
            pass

        def say(self, status: int, data: Any, headers: dict[str, str] | None = None) -> None:
            body = data if isinstance(data, bytes) else json.dumps(data).encode()
            self.send_response(status)
            for key, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def permitted(self, permission: str) -> bool:
            if self.headers.get("x-api-key") != KEY:
                self.say(401, {"message": "Invalid API key", "error": "Unauthorized", "statusCode": 401})
            elif permission not in immich.permissions:
                self.say(403, {"message": f"Missing required permission: {permission}", "error": "Forbidden", "statusCode": 403})
            else:
                return True
            return False

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            immich.asked.append(("POST", self.path, self.headers.get("x-api-key")))
            if self.path in immich.answers:
                self.instead(self.path)
            elif self.path == "/api/search/metadata" and self.permitted("asset.read"):
                self.say(200, immich.search(json.loads(body)))

        def instead(self, path: str) -> None:
            status, headers, data = immich.answers[path]
            self.say(status, data, headers)

        def do_GET(self) -> None:
            immich.asked.append(("GET", self.path, self.headers.get("x-api-key")))
            path = urlsplit(self.path)
            if path.path in immich.answers:
                self.instead(path.path)
            elif path.path == "/api/server/version":
                self.say(200, {"major": 2, "minor": 3, "patch": 1})
            elif path.path == "/api/users/me":
                if self.permitted("user.read"):
                    self.say(200, {"id": ME, "email": "me@example.org", "name": "Me"})
            elif path.path == "/api/albums":
                if self.permitted("album.read"):
                    shared = "shared" in parse_qs(path.query)
                    self.say(200, [] if shared else [{"id": made, "albumName": name, "assetCount": 1} for made, name in immich.albums.items()])
            elif path.path == "/api/people":
                if self.permitted("person.read"):
                    page, size = int(parse_qs(path.query)["page"][0]), 2
                    found = [{"id": made, "name": name, "isHidden": False} for made, name in immich.people.items()]
                    shown = found[(page - 1) * size :][:size]
                    self.say(200, {"total": len(found), "hidden": 0, "people": shown, "hasNextPage": len(found) > page * size})
            elif asked := re.fullmatch("/api/assets/([^/]+)/original", path.path):
                if self.permitted("asset.download"):
                    self.download(asked[1])
            else:
                self.say(404, {"message": "Not Found", "statusCode": 404})

        def download(self, made: str) -> None:
            trouble = immich.troubles.pop(0) if immich.troubles else ""
            if made not in immich.assets or isinstance(trouble, int):
                self.say(trouble or 404, {"message": "Service Unavailable", "statusCode": trouble})
                return
            data = immich.assets[made].data
            if trouble == "wrong":
                data = data[:-1] + b"?"
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            half = len(data) // 2
            self.wfile.write(data[:half])
            self.wfile.flush()
            time.sleep(5.0 if trouble == "slow" else immich.seconds)
            if trouble == "cut":
                self.close_connection = True
                return
            self.wfile.write(data[half:])

    return Handler
