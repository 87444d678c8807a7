"""What a model file says of itself is read as bytes, whatever the bytes are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.models import tiny

from photodiary.errors import BadModel
from photodiary.eyenet import header, registry, weights

HERE = Path("somewhere.safetensors")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return tiny(tmp_path_factory.mktemp("models") / "good", "mine-1", kin="base-1").read_bytes()


def test_the_shipped_model_says_what_it_is() -> None:
    """Name and format are those that loading it finds; it is its own kin; reading the header alone or the whole file makes no difference."""
    said = header.of_bytes(registry.SHIPPED.read_bytes(), registry.SHIPPED)
    assert said == header.of_file(registry.SHIPPED)
    assert said.name == said.kin == registry.current().name and header.FORMAT == weights.FORMAT


def test_a_personal_model_names_its_kin(good: bytes) -> None:
    """Whose language its likenesses speak stands in the file."""
    assert (header.of_bytes(good, HERE).name, header.of_bytes(good, HERE).kin) == ("mine-1", "base-1")


KEYS = st.sampled_from(["__metadata__", "format", "config", "data_offsets", "dtype", "shape", "x"])
MADE_UP = st.recursive(
    st.none() | st.floats() | st.text(max_size=5), lambda inner: st.dictionaries(KEYS, inner, max_size=4) | st.lists(inner, max_size=3), max_leaves=20
)


def refused(data: bytes) -> bool:
    """Whether it is, in words that name the file."""
    try:
        header.of_bytes(data, HERE)
    except BadModel as error:
        return str(error).startswith(str(HERE))
    return False


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_a_header_or_refused_by_name(good: bytes, data: st.DataObject) -> None:
    """What is torn, longer than it says, or made up altogether is refused with the file's name; what was changed anywhere never does anything else."""
    assert refused(good[: data.draw(st.integers(0, len(good) - 1))])
    assert refused(good + data.draw(st.binary(min_size=1, max_size=9)))
    text = json.dumps(data.draw(MADE_UP)).encode()
    assert refused(len(text).to_bytes(8, "little") + text + data.draw(st.binary(max_size=9)))
    changed = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    refused(bytes(changed))


@pytest.mark.parametrize(
    "config", ["", "[]", "{}", '{"backbone": 5, "width": 96}', '{"backbone": "x", "width": Infinity}', '{"backbone": "x", "width": 1e9}', "[" * 100_000]
)
def test_a_network_that_is_not_described_is_refused(good: bytes, config: str) -> None:
    """Format and name alone do not make a model; nor does a network so large that making it would fill the memory."""
    length = int.from_bytes(good[:8], "little")
    said = json.loads(good[8 : 8 + length])
    said["__metadata__"]["config"] = config
    text = json.dumps(said).encode()
    with pytest.raises(BadModel, match="not an eye network"):
        header.of_bytes(len(text).to_bytes(8, "little") + text + good[8 + length :], HERE)
