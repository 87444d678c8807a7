"""Photos of an Immich server, asked of a small one that answers as the documentation says: pages, people, albums, checksums, and every trouble there is."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.support.immich import KEY, ME, OTHER, Asset, Immich, number

from photodiary.errors import BadUsage
from photodiary.moving import http
from photodiary.moving.http import Server, Unreachable, address
from photodiary.moving.immich import PAGE, Wanted
from photodiary.moving.immich import Immich as Source
from photodiary.moving.source import NotBrought


@pytest.fixture
def immich(monkeypatch: pytest.MonkeyPatch) -> Iterator[Immich]:
    monkeypatch.setattr(http, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(http, "TIMEOUT_S", 0.5)
    made = Immich()
    yield made
    made.close()
    while OPENED:
        OPENED.pop().close()


OPENED: list[Source] = []


class Kept:
    def __init__(self) -> None:
        self.data = b"left over"

    def write(self, piece: bytes) -> None:
        self.data += piece

    def begin_again(self) -> None:
        self.data = b""


def source(immich: Immich, key: str = KEY, most: float = 1e6, url: str | None = None, **wanted: Any) -> Source:
    made = Source(url or immich.url, key, Wanted(**wanted), most=most)
    OPENED.append(made)
    return made


def brought(made: Source) -> dict[str, tuple[bytes, str | None]]:
    """Every photo's bytes and date by its name."""
    made.survey()
    found = {}
    for offer in made.offers():
        kept = Kept()
        assert offer.fetch is not None
        offer.fetch(kept)
        found[offer.name] = kept.data, offer.told and offer.told.wall.isoformat()
    return found


def test_all_photos_of_a_user_come_page_by_page(immich: Immich) -> None:
    """Each once, with its bytes and its wall clock; videos, the bin, what is locked and other people's stay there and are counted."""
    immich.page = 3
    for index in range(7):
        immich.add(Asset(b"photo %d" % index, f"IMG_{index}.jpg", f"2024-05-{index + 10}T23:30:00.000Z"))
    immich.add(Asset(b"a film", "b.mp4", type="VIDEO"))
    for more in ({"isTrashed": True}, {"visibility": "locked"}, {"ownerId": OTHER}, {"isOffline": True}):
        immich.add(Asset(b"not this", "no.jpg", more=more))
    made = source(immich)
    survey = made.survey()
    assert [item for item, *_ in survey.photos] == [number(1, index) for index in range(7)]
    assert dict(survey.skipped) == {
        "in the bin there, or not there any more": 2, "hidden or locked there": 1, "of other people there (name an album to bring those)": 1,
    }  # fmt: skip
    assert brought(made) == {f"IMG_{index}.jpg": (b"photo %d" % index, f"2024-05-{index + 10}T23:30:00") for index in range(7)}
    assert made.name == f"immich {immich.url} {ME}" and KEY not in made.name
    assert immich.searched[0] == {"type": "IMAGE", "size": PAGE, "order": "asc", "withExif": True, "page": 1}
    assert immich.asked[0] == ("GET", "/api/server/version", None), "the key goes only to what is an Immich"


def test_albums_people_and_days_narrow_it(immich: Immich) -> None:
    """By name in whatever case, or by number; days are those of the photos' own clocks, both included."""
    album, person = number(2, 1), number(3, 5)
    immich.albums = {album: "Selfies", number(2, 2): "Trip"}
    immich.people = {number(3, index): name for index, name in enumerate(("", "Ben", "Carla", "Ben", "", "Anna"))}
    for name, day, albums, people in (("a", 1, (album,), (person,)), ("b", 2, (album,), ()), ("c", 3, (), (person,)), ("d", 4, (), ())):
        immich.add(Asset(name.encode(), f"{name}.jpg", f"2024-05-0{day}T23:59:59.000Z", albums=albums, people=people))
    assert brought(source(immich, album="selfies")).keys() == {"a.jpg", "b.jpg"}
    assert brought(source(immich, person=" anna ")).keys() == {"a.jpg", "c.jpg"}
    assert brought(source(immich, album=album, person=person)).keys() == {"a.jpg"}
    assert brought(source(immich, first=date(2024, 5, 2), last=date(2024, 5, 3))).keys() == {"b.jpg", "c.jpg"}
    with pytest.raises(BadUsage, match='has no album "Garden"; there are: Selfies, Trip'):
        source(immich, album="Garden").survey()
    with pytest.raises(BadUsage, match='there are 2 of the name "ben"; say which by its number'):
        source(immich, person="ben").survey()


