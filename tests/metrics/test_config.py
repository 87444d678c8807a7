"""Metrics are for this machine alone, and their file lies where nothing of a diary lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from photodiary.errors import BadConfig
from photodiary.metrics.config import MetricsConfig
from photodiary.settings import load


@pytest.mark.parametrize(
    ("listen", "address"),
    [("127.0.0.1:9464", ("127.0.0.1", 9464)), ("127.9.9.9:1", ("127.9.9.9", 1)), ("[::1]:65535", ("::1", 65535)), ("", None)],
)
def test_an_address_of_this_machine_is_taken(listen: str, address: tuple[str, int] | None) -> None:
    """127.0.0.0/8 and [::1] with a port; nothing at all, and there is no address."""
    assert MetricsConfig(listen=listen).address == address


@pytest.mark.parametrize(
    "listen",
    ["0.0.0.0:9464", "[::]:9464", "192.168.1.5:9464", "[fe80::1]:9464", "localhost:9464", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", ":9464", "9464",
     "::1:9464", "[127.0.0.1]:9464", "127.0.0.1:٣", "127.1:9464", "[::1]", "http://127.0.0.1:9464", "127.0.0.1:9464/metrics"],
)  # fmt: skip
def test_any_other_address_is_refused(listen: str) -> None:
    """Neither all addresses nor another machine's, no names, no port that there is not."""
    with pytest.raises(ValueError, match=r"listen must be empty or a loopback address"):
        MetricsConfig(listen=listen)


def test_the_file_ends_as_node_exporter_wants_it_and_lies_apart(tmp_path: Path) -> None:
    """A relative path counts from the configuration; another ending, a folder of a diary and an unknown home are problems, each in a line of its own."""
    config = tmp_path / "config.toml"

    def problems(textfile: str) -> list[str]:
        config.write_text(f'[diary.me]\ninbox = "inbox"\narchive = "archive"\n[metrics]\ntextfile = "{textfile}"\n')
        try:
            assert load(config).metrics.textfile == str(tmp_path / textfile)
        except BadConfig as error:
            return [line.removeprefix(f"{config}: ") for line in str(error).splitlines()]
        return []

    assert problems("metrics/photodiary.prom") == []
    assert problems("photodiary.txt") == ["metrics.textfile: must be empty or a path that ends in .prom: node_exporter reads no others"]
    for folder in ("inbox", "archive"):
        (said,) = problems(f"{folder}/deep/photodiary.prom")
        assert said == f"metrics.textfile: {tmp_path}/{folder}/deep/photodiary.prom lies in {tmp_path}/{folder} (diary.me.{folder}); choose another folder"
    (said,) = problems("~nobody-here/x.prom")
    assert said.startswith("metrics.textfile: there can be no such file")
