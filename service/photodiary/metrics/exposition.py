"""The owner of prometheus-client: facts as families of metrics, and these as the text that Prometheus and node_exporter read (format 0.0.4).

`photodiary_photos_total` is a gauge by nature, for photos leave a state as they enter it: the total of each state, not a counter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from platform import python_version
from typing import Final

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector

from photodiary.diary.tally import Counted
from photodiary.metrics.facts import REASONS, DiaryFacts, Facts

KIND: Final = CONTENT_TYPE_PLAIN_0_0_4
_process = ProcessCollector(namespace="photodiary", registry=None)  # in node_exporter's file it must not be called as node_exporter's own
AGES = ("photodiary_process_", "photodiary_loop_age_seconds")
"""How the names begin of what differs each time, though nothing has happened."""


def text(facts: Facts) -> bytes:
    """All of it, as it is sent and written."""
    return generate_latest(_Collected([*families(facts), *_process.collect()]))


def essence(text: bytes) -> bytes:
    """The text without what differs each time."""
    return b"".join(line for line in text.splitlines(keepends=True) if not line.startswith(tuple(name.encode() for name in AGES)))


class _Collected:
    def __init__(self, made: Iterable[Metric]) -> None:
        self._made = list(made)

    def collect(self) -> Iterable[Metric]:
        return self._made


def families(facts: Facts) -> Iterator[Metric]:
    """Every family is there at any time, with as many samples as are known."""
    model, all_of = facts.model, facts.diaries
    yield InfoMetricFamily("photodiary_build", "The version that runs.", value={"version": facts.version, "python": python_version()})
    yield InfoMetricFamily(
        "photodiary_model", "The model that finds the eyes, and what it runs on.", value={"name": model.name, "sha256": model.sha256, "device": model.device}
    )
    photos = GaugeMetricFamily("photodiary_photos_total", "Photos that are in this state now; their sum is all photos.", labels=["diary", "state"])
    labels = GaugeMetricFamily("photodiary_labels", "Photos whose eyes a person placed or confirmed.", labels=["diary", "by"])
    disk = GaugeMetricFamily("photodiary_disk_bytes", "Bytes that the archive takes, by what it holds.", labels=["diary", "kind"])
    for diary in all_of:
        for family, values in ((photos, diary.stages), (labels, diary.labels), (disk, diary.disk)):
            for key, value in sorted((values or {}).items()):
                family.add_metric([diary.name, key], value)
    yield from (photos, labels, disk)
    yield _gauge("photodiary_files_arriving", "Files in the inbox that wait for more bytes.", {d.name: d.arriving for d in all_of})
    pending = GaugeMetricFamily(
        "photodiary_oldest_pending_seconds", "Seconds since the oldest photo that has no frame yet was taken in; 0 without any.", labels=["diary", "queue"]
    )
    for diary in all_of:
        for queue, since in (diary.pending_since or {}).items():
            pending.add_metric([diary.name, queue], 0.0 if since is None else max(0.0, facts.at - since))
    yield pending
    yield _gauge("photodiary_last_scan_timestamp_seconds", "When the whole inbox was last looked at.", {d.name: d.last_scan for d in all_of})
    yield from _film(all_of)
    yield _gauge("photodiary_to_check", "Photos that the page asks about.", {d.name: d.to_check for d in all_of})
    yield _gauge("photodiary_disk_free_bytes", "Bytes free on the disk of the archive.", {d.name: d.free for d in all_of})
    yield _histogram("photodiary_inference_seconds", "Seconds that finding the eyes took, a photo.", {d.name: d.located for d in all_of})
    yield _histogram("photodiary_arrival_to_frame_seconds", "Seconds from taking a photo in to its first frame.", {d.name: d.framed for d in all_of})
    yield from _troubles(all_of)
    ages = GaugeMetricFamily("photodiary_loop_age_seconds", "Seconds since a loop last began a turn or said that it goes on.", labels=["loop"])
    for name, age in sorted(facts.loops.items()):
        ages.add_metric([name], age)
    yield ages
    yield CounterMetricFamily("photodiary_darkroom_worker_starts", "Processes that read photos started so far, the first ones included.", value=facts.workers)


def _film(diaries: Iterable[DiaryFacts]) -> Iterator[Metric]:
    films = {diary.name: diary.film for diary in diaries}
    for name, meaning, value in (
        ("timestamp_seconds", "When the newest film was made.", "rendered_at"),
        ("frames", "Photos that the newest film shows.", "frames"),
        ("seconds", "How long the newest film lasts.", "seconds"),
        ("bytes", "How large the newest film is.", "bytes"),
    ):
        yield _gauge(f"photodiary_last_film_{name}", meaning, {diary: getattr(film, value, None) for diary, film in films.items()})


def _troubles(diaries: Iterable[DiaryFacts]) -> Iterator[Metric]:
    each = GaugeMetricFamily("photodiary_degraded", "1 while something does not work for this reason, else 0.", labels=["diary", "reason"])
    number = GaugeMetricFamily("photodiary_degraded_reasons", "Reasons for which something does not work now; 0: all is well.", labels=["diary"])
    for diary in diaries:
        for code in REASONS:
            each.add_metric([diary.name, code], int(code in diary.troubles))
        number.add_metric([diary.name], len(diary.troubles))
    yield from (each, number)


def _gauge(name: str, meaning: str, values: Mapping[str, float | None]) -> Metric:
    family = GaugeMetricFamily(name, meaning, labels=["diary"])
    for diary, value in values.items():
        if value is not None:
            family.add_metric([diary], value)
    return family


def _histogram(name: str, meaning: str, values: Mapping[str, Counted | None]) -> Metric:
    family = HistogramMetricFamily(name, meaning, labels=["diary"])
    for diary, counted in values.items():
        if counted is not None:
            bounds = [*(repr(float(bound)) for bound in counted.bounds), "+Inf"]
            family.add_metric([diary], list(zip(bounds, accumulate(counted.counts), strict=True)), counted.total)
    return family
