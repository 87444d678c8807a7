"""Promise: the graphics card is lost, or out of memory: smaller batches, then the processor; stated in `status`.

No card was there when this was written.  In its place stands a make-believe one in a real daemon with the shipped model: what is sent to
"cuda" stays in main memory, and the errors are the classes and words that PyTorch raises.  Nothing of photodiary is replaced.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.promises.switch import Switch
from tests.support.daemon import ROOT, Diary
from tests.support.dots import drop

sys.path.insert(0, str(ROOT / "deploy"))

SWITCHES = (
    Switch(
        "fewer photos at once after running out of memory",
        "test_short_of_memory_it_takes_fewer_at_once_and_in_the_end_the_processor",
        "locate/locator.py",
        "self.together //= 2",
        "self.together -= 0",
    ),
    Switch(
        "the processor when there is no room for one photo",
        "test_short_of_memory_it_takes_fewer_at_once_and_in_the_end_the_processor",
        "locate/locator.py",
        'self._net.to("cpu")',
        "raise error_of_the_card",
    ),
    Switch(
        "one real prediction at the start",
        "test_a_card_that_torch_has_no_kernels_for_is_found_at_the_start",
        "locate/locator.py",
        "        self._ask([np.zeros(",
        "        len([np.zeros(",
    ),
    Switch(
        "leaving when the card has failed",
        "test_a_card_that_breaks_down_twice_is_left_alone",
        "run/loop.py",
        "except DeviceLost as error:",
        "except ZeroDivisionError as error:",
    ),
    Switch(
        "remembering that the card has failed", "test_a_card_that_breaks_down_twice_is_left_alone", "run/engine.py", "card.lost(self._ledgers)", "pass"
    ),
)  # fmt: skip

# A card made of main memory: `to("cuda")` changes nothing, and `trouble(pictures)` is asked before each prediction.
CARD = """
import sys
from pathlib import Path
sys.path[:0] = [{service!r}]
if __name__ == "__main__":
    import torch
    state = Path({state!r})
    state.mkdir(exist_ok=True)
    torch.cuda.is_available = lambda: True
    torch.cuda.empty_cache = lambda: None
    def to_nowhere(real):
        def to(self, *arguments, **options):
            return self if arguments and arguments[0] == "cuda" else real(self, *arguments, **options)
        return to
    torch.nn.Module.to, torch.Tensor.to = to_nowhere(torch.nn.Module.to), to_nowhere(torch.Tensor.to)
    real_autocast = torch.autocast
    torch.autocast = lambda device, **options: real_autocast("cpu", **{{**options, "enabled": False}})
    asked = [0]
    def trouble(pictures):
        asked[0] += 1
{trouble}
    from photodiary.eyenet.network import EyeNet
    from photodiary.locate.locator import EyeLocator
    answer = EyeNet.features
    def features(self, pixels):
        if on_the_card():
            trouble(len(pixels))
        return answer(self, pixels)
    def on_the_card():
        frame = sys._getframe(2)
        return frame.f_locals["self"].device == "cuda"
    EyeNet.features = features
    from photodiary import cli
    from photodiary.run import daemon
    daemon.CHECK_EVERY_S = 0.5  # how soon it sees a loop that gave up
    sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    diary = Diary(tmp_path / "me", real_model=True)
    yield diary
    diary.close()


def with_card(diary: Diary, trouble: str) -> None:
    program = diary.folder / "with-card.py"
    lines = "".join(f"        {line}\n" for line in trouble.splitlines())
    program.write_text(CARD.format(service=str(ROOT / "service"), state=str(diary.folder / "state"), trouble=lines))
    diary.command, diary.loaded_first = [sys.executable, str(program)], True
    diary.environment.pop("CUDA_VISIBLE_DEVICES", None)


def selfies(diary: Diary, count: int, first: int = 0) -> None:
    selfies = pytest.importorskip("selfies")
    for selfie in list(selfies.month(first + count))[first:]:
        drop(diary.inbox, selfie.name, selfie.data)


def test_short_of_memory_it_takes_fewer_at_once_and_in_the_end_the_processor(diary: Diary) -> None:
    """Out of memory, fewer photos go through the card together; without room for a single one the processor does it; status says so, no photo is lost."""
    with_card(diary, "if asked[0] > 1: raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB')")
    selfies(diary, 3)
    diary.start()
    diary.until_film_of(3, seconds=150)
    told = diary.told()
    for together in (4, 2, 1):
        assert f"short of memory: {together} photos at once go through it, not 8" in told
    assert "no room for a single photo" in told
    status = diary.status()
    assert status["model"]["device"] == "cpu"
    assert any("the processor finds the eyes" in reason for reason in status["degraded"])
    assert "Traceback" not in told and diary.stop() == 0


def test_a_card_that_torch_has_no_kernels_for_is_found_at_the_start(diary: Diary) -> None:
    """A card that is there but cannot compute is found by one real prediction before it watches: one calm line, and the processor."""
    with_card(diary, "raise torch.AcceleratorError('CUDA error: no kernel image is available for execution on the device')")
    diary.start()
    diary.until_told(" watches ", seconds=120)
    told = diary.told()
    assert told.count("the GPU cannot be used") == 1 and "no kernel image" in told
    assert "on cpu" in told and "Traceback" not in told
    assert diary.status()["model"]["device"] == "cpu" and diary.status()["degraded"] == []
    assert diary.stop() == 0


def test_a_card_that_breaks_down_twice_is_left_alone(diary: Diary) -> None:
    """An error that stays with the process ends it with status 1 once it is noted in the diary database; after two the next start uses the processor."""
    with_card(diary, "if asked[0] > 1: raise torch.AcceleratorError('CUDA error: an illegal memory access was encountered')")
    selfies(diary, 1)
    for _ in range(2):
        diary.start()
        assert diary._process is not None
        end = time.monotonic() + 120
        while diary._process.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
        assert diary._process.poll() == 1, diary.told()[-3000:]
        assert "the graphics card has failed (CUDA error: an illegal memory access" in diary.told()
    diary.start()
    diary.until_film_of(1, seconds=150)
    status = diary.status()
    assert status["model"]["device"] == "cpu"
    assert any("failed twice within a day" in reason for reason in status["degraded"])
    assert "Traceback" not in diary.told() and diary.stop() == 0
