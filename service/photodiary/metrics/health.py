"""Whether all is well, as JSON for health checks: 200 or 503, with codes and diaries but without paths."""

from __future__ import annotations

import json
from http import HTTPStatus

from photodiary.metrics.facts import REASONS, Facts
from photodiary.metrics.server import Answer

MOVED_S = 120.0  # the service's own thread looks around every ten seconds


def health(facts: Facts, still_s: float) -> Answer:
    """still_s: for how long the thread that watches all others has not moved."""
    reasons: list[dict[str, str | None]] = [
        {"diary": diary, "reason": code, "what": REASONS[code]}
        for diary, codes in facts.troubles.items() for code in codes
    ]  # fmt: skip
    if still_s > MOVED_S:
        reasons.append({"diary": None, "reason": "stalled", "what": REASONS["stalled"]})
    said = {"status": "degraded" if reasons else "ok", "version": facts.version, "diaries": [diary.name for diary in facts.diaries], "reasons": reasons}
    status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
    return Answer(status, "application/json; charset=utf-8", json.dumps(said, ensure_ascii=False).encode() + b"\n")
