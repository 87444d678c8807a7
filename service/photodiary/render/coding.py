"""Encoders: what they are told so that segments of one film fit together, and so that phones and TVs play it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import av
from av.codec.context import Flags as CodecFlags
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from photodiary.diary.reel import LONGEST_RUN, Coding

COLOUR: Final = {"space": Colorspace.ITU709, "range": ColorRange.MPEG, "trc": ColorTrc.BT709, "primaries": ColorPrimaries.BT709}
ENCODERS: Final = {"h264": "libx264", "h265": "libx265"}
TAGS: Final = {"h264": "avc1", "h265": "hvc1"}  # hvc1: Apple's players take no other
DECODERS: Final = {"h264": "h264", "h265": "hevc"}

BY_CODEC: Final = {"h264": "none", "h265": "0"}  # how an encoder is told that no repetition may refer to another

# ITU-T H.264 table A-1: level, macroblocks a second, macroblocks a picture, kbit/s of High profile.
_LEVELS: Final = (
    ("3.0", 40_500, 1620, 12_500), ("3.1", 108_000, 3600, 17_500), ("3.2", 216_000, 5120, 25_000), ("4.0", 245_760, 8192, 25_000),
    ("4.1", 245_760, 8192, 62_500), ("4.2", 522_240, 8704, 62_500), ("5.0", 589_824, 22_080, 168_750), ("5.1", 983_040, 36_864, 300_000),
    ("5.2", 2_073_600, 36_864, 300_000),
)  # fmt: skip
BLU_RAY_KBITS: Final = 40_000
"""What every player of full HD must take; levels 4.1 and 4.2 allow more than their players do."""
UHD_KBITS: Final = 100_000
"""The same for 4K (Ultra HD Blu-ray's middle class, and what TVs read from a stick)."""
BUFFER_S: Final = 0.3
"""Seconds of the peak rate that the buffer holds.  Each segment begins with a full one, so the peak over a segment is kept below the limit by `MARGIN`."""
MARGIN: Final = 1.5


def level(width: int, height: int, rate: int) -> tuple[str, int]:
    """The lowest H.264 level for pictures of that size, so many a second, and the peak bitrate in kbit/s that players of it take."""
    blocks = math.ceil(width / 16) * math.ceil(height / 16)
    for name, a_second, a_picture, kbits in _LEVELS:
        if blocks * rate <= a_second and blocks <= a_picture and name != "4.0":  # 4.1 differs by its bitrate only, and all players of 4.0 take it
            return name, min(kbits, BLU_RAY_KBITS if name < "5" else UHD_KBITS)
    return _LEVELS[-1][0], UHD_KBITS


def _options(coding: Coding) -> dict[str, str]:
    name, kbits = level(coding.width, coding.height, coding.rate)
    peak = round(kbits / MARGIN)
    params: dict[str, object] = {
        "keyint": "infinite", "scenecut": 0, "chromaloc": 1,  # JPEG's colour samples sit in the middle of their 2 x 2 pixels: say so instead of moving them
        "vbv-maxrate": peak, "vbv-bufsize": round(peak * BUFFER_S),
    }  # fmt: skip
    if coding.steady:
        params |= {"bframes": LONGEST_RUN, "b-adapt": 0, "b-pyramid": BY_CODEC[coding.codec], "rc-lookahead": LONGEST_RUN + 5}
        params |= {"mbtree": 0} if coding.codec == "h264" else {"cutree": 0}  # that a photo is repeated is no reason to give it more bits
    if coding.codec == "h264":
        params |= {"stitchable": 1}  # the headers depend on the style only, never on the pictures
    else:
        params |= {"b-intra": 1}  # each photo is a new picture: without it some blocks came out in another photo's colours, and films were a fifth larger
        params |= {"keyint": -1, "open-gop": 0, "info": 0, "log-level": "none", "pools": "none", "frame-threads": 1, "wpp": 0, "repeat-headers": 0}
    options = {"preset": coding.preset, "crf": str(coding.crf)}
    told = ":".join(f"{key}={value}" for key, value in params.items())
    if coding.codec == "h264":
        return {**options, "profile": "high", "level": name, "x264-params": told}
    return {**options, "x265-params": told}


def encoder(coding: Coding) -> VideoCodecContext:
    """A fresh encoder for one segment.  One thread: more would give other bytes on another machine."""
    codec = av.CodecContext.create(ENCODERS[coding.codec], "w")
    assert isinstance(codec, VideoCodecContext)
    _set(codec, coding)
    codec.options = _options(coding)
    codec.flags |= CodecFlags.global_header
    return codec


def headers(coding: Coding) -> bytes:
    """What a decoder is told before the first picture; the same for all segments, as long as the encoder is the same."""
    codec = encoder(coding)
    codec.open()
    return bytes(codec.extradata or b"")


def add_stream(film: OutputContainer, coding: Coding, rate: Fraction) -> VideoStream:
    """The stream of a film that segments are copied into; its headers are those of the segments."""
    stream = film.add_stream(ENCODERS[coding.codec], rate=rate, options=_options(coding))
    assert isinstance(stream, VideoStream)
    codec = stream.codec_context
    _set(codec, coding)
    codec.codec_tag = TAGS[coding.codec]
    codec.flags |= CodecFlags.global_header
    return stream


def _set(codec: VideoCodecContext, coding: Coding) -> None:
    codec.width, codec.height, codec.pix_fmt = coding.width, coding.height, "yuv420p"
    codec.time_base, codec.framerate = Fraction(1, coding.rate), Fraction(coding.rate)
    codec.colorspace, codec.color_range = COLOUR["space"], COLOUR["range"]
    codec.color_trc, codec.color_primaries = COLOUR["trc"], COLOUR["primaries"]
    codec.flags |= CodecFlags.closed_gop
    codec.thread_count = 1


def disposable(data: bytes, codec: str) -> bool:
    """Whether no other picture refers to this one (ITU-T H.264 7.4.1: nal_ref_idc is 0; H.265 table 7-1: a sub-layer non-reference picture)."""
    for start in _units(data):
        head = data[start]
        if codec == "h264" and head & 31 in (1, 5):
            return head & 0x60 == 0
        if codec == "h265" and (head >> 1) & 63 < 32:
            return (head >> 1) & 63 < 16 and (head >> 1) & 1 == 0
    return False


def _units(data: bytes) -> Sequence[int]:
    """Where the NAL units of a picture begin, behind their start codes (Annex B)."""
    found, place = [], data.find(b"\0\0\1")
    while place >= 0 and place + 3 < len(data):
        found.append(place + 3)
        place = data.find(b"\0\0\1", place + 3)
    return found
