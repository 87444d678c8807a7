"""HEIC through pillow-heif, loaded only when such a photo comes; upright as it is decoded, so never turned again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from photodiary.errors import NoReader, Unreadable

Pixels = NDArray[np.uint8]
COMMAND = "pip install 'pillow-heif>=1.8.1'"
AVIF_COMMAND = "pip install --upgrade pillow"  # the wheels of pillow-heif 1.8 read no AVIF, one that a system brings may


def opened(data: bytes) -> Any:
    """The main picture of a HEIC file, not decoded yet: `.size` upright, `.info` with exif and icc_profile.

    Raises NoReader where pillow-heif is missing, Unreadable.
    """
    try:
        import pillow_heif

        options = pillow_heif.options
        options.DECODE_THREADS = 1  # workers share the cores among them
        options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
        container = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
        return container[container.primary_index]
    except ImportError as error:
        raise NoReader(f"HEIC photos need pillow-heif, which is not installed here; install it: {COMMAND}") from error
    except (OSError, ValueError, SyntaxError, RuntimeError, EOFError, IndexError) as error:
        raise _refusal(error) from error


def pixels(data: bytes) -> Pixels:
    """RGB (h, w, 3), upright, transparency on white.  Raises NoReader, Unreadable."""
    picture = opened(data)
    declared = picture.size
    try:
        # mostly RGB, which needs no detour over Pillow's four bytes a pixel
        image = None if picture.mode == "RGB" else picture.to_pillow()
        seen = np.asarray(picture, np.uint8)[:, : declared[0]] if image is None else flat(image)
    except (OSError, ValueError, SyntaxError, RuntimeError, EOFError) as error:
        raise _refusal(error) from error
    if picture.size != declared:
        raise Unreadable("damaged", "the picture data is damaged (its size is not the one that was declared)")
    return np.array(seen)  # a copy, so that nothing else of the file stays in memory


def flat(image: Image.Image) -> Pixels:
    """RGB (h, w, 3) of a Pillow image of 8 bits a channel, transparency on white."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"), np.uint8)


def _refusal(error: Exception) -> NoReader | Unreadable:
    said = str(error).lower()
    if "not been built in" in said or "no decoding plugin" in said:
        if "av1" in said or "dav1d" in said:
            return NoReader(f"AVIF photos need a Pillow with AVIF, which is not installed here; install it: {AVIF_COMMAND}")
        return NoReader(f"this kind of HEIC photo needs another pillow-heif; install it: {COMMAND}")
    if "security limit" in said or "memory" in said:
        return Unreadable("too_large", "it needs more memory than the limits allow")
    return Unreadable("damaged", f"the picture data is damaged ({str(error)[:80]})")
