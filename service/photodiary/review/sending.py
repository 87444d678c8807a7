"""Photos that come in through the page, or from a phone that sends them by itself: into the drop folder, whole or not at all."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from photodiary.archive.drop import Dropping
from photodiary.darkroom.limits import NOT_A_PHOTO, SNIFFED, sniff
from photodiary.errors import Held, NoReader, Unreadable, WorkerLost
from photodiary.ledger import days, forgetting, photos
from photodiary.review import guard, paths
from photodiary.review.rates import Rate, network_of
from photodiary.review.site import Diary, Site, back, data

PIECE = 1 << 20
BEARER = re.compile(r"Bearer +(\S{20,100})", re.IGNORECASE)
TOO_LARGE = "That photo is larger than the {0:g} MB that photodiary takes."
WAITS = "It is with photodiary and will be in the film soon."


def routes(site: Site, guesses: Rate) -> list[Route]:
    turn = threading.Lock()

    async def add(request: Request) -> Response:
        diary = site.diary(request)
        if request.method == "POST":
            return await _added(site, request, diary, turn)
        return await run_in_threadpool(_page, site, request, diary)

    async def upload(request: Request) -> Response:
        """With a token of its own, which may do this and nothing else."""
        address = network_of(request.state.visit.caller.address)
        bearer = BEARER.fullmatch(request.headers.get("authorization", ""))
        name = request.path_params["diary"]
        allowed = bearer is not None and await run_in_threadpool(site.keys.may_upload, bearer.group(1), name)
        if not allowed:
            if not guesses.spend(address, time.monotonic()):
                raise HTTPException(429, guard.WAIT)
            raise HTTPException(401, "This needs the token that `photodiary review --upload-token` prints.", {"WWW-Authenticate": "Bearer"})
        diary, size = site.diary(request), _announced(request)
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            async with _files(request) as files:
                sentences = [await _taken(site, diary, filename, content, size, turn) for filename, content in files]
        else:
            sentences = [await _taken(site, diary, request.headers.get("x-file-name", ""), request.stream(), size, turn)]
        if not sentences:
            raise HTTPException(400, "There is no photo in this.")
        return data({"kept": sentences}, 201)

    return [Route("/diary/{diary}/add", add, methods=["GET", "POST"]), Route("/upload/{diary}", upload, methods=["POST", "PUT"])]


def _page(site: Site, request: Request, diary: Diary) -> Response:
    newest = None
    if diary.begun:
        with diary.reading() as ledger:
            found = days.newest_frames(ledger, 1)
            newest = found[0] if found else None
    return site.page(request, "add.html", name=diary.name, newest=newest, largest=site.limits.max_megabytes)


async def _added(site: Site, request: Request, diary: Diary, turn: threading.Lock) -> Response:
    """From the page's form; what was sent, or why it was not taken, is said on the next page.  Of several, one that is not taken stops no other."""
    size, sentences, script = _announced(request), list[str](), "json" in request.headers.get("accept", "")
    async with _files(request) as files:
        for filename, content in files:
            try:
                sentences.append(await _taken(site, diary, filename, content, size, turn))
            except HTTPException as no:
                if script or len(files) == 1:
                    raise
                sentences.append(f"{filename}: {no.detail}")
    if not sentences:
        raise HTTPException(400, "No photo was chosen; go back and choose one.")
    if script:
        return data({"kept": sentences}, 201)
    for sentence in dict.fromkeys(sentences):
        site.say(request, sentence)
    return back(paths.add(diary.name))


@asynccontextmanager
async def _files(request: Request) -> AsyncIterator[list[tuple[str, AsyncIterator[bytes]]]]:
    """The photos of a form with their names, for the while.  Raises HTTPException where the form cannot be understood or ends early."""
    try:
        form = await request.form(max_files=50, max_fields=20)
    except MultiPartException:
        raise HTTPException(400, "The photo could not be understood as it was sent.") from None
    except ClientDisconnect:
        raise HTTPException(400, "The photo did not arrive whole.") from None
    try:
        yield [(value.filename, _pieces(value)) for value in form.getlist("photo") if isinstance(value, UploadFile) and value.filename]
    finally:
        await form.close()


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    while piece := await file.read(PIECE):
        yield piece


def _announced(request: Request) -> int:
    """How many bytes come, as far as that is said."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isdigit() else 0


async def _taken(site: Site, diary: Diary, filename: str, content: AsyncIterator[bytes], announced: int, turn: threading.Lock) -> str:
    """One photo into the drop folder.  Returns a sentence about it.  Raises HTTPException with the reason where it is not taken, StorageTrouble."""
    most = int(site.limits.max_megabytes * 1e6)
    run = run_in_threadpool
    await run(diary.room_for, announced)
    dropping = await run(Dropping, diary.archive, filename)
    try:
        try:
            async for piece in content:
                if dropping.size + len(piece) > most:
                    raise HTTPException(413, TOO_LARGE.format(site.limits.max_megabytes))
                await run(dropping.write, piece)
        except ClientDisconnect:
            raise HTTPException(400, "The photo did not arrive whole.") from None
        if dropping.size == 0:
            raise HTTPException(400, "The photo is empty.")
        return await run(_kept, site, diary, dropping, turn)
    finally:
        await run(dropping.discard)


def _kept(site: Site, diary: Diary, dropping: Dropping, turn: threading.Lock) -> str:
    """Look at what came, and keep it.  One at a time has all of its bytes in memory."""
    with turn:
        return _looked_at(site, diary, dropping, dropping.content())


def _looked_at(site: Site, diary: Diary, dropping: Dropping, bytes_: bytes) -> str:
    if sniff(bytes_[:SNIFFED]) is None:
        raise HTTPException(422, f"It was not taken: {NOT_A_PHOTO}.")
    if diary.begun:
        with diary.reading() as ledger:
            if forgetting.is_forgotten(ledger, dropping.digest):
                raise HTTPException(422, "It was not taken: you had this photo forgotten.")
            known = photos.find(ledger, dropping.digest)
        if known is not None and known.original is not None:
            return "That photo is in the diary already."
    try:
        site.darkroom.inspect(dropping.digest, bytes_)
    except NoReader:
        pass  # it waits until the reader is installed
    except (Unreadable, Held, WorkerLost) as error:
        raise HTTPException(422, f"It was not taken, it could not be read: {error}.") from error
    diary.room_for(len(bytes_))
    dropping.keep()
    diary.nudge()
    return WAITS
