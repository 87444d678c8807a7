"""Cards: one photo and what a person may say about it, in the queue, by itself, in the timeline, and ten at a time."""

from __future__ import annotations

from starlette.routing import Route

from photodiary.review import cards_photo, cards_pictures, cards_queue, cards_say, cards_ten, cards_timeline
from photodiary.review.site import Site


def routes(site: Site) -> list[Route]:
    rooms = (cards_queue, cards_photo, cards_say, cards_timeline, cards_ten, cards_pictures)
    return [route for room in rooms for route in room.routes(site)]
