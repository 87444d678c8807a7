"""One picture shining through another."""

from __future__ import annotations

import numpy as np
from av.video.frame import VideoFrame


def blend(first: VideoFrame, second: VideoFrame, share: float) -> VideoFrame:
    """The mean of two pictures of one size and format, `share` (0 to 1) of it the second; a new picture."""
    weight = round(share * 256)
    answer = VideoFrame(first.width, first.height, first.format.name)
    for plane, a, b in zip(answer.planes, first.planes, second.planes, strict=True):
        one, other = (np.frombuffer(memoryview(source), np.uint8).astype(np.uint16) for source in (a, b))
        rows = [values.reshape(-1, source.line_size)[:, : plane.width] for values, source in ((one, a), (other, b))]
        mixed = (rows[0] * (256 - weight) + rows[1] * weight + 128) >> 8
        target = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        target[:, : plane.width] = mixed
    answer.colorspace, answer.color_range = first.colorspace, first.color_range
    answer.color_trc, answer.color_primaries = first.color_trc, first.color_primaries
    return answer
