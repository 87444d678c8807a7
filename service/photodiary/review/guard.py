"""The door: every request passes here before anything of the page runs, and every answer on its way out."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import FormData, UploadFile
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from photodiary.errors import StorageTrouble
from photodiary.review import paths
from photodiary.review.config import ReviewConfig
from photodiary.review.keys import GUEST, IN, Keys, Session
from photodiary.review.rates import Rate, network_of
from photodiary.review.visit import SAFE, Caller, Refused, caller, foreign

FORM_BYTES = 1_000_000  # a form with 10,000 photos ticked
FIELDS = 12_000
ASKING = 400.0, 40.0  # requests of one address elsewhere: at once, and a second
LET_IN_COST = 0.2  # a calendar full of pictures is many requests
RENEW_S = 7 * 86_400.0
COOKIE, SECURE_COOKIE = "photodiary", "__Host-photodiary"
LONGEST_COOKIE_S = 400 * 86_400
OPEN = (paths.ENTER, "/static/")  # before anybody is let in
SENT_BY_TOKEN = "/upload/"  # noqa: S105 - an address
WAIT = "That was too much at once; wait a little and try again."
NOT_LET_IN = "This device has not been let in yet. Ask for a link where photodiary runs: `photodiary review --link`."
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = (
    (b"content-security-policy", CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),  # tells others nothing; with no-referrer browsers would hide from us too whose form it is
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=(), interest-cohort=()"),
    (b"x-robots-tag", b"noindex"),
)


@dataclass(frozen=True)
class Visit:
    """Who asks, for handlers in `request.state.visit`.  csrf: what their forms must carry; sid: of this browser; let_in: may see the diaries."""

    caller: Caller
    sid: str
    csrf: str
    let_in: bool


Refusal = Callable[[Scope, Receive, Send, int, str], Awaitable[None]]


class Guard:
    """names: host names that are ours besides addresses, localhost and `url`; largest: bytes that a photo may have; refuse: sends the page that says no."""

    def __init__(self, app: ASGIApp, keys: Keys, config: ReviewConfig, names: frozenset[str], largest: int, refuse: Refusal) -> None:
        self._app, self._keys, self._config, self._names, self._largest, self._refuse = app, keys, config, names, largest, refuse
        self._asking = Rate(*ASKING)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.setdefault("state", {})
        body = _Body(receive, self._limit(scope["path"]), scope["headers"])
        answer = _Answer(send, body)
        try:
            who = self._caller(scope)
            session, answer.cookie = self._session(scope, who)
            let_in = who.here or session.role == IN
            state["visit"] = Visit(who, session.sid, self._keys.csrf(session), let_in)
            self._may_ask(scope, who, let_in)
            body.refuse_early()
            if scope["method"] not in SAFE and not scope["path"].startswith(SENT_BY_TOKEN):
                await self._proven(scope, body, state)
            await self._app(scope, body.receive, answer.send)
        except Refused as no:
            if answer.begun:
                raise
            state.setdefault("visit", None)
            await self._refuse(scope, receive, answer.send, no.status_code, no.detail)
        except StorageTrouble as error:  # of the keys: those of diaries are told by the pages
            if answer.begun:
                raise
            state.setdefault("visit", None)
            await self._refuse(scope, receive, answer.send, 503, str(error))

    def _caller(self, scope: Scope) -> Caller:
        client = scope.get("client")
        if client is None:
            raise Refused(400, "The request comes from nowhere.")
        return caller(self._config, self._names, client[0], scope["scheme"], scope["http_version"], scope["headers"])

    def _session(self, scope: Scope, who: Caller) -> tuple[Session, bytes | None]:
        """The browser's session, and the cookie to set where it had none, or one that has seen some days."""
        name = SECURE_COOKIE if who.scheme == "https" else COOKIE
        sent = b"; ".join(value for key, value in scope["headers"] if key == b"cookie").decode("latin-1")
        session = self._keys.session(cookie_parser(sent).get(name))
        if session is None:
            session, value = self._keys.new_session(GUEST)
        elif time.time() - session.issued > RENEW_S:
            session = Session(session.sid, session.role, float(int(time.time())))
            value = self._keys.cookie(session)
        else:
            return session, None
        return session, cookie(who, value, self._config.remember_days)

    def _may_ask(self, scope: Scope, who: Caller, let_in: bool) -> None:
        path, method, headers = scope["path"], scope["method"], scope["headers"]
        if method not in (*SAFE, "POST", "PUT"):
            raise Refused(405, "That is not how this page is asked.")
        if foreign(who, method, headers):
            raise Refused(403, "Another page asked for this; photodiary answers its own pages only.")
        if not who.here and not self._asking.spend(network_of(who.address), time.monotonic(), LET_IN_COST if let_in else 1.0):
            raise Refused(429, WAIT)
        if not let_in and not path.startswith((*OPEN, SENT_BY_TOKEN)):
            raise Refused(401, NOT_LET_IN)

    async def _proven(self, scope: Scope, body: _Body, state: dict[str, Any]) -> None:
        """The form is from a page of ours: it carries the token that only this browser's pages know.  Raises Refused."""
        given = next((value.decode("latin-1") for key, value in scope["headers"] if key == b"x-csrf-token"), None)
        kind = next((value.decode("latin-1") for key, value in scope["headers"] if key == b"content-type"), "").partition(";")[0].strip().lower()
        state["form"], state["json"] = FormData(), {}
        if self._streamed(scope["path"]):
            given = given or dict(parse_qsl(scope["query_string"].decode("latin-1"), max_num_fields=20)).get("csrf")
        elif kind == "application/json":
            try:
                state["json"] = json.loads(await body.whole() or b"{}")
            except (ValueError, RecursionError):
                raise Refused(400, "The request could not be understood.") from None
            if not isinstance(state["json"], dict):
                raise Refused(400, "The request could not be understood.")
        elif kind in ("application/x-www-form-urlencoded", ""):
            try:
                state["form"] = FormData(
                    list[tuple[str, UploadFile | str]](parse_qsl((await body.whole()).decode(), keep_blank_values=True, max_num_fields=FIELDS))
                )
            except ValueError:
                raise Refused(400, "The form could not be understood.") from None
            field = state["form"].get("csrf")
            given = given or (field if isinstance(field, str) else None)
        else:
            raise Refused(415, "That is not how this page's forms are sent.")
        if given is None or not hmac.compare_digest(given.encode("utf-8", "replace"), state["visit"].csrf.encode()):
            raise Refused(403, "This form is too old, or not ours. Load the page again and send it once more.")

    @staticmethod
    def _streamed(path: str) -> bool:
        """Whether its handler reads the body by itself, for it holds a photo."""
        return path.startswith(SENT_BY_TOKEN) or (path.startswith("/diary/") and path.count("/") == 3 and path.endswith("/add"))

    def _limit(self, path: str) -> int:
        return self._largest + 65_536 if self._streamed(path) else FORM_BYTES


