"""Facts become what Prometheus reads: parsed back by its own client library."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from photodiary.diary.tally import Tally
from photodiary.metrics.exposition import essence, text
from photodiary.metrics.facts import REASONS, DiaryFacts, Facts, Film, Model

MODEL = Model("base-1", "ab" * 32, "cpu")


def facts(*diaries: DiaryFacts, **more: Any) -> Facts:
    return Facts(**{"at": 1000.0, "version": "9.9", "model": MODEL, "diaries": diaries, "loops": {"intake": 1.5}, "workers": 3, **more})


def read(said: Facts) -> dict[tuple[str, ...], float]:
    """Samples by their name and the values of their labels, which are in the order of the labels’ names."""
    families = text_string_to_metric_families(text(said).decode())
    return {(sample.name, *(sample.labels[key] for key in sorted(sample.labels))): sample.value for family in families for sample in family.samples}


def test_numbers_come_through() -> None:
    """Each number stands under its name, diary and further label; an age is counted from when the facts were gathered."""
    tally = Tally(0.1, 1.0)
    for seconds, times in ((0.1, 2), (0.5, 1), (7.0, 1)):
        tally.add(seconds, times)
    me = DiaryFacts(
        "me", stages={"aligned": 7, "doubtful": 2}, pending_since={"live": 940.0, "backlog": None}, arriving=1, last_scan=990.0,
        film=Film(900.0, 9, 1.5, 12345), to_check=2, labels={"placed": 4, "confirmed": 1}, disk={"originals": 10}, free=77,
        located=tally.so_far(), framed=Tally(1.0).so_far(), troubles=frozenset({"disk"}),
    )  # fmt: skip
    said = read(facts(me, DiaryFacts("anna", troubles=frozenset({"waiting"}))))
    assert {
        ("photodiary_photos_total", "me", "aligned"): 7, ("photodiary_photos_total", "me", "doubtful"): 2,
        ("photodiary_oldest_pending_seconds", "me", "live"): 60, ("photodiary_oldest_pending_seconds", "me", "backlog"): 0,
        ("photodiary_files_arriving", "me"): 1, ("photodiary_last_scan_timestamp_seconds", "me"): 990, ("photodiary_last_film_timestamp_seconds", "me"): 900,
        ("photodiary_last_film_frames", "me"): 9, ("photodiary_last_film_seconds", "me"): 1.5, ("photodiary_last_film_bytes", "me"): 12345,
        ("photodiary_to_check", "me"): 2, ("photodiary_labels", "placed", "me"): 4, ("photodiary_disk_bytes", "me", "originals"): 10,
        ("photodiary_disk_free_bytes", "me"): 77, ("photodiary_inference_seconds_bucket", "me", "0.1"): 2,
        ("photodiary_inference_seconds_bucket", "me", "1.0"): 3, ("photodiary_inference_seconds_bucket", "me", "+Inf"): 4,
        ("photodiary_inference_seconds_count", "me"): 4, ("photodiary_arrival_to_frame_seconds_count", "me"): 0,
        ("photodiary_model_info", "cpu", "base-1", "ab" * 32): 1, ("photodiary_loop_age_seconds", "intake"): 1.5,
        ("photodiary_darkroom_worker_starts_total",): 3, ("photodiary_degraded_reasons", "me"): 1, ("photodiary_degraded_reasons", "anna"): 1,
    }.items() <= said.items()  # fmt: skip
    assert math.isclose(said[("photodiary_inference_seconds_sum", "me")], 7.7)
    assert {code: said[("photodiary_degraded", "me", code)] for code in REASONS} == {code: float(code == "disk") for code in REASONS}
    assert not any(key[1:] == ("anna",) for key in said if key[0] != "photodiary_degraded_reasons"), "what is not known is missing, not 0"
    assert said[("photodiary_process_resident_memory_bytes",)] > 1e6 and not any(key[0].startswith("process_") for key in said)


def test_the_essence_is_what_does_not_differ_each_time() -> None:
    """The ages of loops and what the process uses do not count as news; a photo does."""
    one, two = text(facts(DiaryFacts("me", stages={"aligned": 1}))), text(facts(DiaryFacts("me", stages={"aligned": 1}), loops={"intake": 9.0}))
    assert one != two and essence(one) == essence(two)
    assert essence(one) != essence(text(facts(DiaryFacts("me", stages={"aligned": 2}))))


@given(st.lists(st.floats(-1, 100), max_size=30), st.lists(st.floats(0.01, 50), min_size=1, max_size=6, unique=True))
def test_a_tally_loses_nothing(durations: list[float], bounds: list[float]) -> None:
    """Every duration is in one class, the one whose limits hold it, and the total is their sum."""
    tally = Tally(*bounds)
    for seconds in durations:
        tally.add(seconds)
    counted = tally.so_far()
    edges = [-math.inf, *sorted(bounds), math.inf]
    seen = [max(0.0, seconds) for seconds in durations]
    assert counted.counts == tuple(sum(low < s <= high for s in seen) for low, high in zip(edges, edges[1:], strict=False))
    assert math.isclose(counted.total, math.fsum(seen), abs_tol=1e-9)
