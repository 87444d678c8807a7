"""A real HTTP server that Apprise can send to (`json://`), and what it was sent."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


class Posted:
    """A context manager.  status: what it answers with; silent: it takes the connection and never answers."""

    def __init__(self, status: int = 200, *, silent: bool = False) -> None:
        self.status, self.messages = status, list[dict[str, Any]]()
        self._over = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.messages.append({**said, "path": self.path, "authorization": self.headers.get("Authorization")})
                if silent:
                    outer._over.wait(60)
                    return
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """With a password and a token in its path, as many services have them."""
        return f"json://me:geheim@127.0.0.1:{self._server.server_address[1]}/token-4711"

    def titles(self) -> list[str]:
        return [message["title"] for message in self.messages]

    def __enter__(self) -> Posted:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
