"""Which JSON of a Takeout belongs to which photo, by the names that exports were seen with; and that no JSON, however strange, can hurt."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photodiary.moving.sidecars import LARGEST, Pairing, Sidecar, read
from photodiary.moving.source import shortened

ALBUM = "Takeout/Google Photos/Photos from 2020/"


def found(photo: str, *sidecars: str, beside: tuple[str, ...] = ()) -> int | None:
    """Which of the sidecars, counted from 1, a photo is given."""
    pairing = Pairing()
    for number, name in enumerate(sidecars, 1):
        pairing.add_sidecar(ALBUM + name, Sidecar(number, False))
    for name in (photo, *beside):
        pairing.add_photo(ALBUM + name)
    sidecar = pairing.find(ALBUM + photo)
    return None if sidecar is None else sidecar.taken_s


@pytest.mark.parametrize(
    ("photo", "sidecar"),
    [
        ("IMG_1.jpg", "IMG_1.jpg.json"),
        ("IMG_1.jpg", "IMG_1.jpg.supplemental-metadata.json"),
        ("IMG_20240615_101530_HDR_PORTRAIT.jpg", "IMG_20240615_101530_HDR_PORTRAIT.jpg.supplemen.json"),
        ("original_15d4a3e1-a3d0-4b3f-8d4f-46f0ba5c1.jpg", "original_15d4a3e1-a3d0-4b3f-8d4f-46f0ba5c1.jpg.json"),
        ("123456789123456789123456789123456789_DSCN0098.JPG", "123456789123456789123456789123456789_DSCN0098.JPG.su.json"),
        ("PXL_20230809_203449253.LONG_EXPOSURE-02.ORIGINA.jpg", "PXL_20230809_203449253.LONG_EXPOSURE-02.ORIGIN.json"),
        ("05yqt21kruxwwlhhgrwrdyb6chhwszi9bqmzu16w0 2.jpg", "05yqt21kruxwwlhhgrwrdyb6chhwszi9bqmzu16w0 2.jp.json"),
        ("original_1d4caa6f-16c6-4c3d-901b-9387de10e528_P.jpg", "original_1d4caa6f-16c6-4c3d-901b-9387de10e528_.json"),
        ("😀😃😄😁😆😅😂🤣🥲☺️😊😇🙂🙃😉😌😍🥰😘😗😙😚😋😛.jpg", "😀😃😄😁😆😅😂🤣🥲☺️😊😇🙂🙃😉😌😍🥰😘😗😙😚😋.json"),
        ("PXL_20210102_221126856.MP~2.jpg", "PXL_20210102_221126856.MP~2.jpg.json"),
        ("DSC_0101(1).JPG", "DSC_0101.JPG(1).json"),
        ("IMG_2710(1).HEIC", "IMG_2710.HEIC.supplemental-metadata(1).json"),
        ("IMG_2710(3).HEIC", "IMG_2710.HEIC.suppl(3).json"),
        ("img(18).jpg", "img(18).jpg.supple(18).json"),
        ("Holiday (2).jpg", "Holiday (2).jpg.json"),
        ("Backyard_ceremony_wedding_photography_xxxxxxx_m(494).jpg", "Backyard_ceremony_wedding_photography_xxxxxxx_(494).json"),
        ("13039_327707840323_537645323_9470255_27214_n(1).jpg", "13039_327707840323_537645323_9470255_27214_n.j(1).json"),
        ("original_1d4caa6f-16c6-4c3d-901b-9387de10e528_P(1).jpg", "original_1d4caa6f-16c6-4c3d-901b-9387de10e528_.json"),
        ("scan", "scan.json"),
        ("caf\u0065\u0301.jpg", "caf\u00e9.jpg.json"),
    ],
)
def test_names_as_exports_have_them(photo: str, sidecar: str) -> None:
    """Whole, cut, numbered, without an end, composed or not: the one there is is found."""
    assert found(photo, sidecar) == 1


@pytest.mark.parametrize(
    ("photo", "sidecar"),
    [
        ("PXL_20211013_220651958.jpg", "PXL_20211013_220651983.jpg.json"),
        ("DSC_0102(1).JPG", "DSC_0102.JPG(2).json"),
        ("DSC_0103.JPG", "DSC_0103.JPG(1).json"),
        ("DSC_0104(1).JPG", "DSC_0104.JPG.json"),
        ("Backyard_ceremony_wedding_photography_xxxxxxx_m(185).jpg", "Backyard_ceremony_wedding_photography_xxxxxxx_(494).json"),
        ("IMG_1.jpg", "IMG_1.json"),
        ("IMG_1.jpg", "metadata.json"),
        ("IMG_1-edited.jpg", "IMG_1.jpg.json"),  # without the original, a name alone proves nothing
        ("IMG_1-2.jpg", "IMG_1.jpg.json"),
    ],
)
def test_another_photos_sidecar_is_not_taken(photo: str, sidecar: str) -> None:
    assert found(photo, sidecar) is None


@pytest.mark.parametrize("word", ["-edited", "-bearbeitet", "-modifié", "-ha editado", "-編集済み", "-edytowane", "-ha ed"])
def test_an_edited_photo_has_its_originals(word: str) -> None:
    """In whatever language Google wrote it, and cut short too; one that has its own keeps it."""
    assert found(f"IMG_1{word}.jpg", "IMG_1.HEIC.json", beside=("IMG_1.HEIC",)) == 1
    assert found(f"IMG_1{word}(2).jpg", "IMG_1.jpg.json", "IMG_1.jpg(2).json", beside=("IMG_1.jpg", "IMG_1(2).jpg")) == 2
    assert found(f"IMG_1{word}.jpg", "IMG_1.jpg.json", f"IMG_1{word}.jpg.json", beside=("IMG_1.jpg",)) == 2


def test_numbers_go_with_their_own() -> None:
    """Of three photos of one name each has its own, whichever way the export writes the number."""
    names = ("IMG.jpg.json", "IMG.jpg(1).json", "IMG.jpg.supplemental-metadata(2).json")
    assert [found(photo, *names) for photo in ("IMG.jpg", "IMG(1).jpg", "IMG(2).jpg")] == [1, 2, 3]


def test_a_sidecar_in_another_part_of_the_export_counts() -> None:
    """Parts are unpacked beside one another: an album is its own folder's name; another album's does not count."""
    pairing = Pairing()
    pairing.add_sidecar("/mnt/takeout-2/Takeout/Google Fotos/Photos from 2020/a.jpg.json", Sidecar(5, False))
    pairing.add_photo("Photos from 2020/a.jpg")
    assert pairing.find("Photos from 2020/a.jpg") == Sidecar(5, False)
    assert pairing.find("Photos from 2021/a.jpg") is None


def test_what_a_sidecar_says() -> None:
    """Its moment and whether the photo lies in the bin; albums and other JSON say nothing."""
    said = {"title": "IMG_1.jpg", "photoTakenTime": {"timestamp": "1584263400", "formatted": "15.03.2020, 09:10:00 UTC"}, "trashed": True}
    assert read(json.dumps(said).encode()) == Sidecar(1584263400, True)
    assert read(b"\xef\xbb\xbf" + json.dumps({**said, "trashed": "yes"}).encode()) == Sidecar(1584263400, False)
    assert read(json.dumps(said).encode("utf-16")) == Sidecar(1584263400, True)
    assert read(b'{"photoTakenTime": {"timestamp": 7}}') == Sidecar(7, False)
    assert read(b'{"photoTakenTime": {"timestamp": "0"}}') == Sidecar(None, False)
    assert read(b'{"title": "Holidays", "date": {"timestamp": "5"}}') is None


@pytest.mark.parametrize(
    "data",
    [
        b"", b"null", b"[]", b"7", b'"x"', b"\xff\xfe\x00", b"\xc3\x28", b"{", b"[" * 100_000, b'{"a":' * 100_000, b'{"photoTakenTime":NaN}', b"NaN",
        b'{"photoTakenTime": []}', b'{"photoTakenTime": {"timestamp": NaN}}', b'{"photoTakenTime": {"timestamp": 1e999}}',
        b'{"photoTakenTime": {"timestamp": true}}', b'{"photoTakenTime": {"timestamp": "12:00"}}', b'{"photoTakenTime": {"timestamp": {}}}',
        b'{"photoTakenTime": {"timestamp": ' + b"9" * 10_000 + b"}}", b'{"photoTakenTime": {"timestamp": "' + b"9" * 4000 + b'"}}',
        b'{"photoTakenTime": {"timestamp": "99999999999999"}}', b'{"albumdata": 3}', b'{"url": 3}', b" " * (LARGEST + 1),
    ],
)  # fmt: skip
def test_hostile_json_says_nothing(data: bytes) -> None:
    """Huge, deep, of wrong types, no numbers, no text: never an error, never a date."""
    sidecar = read(data)
    assert sidecar is None or sidecar == Sidecar(None, False)


JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@settings(max_examples=40)
@given(
    st.fixed_dictionaries({}, optional={"photoTakenTime": JSON | st.fixed_dictionaries({"timestamp": JSON}), "trashed": JSON, "url": JSON, "albumdata": JSON})
)
def test_any_json_is_read(said: object) -> None:
    """Whatever stands where a date or the bin is expected: no error, and what comes of it is a moment in seconds or none, and a plain yes or no."""
    sidecar = read(json.dumps(said).encode())
    assert sidecar is None or (isinstance(sidecar.taken_s, int | None) and isinstance(sidecar.trashed, bool))


NAMES = st.text(st.sampled_from("ab(1)2.-/\\ é\u0301\udc80😀\0\n\u202e"), max_size=80)


@given(NAMES, st.lists(NAMES, max_size=4))
def test_any_name_is_paired_and_shown(photo: str, others: list[str]) -> None:
    """Strange names raise nothing; what is kept of one is two parts at most, printable, and never leads anywhere."""
    pairing = Pairing()
    for name in others:
        pairing.add_sidecar(name, Sidecar(1, False))
        pairing.add_photo(name)
    pairing.find(photo)
    parts = shortened(photo).split("/")
    assert 1 <= len(parts) <= 2 and not {"", ".", ".."} & set(parts) and shortened(photo).isprintable()