def test_trouble_on_the_way_is_overcome(immich: Immich) -> None:
    """Overload, a cut or damaged download, a server that stops in the middle: again, until the checksum is right."""
    data = bytes(range(256)) * 20_000
    immich.add(Asset(data, "a.jpg"))
    immich.troubles = [503, "cut", "wrong", "slow", 429]
    assert brought(source(immich, most=1e8)) == {"a.jpg": (data, "2024-05-15T14:39:00")}
    assert len(immich.downloads()) == 6


def test_one_photo_that_cannot_be_had_is_one_photo(immich: Immich) -> None:
    """Gone meanwhile, too large, never whole: told for that photo, and the next one comes."""
    immich.add(Asset(b"x" * 5000, "large.jpg", more={"exifInfo": {}}))
    gone = immich.add(Asset(b"gone", "gone.jpg"))
    immich.add(Asset(b"damaged", "damaged.jpg", more={"checksum": "2jmj7l5rSw0yVb/vlWAYkK/YBwk="}))
    immich.add(Asset(b"good", "good.jpg"))
    made = source(immich, most=4000)
    made.survey()
    immich.answers[f"/api/assets/{gone}/original"] = 404, {}, b'{"message": "Not found"}'
    why = []
    for offer in made.offers():
        kept = Kept()
        assert offer.fetch is not None
        try:
            offer.fetch(kept)
        except NotBrought as error:
            why.append(str(error))
    assert kept.data == b"good"
    assert "more than 0.004 MB" in why[0] and "answers 404: Not found" in why[1] and "breaks off" in why[2] and len(why) == 3


def test_keys_and_permissions_are_told(immich: Immich) -> None:
    """What is missing is said, and how to get it; the key itself never."""
    immich.add(Asset(b"a"))
    wrong = "W" * 40
    with pytest.raises(BadUsage, match=r"does not know this key; make one in Immich at Account Settings, API Keys, with user\.read, asset\.read") as told:
        source(immich, wrong).survey()
    assert wrong not in str(told.value)
    immich.permissions = frozenset({"user.read", "asset.read"})
    with pytest.raises(BadUsage, match=r"lacks the permission asset\.download \(answers 403: Missing required permission: asset\.download\)"):
        brought(source(immich))
    immich.permissions = frozenset({"asset.read"})
    with pytest.raises(BadUsage, match=r"lacks the permission user\.read"):
        source(immich).survey()
    for key in ("", "short", "two\nlines of a key", "schlüssel-mit-umlaut"):
        with pytest.raises(BadUsage, match="the key is none that Immich gives out"):
            source(immich, key)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [(404, {}, b"not here"), (200, {}, b"<html>a router</html>"), (200, {}, b"[]"), (200, {}, b'{"major": "2"}'), (200, {}, b"[" * 50_000), (200, {}, b"NaN")],
)
def test_what_is_no_immich_is_told_before_the_key_is_sent(immich: Immich, status: int, headers: dict[str, str], body: bytes) -> None:
    """Whatever answers at the address, it gets the key only once it has said what it is."""
    immich.answers["/api/server/version"] = status, headers, body
    with pytest.raises(BadUsage, match="is no Immich"):
        source(immich).survey()
    assert all(key is None for *_, key in immich.asked)


def test_the_key_follows_no_redirect(immich: Immich) -> None:
    """A server that sends its callers elsewhere is told of; nothing goes there, from no request."""
    elsewhere = Immich()
    try:
        for path in ("/api/server/version", "/api/search/metadata", f"/api/assets/{number(1, 0)}/original"):
            immich.answers = {path: (302, {"Location": f"{elsewhere.url}{path}"}, b"")}
            immich.add(Asset(b"a"))
            with pytest.raises(BadUsage, match=f"sends its callers to {elsewhere.url}; the key is not sent there"):
                brought(source(immich))
        assert elsewhere.asked == []
    finally:
        elsewhere.close()


