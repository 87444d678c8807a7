"""`import`: a backlog from anywhere, like the inbox but once, with labels where they are brought along."""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

from photodiary.errors import BadUsage
from photodiary.run.verbs import one, said


def import_(options: argparse.Namespace) -> int:
    _, settings = said(options)
    from photodiary.ledger import wishes
    from photodiary.ledger.store import Ledger
    from photodiary.run import labels, lock, once
    from photodiary.run.status import report

    diary = one(settings, options)
    paths = [os.path.abspath(path) for path in options.paths]
    missing = [path for path in paths if not os.path.exists(path)]
    if missing:
        raise BadUsage(f"there is no {missing[0]}")
    lines, paths = labels.along(paths) if options.labels else ([], paths)
    if options.dry_run:
        seen = once.forecast(paths, settings.inbox)
        print(f"{seen['files']:,} files, {seen['bytes'] / 1e6:,.0f} MB would be looked at; about {seen['files'] / 4 / 60 + 0.5:.0f} minutes")
        return 0
    if lock.holder(diary.archive) is not None:
        outcome = once.beside_daemon(diary.archive, "import", {"paths": paths}, lambda p: f"{p['done']:,} of {p['total']:,} files")
        once.wait_until_through(diary.archive)
    else:
        from photodiary.run.models import resident

        name = next(name for name, value in settings.diary.items() if value is diary)
        made: list[int] = []

        def wish(engine: Any) -> None:
            house = next(house for house in engine.houses if house.name == name)
            made.append(wishes.make(house.ledger, "import", {"paths": paths}, time.time()))

        once.with_engine(settings, lambda s: resident(s.locate, s.state), wish, scan=False)
        ledger = Ledger(diary.archive, writable=False)
        outcome = wishes.get(ledger, made[0]).outcome or {}
        ledger.close()
    if lines:
        print(labels.bring(settings, options, lines))
    print(report(diary.archive, outcome))
    return 0
