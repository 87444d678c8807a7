"""A folder that the sandbox cannot show is told from one that is just not there."""

from __future__ import annotations

from pathlib import Path

from photodiary.run.walls import hidden

BARE = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
SANDBOX = BARE + "90 22 0:40 / /home ro,nosuid shared:9 - tmpfs tmpfs ro,mode=755\n"
SHOWN = SANDBOX + "91 90 254:0 /home/bob/My\\040Photos /home/bob/My\\040Photos ro,relatime - ext4 /dev/vda rw\n"


def test_only_an_empty_home_of_systemds_hides(tmp_path: Path) -> None:
    """Behind the empty file system over the homes something may have come; elsewhere, and where the folder is bound, what is not there is not there."""

    def told(text: str, folder: str) -> bool:
        (tmp_path / "mountinfo").write_text(text)
        return hidden(Path(folder), tmp_path / "mountinfo")

    assert told(SANDBOX, "/home/bob/My Photos") and not told(BARE, "/home/bob/My Photos")
    assert not told(SHOWN, "/home/bob/My Photos") and told(SHOWN, "/home/bob/My Photos of others")
    assert not told(SANDBOX, "/srv/photos") and not told(SANDBOX, "/homeless/photos")
    assert not hidden(Path("/home/bob/x"), tmp_path / "nowhere")