STRANGE = b'{"assets": {"items": [null, 7, {"id": "../../users/me"}, {"id": 5}], "nextPage": "1"}}'


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"assets": []}', b'{"assets": {"items": 5}}', b"[" * 50_000, STRANGE,
     b'{"assets": {"items": [], "nextPage": {}}}', b'{"assets": {"items": [], "nextPage": -3}}'],
)  # fmt: skip
def test_strange_answers_bring_nothing_and_end(immich: Immich, body: bytes) -> None:
    """A server that answers otherwise than documented, or with the same page for ever: an error or nothing, never a strange address."""
    immich.answers["/api/search/metadata"] = 200, {}, body
    made = source(immich)
    with suppress(http.Refused):
        assert made.survey().photos == []
    assert all(path in ("/api/server/version", "/api/users/me", "/api/search/metadata") for _, path, _ in immich.asked)


def test_strange_assets_are_counted(immich: Immich) -> None:
    """Wrong kinds of values in an asset: left out and counted, or without a date, but no error."""
    wrong: list[dict[str, Any]] = [{"checksum": "no base64!"}, {"checksum": None}, {"id": "../../x"}]
    odd: list[dict[str, Any]] = [{"localDateTime": "yesterday"}, {"localDateTime": 5}, {"originalFileName": None}]
    for more in (*wrong, *odd, {"exifInfo": [], "originalFileName": "../../../etc/passwd"}):
        immich.add(Asset(b"a", "a.jpg", more=more))
    made = source(immich)
    survey = made.survey()
    assert dict(survey.skipped) == {"that the server describes in a way that is not understood": 3}
    assert survey.undated == 2
    assert sorted(offer.name for offer in made.offers()) == [number(1, 5), "a.jpg", "a.jpg", "etc/passwd"]


def test_nobody_there_is_told(immich: Immich) -> None:
    port = immich.port
    immich.close()
    with pytest.raises(Unreachable, match="nobody listens there; tried 6 times"):
        source(immich, url=f"http://127.0.0.1:{port}").survey()
    immich.__init__()  # type: ignore[misc]


def test_a_certificate_that_nobody_trusts_is_told(immich: Immich, tmp_path: Path) -> None:
    """No way around it is offered but to trust the authority."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", tmp_path / "key.pem", "-out",
         tmp_path / "cert.pem", "-subj", "/CN=localhost", "-days", "2"], check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    immich._server.socket = context.wrap_socket(immich._server.socket, server_side=True, do_handshake_on_connect=False)
    with pytest.raises(BadUsage, match="its certificate is not trusted"):
        source(immich, url=f"https://127.0.0.1:{immich.port}").survey()
    assert immich.asked == []


def test_plain_http_behind_https_is_told(immich: Immich) -> None:
    with pytest.raises(BadUsage, match="does not speak TLS as it should"):
        source(immich, url=f"https://127.0.0.1:{immich.port}").survey()


@pytest.mark.parametrize(
    "url",
    ["photos.example.org", "ftp://x", "https://", "https://me:secret@x", "https://x/?key=1", "https://x:port", "https://a b", "http://[::1",
     "https://x/fotos ä", "ftp://me:secret@x", "https://me:secret@x:port"],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadUsage) as told:
        address(url)
    assert "secret" not in str(told.value)


def test_addresses_as_people_write_them() -> None:
    """With the API's path, a slash, a folder of a proxy; and which of them are exposed to whoever is on the way."""
    assert address("https://photos.example.org/api/").text == "https://photos.example.org"
    assert address(" http://[::1]:2283/immich/ ").text == "http://[::1]:2283/immich"
    assert address("https://fotos.müller.example").host == "fotos.xn--mller-kva.example"
    reached = Server(address("http://[::1]"), {})._connected()
    assert (reached.host, reached.port) == ("::1", 80)
    exposed = {url: address(url).exposed for url in ("http://192.168.1.5:2283", "http://immich", "https://immich", "http://127.0.0.1:2283", "http://localhost")}
    assert [url for url, is_ in exposed.items() if is_] == ["http://192.168.1.5:2283", "http://immich"]