def cookie(who: Caller, value: str, remember_days: float) -> bytes:
    """A Set-Cookie: out of reach of scripts, sent to us only, and over https only where that is how we are reached."""
    name = SECURE_COOKIE if who.scheme == "https" else COOKIE
    secure = "; Secure" if who.scheme == "https" else ""
    return f"{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={min(LONGEST_COOKIE_S, int(remember_days * 86_400))}{secure}".encode()


class _Body:
    """A request's body of at most `limit` bytes."""

    def __init__(self, receive: Receive, limit: int, headers: list[tuple[bytes, bytes]]) -> None:
        self._receive, self._limit, self._seen, self._ended = receive, limit, 0, False
        self._told = [value for key, value in headers if key == b"content-length"]
        self._announced = any(value != b"0" for value in self._told) or any(key == b"transfer-encoding" for key, _ in headers)

    def refuse_early(self) -> None:
        """Who says that too much will come is refused before it comes."""
        if any(not value.isdigit() or int(value) > self._limit for value in self._told):
            raise self._too_much()

    def _too_much(self) -> Refused:
        return Refused(413, f"That is more than the {self._limit / 1e6:,.0f} MB that are taken here.")

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._seen += len(message.get("body", b""))
            if self._seen > self._limit:
                raise self._too_much()
            self._ended = not message.get("more_body", False)
        return message

    async def whole(self) -> bytes:
        parts = []
        while not self._ended:
            message = await self.receive()
            if message["type"] != "http.request":
                raise Refused(400, "The request ended too early.")
            parts.append(message.get("body", b""))
        return b"".join(parts)

    @property
    def unread(self) -> bool:
        """Whether more of it may be on its way, which nobody wants to read."""
        return self._announced and not self._ended


class _Answer:
    """Adds to every answer what browsers must know; closes the connection where a body is not read to its end."""

    def __init__(self, send: Send, body: _Body) -> None:
        self._send, self._body = send, body
        self.begun = False
        self.cookie: bytes | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = list(message.get("headers", []))
            own = {key.lower(): value for key, value in headers}
            headers += [(key, value) for key, value in HEADERS if key not in own]
            if self.cookie is not None and b"set-cookie" not in own and own.get(b"content-type", b"").startswith(b"text/html"):
                headers.append((b"set-cookie", self.cookie))
            if b"cache-control" not in own:
                headers.append((b"cache-control", b"no-store"))
            if self._body.unread:
                headers.append((b"connection", b"close"))
            message = {**message, "headers": headers}
        await self._send(message)
