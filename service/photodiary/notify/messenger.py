"""Sends one message by Apprise, as a program: `python -m photodiary.notify.messenger`, run by `notify/targets.py`.

A process of its own, so that a service that never answers can be given up, and so that nothing that Apprise or its libraries would log, which may
hold the secrets of a URL, gets anywhere.

stdin: `{"url", "title", "body"}`.  stdout: `{"sent": true}`, or `{"sent": false, "why": one of WHY, "code": an HTTP status or null}`.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys

import apprise

WHY = ("unknown_url", "refused", "unreachable", "failed")
_STATUS = re.compile(r"\berror=(\d{3})\b")


class _Ear(logging.Handler):
    """Hears what Apprise says of a failure, and keeps an HTTP status or that nobody answered, nothing else."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.code: int | None = None
        self.unreachable = False

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        found = _STATUS.search(said)
        if found is not None:
            self.code = int(found[1])
        elif "onnection error" in said:
            self.unreachable = True


def send(url: str, title: str, body: str) -> dict[str, object]:
    """Returns what stands on stdout."""
    ear = _Ear()
    log = logging.getLogger("apprise")
    log.handlers[:], log.propagate = [ear], False
    log.setLevel(logging.INFO)
    asset = apprise.AppriseAsset(app_id="photodiary", app_desc="photodiary", app_url="", async_mode=False, secure_logging=True)
    try:
        target = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
        if target is None:
            return {"sent": False, "why": "unknown_url", "code": None}
        sent = bool(target.notify(body=body, title=title))
    except Exception:  # noqa: BLE001 - a plugin of a hundred; whatever it raises may hold its URL
        sent = False
    if sent:
        return {"sent": True}
    why = "refused" if ear.code is not None else "unreachable" if ear.unreachable else "failed"
    return {"sent": False, "why": why, "code": ear.code}


def main() -> None:
    said = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not get into the answer
    asked = json.load(sys.stdin)
    print(json.dumps(send(asked["url"], asked["title"], asked["body"])), file=said, flush=True)


if __name__ == "__main__":
    main()
