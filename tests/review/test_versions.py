"""A picture is kept by browsers only under the version that it is: an older one may come back, as when something is undone."""

from __future__ import annotations

import pytest
from tests.support.dots import photo
from tests.support.visitor import Visitor

from photodiary.diary.photo import digest_of
from photodiary.ledger import photos

SHA256 = digest_of(photo(2))


@pytest.mark.parametrize("kind", ["thumb", "frame"])
def test_only_the_version_that_was_asked_for_is_kept_for_good(visitor: Visitor, kind: str) -> None:
    """Asked for by the frame's own version it may be kept for a year; by another, or by none, it is asked for again each time."""
    with visitor.site.diaries["me"].reading() as ledger:
        row = photos.find(ledger, SHA256)
    assert row is not None and row.frame is not None
    path = f"/diary/me/{kind}/{SHA256}"
    kept = {query: visitor.get(path + query).headers["cache-control"] for query in (f"?v={row.frame[-12:-4]}", "?v=0a1b2c3d", "?v=", "")}
    assert ["immutable" in value for value in kept.values()] == [True, False, False, False]
    assert all(value.startswith("private") for value in kept.values())


def test_a_frame_that_is_replaced_while_it_is_fetched_is_looked_up_again(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its row was read, then its file went because a newer one is there: the newer one is shown instead of an error."""
    diary = visitor.site.diaries["me"]
    with diary.reading() as ledger:
        row = photos.find(ledger, SHA256)
    assert row is not None and row.frame is not None
    frame, real, stale = row.frame, photos.find, [True]

    def find(*arguments: object) -> photos.PhotoRow | None:
        found = real(*arguments)  # type: ignore[arg-type]
        if found is not None and stale:
            stale.clear()
            return found.__class__(**{**found.__dict__, "frame": frame.replace(frame[-12:-4], "0a1b2c3d")})
        return found

    monkeypatch.setattr(photos, "find", find)
    answer = visitor.get(f"/diary/me/frame/{SHA256}")
    assert answer.status_code == 200 and not stale
    assert answer.content == diary.archive.read(frame)
