"""Whether a published film can be shown from end to end.

`python -m photodiary.render.checking FILM FRAMES` decodes it in a process of its own, so that who asks need not load PyAV.  It prints
a number whenever it has come further, and at the end a sentence's end about what is wrong, or an empty line.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

TELL_EVERY = 100  # frames


def whole(path: Path, frames: int, progress: Callable[[int], None]) -> str | None:
    """What is wrong with the film at `path`, which should show so many photos or more pictures, as the end of a sentence; None if nothing is."""
    command = [sys.executable, "-m", "photodiary.render.checking", str(path), str(frames)]
    last = ""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
        assert child.stdout is not None
        try:
            for line in child.stdout:
                last = line.rstrip("\n")
                if last.isdigit():
                    progress(int(last))
        except BaseException:
            child.kill()
            raise
    if child.returncode != 0:
        return f"the process that looked at it died (exit {child.returncode})"
    return last or None


def problem(path: Path, frames: int, progress: Callable[[int], None]) -> str | None:
    """`whole`, in this process."""
    import av

    try:
        with av.open(f"file:{path}", "r", format="mp4", metadata_errors="replace") as film:
            if len(film.streams.video) != 1 or film.streams.audio:  # chapters are a stream of their own
                return "it holds something else than one video"
            codec, pictures = film.streams.video[0].codec_context, film.streams.video[0].frames
            if codec is None or codec.name not in ("h264", "hevc"):  # None, despite its type, for an unknown codec
                return "it is neither H.264 nor H.265"
            codec.thread_count = 1
            codec.options = {"err_detect": "explode"}  # without it a damaged picture is patched up in silence
            decoded = 0
            for packet in film.demux(film.streams.video[0]):
                for frame in packet.decode():
                    if packet.is_corrupt or frame.is_corrupt:
                        return f"frame {decoded + 1:,} is damaged"
                    decoded += 1
                    if decoded % TELL_EVERY == 0:
                        progress(decoded)
    except (av.FFmpegError, OSError) as error:
        return f"it cannot be read to its end: {error.strerror or type(error).__name__}"
    if decoded != pictures:
        return f"{decoded:,} of its {pictures:,} pictures can be shown"
    return None if decoded >= frames else f"it shows {decoded:,} photos instead of {frames:,}"


def _tell(text: int | str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    _tell(problem(Path(sys.argv[1]), int(sys.argv[2]), _tell) or "")
