"""Promise: temporary and system files of Syncthing, Nextcloud, Dropbox, rsync, Samba, browsers, NAS boxes, macOS, Windows, Android.

None of them becomes a row, not even when it holds a whole photo; a real photo beside them does, and own patterns add to the list.
"""

from __future__ import annotations

from pathlib import Path

from tests.promises.inboxes import config, living, note, rows, until_in, until_scanned
from tests.promises.switch import Switch
from tests.support.dots import photo

from photodiary.diary.photo import digest_of

FILES = (
    ".hidden.jpg", ".IMG_1.jpg.x7Gh2a", ".syncthing.IMG_1.jpg.tmp", "~syncthing~IMG_1.jpg.tmp", "IMG_1~syncthing~.jpg", "IMG_1.jpg.part", "IMG_1.jpg.filepart",
    "IMG_1.jpg.ocTransferId123.part", "IMG_1.jpg.partial", "IMG_1.jpg.crdownload", "IMG_1.jpg.download", "IMG_1.jpg.tmp", "IMG_1.JPG.TMP", "IMG_1.jpg~",
    "~$IMG_1.jpg", "._IMG_1.jpg", ".~lock.IMG_1.jpg#", ".nfs0000000000000001", ".smbdeleted1", ".dropbox", ".trashed-1700000000-IMG_1.jpg",
    ".pending-1700000000-IMG_1.jpg", ".nomedia", ".DS_Store", "Thumbs.db", "Desktop.ini", "Icon\r", "IMG_1.jpg.swp", "IMG_1.jpg.!sync",
)  # fmt: skip
FOLDERS = (
    ".stfolder", ".stversions", ".dropbox.cache", ".thumbnails", ".Trash-1000", "@eaDir", "@EADIR", "#recycle", "#snapshot", "__MACOSX", "lost+found",
    "$RECYCLE.BIN", "System Volume Information",
)  # fmt: skip
OWN = '["Screenshot*", "WhatsApp Images"]'

SWITCHES = (
    Switch(
        "the list of files",
        "test_none_of_them_is_a_photo_and_the_photo_beside_them_is",
        "inbox/settle.py",
        "_matches(name, IGNORED_FILES + globs)",
        "bool(globs) and _matches(name, globs)",
    ),
    Switch(
        "the list of folders",
        "test_none_of_them_is_a_photo_and_the_photo_beside_them_is",
        "inbox/settle.py",
        "_matches(name, IGNORED_FOLDERS + globs)",
        "bool(globs) and _matches(name, globs)",
    ),
    Switch(
        "own patterns",
        "test_none_of_them_is_a_photo_and_the_photo_beside_them_is",
        "inbox/inbox.py",
        "listing = files.walk(self.root, self.config.ignore, self._known)",
        "listing = files.walk(self.root, (), self._known)",
    ),
    Switch(
        "folders that events tell of",
        "test_none_of_them_is_a_photo_and_the_photo_beside_them_is",
        "inbox/inbox.py",
        "or any(ignored_folder(p, self.config.ignore) for p in parts[:-1])",
        "",
    ),
)


def test_none_of_them_is_a_photo_and_the_photo_beside_them_is(tmp_path: Path) -> None:
    """Seen by the look at the start, by their events and by the looks after: no row comes of a whole photo under any of these names or in these folders."""
    settings = config(1.0).replace("[darkroom]", f"ignore = {OWN}\n[darkroom]")
    bad = [(name, photo(number)) for number, name in enumerate((*FILES, "screenshot_1.jpg"))]
    bad += [(f"{folder}/deeper/IMG_1.jpg", photo(100 + number)) for number, folder in enumerate((*FOLDERS, "WhatsApp images", "Screenshots"))]
    good = {name: photo(200 + number) for number, name in enumerate(("IMG_1.jpg", "a/b/photo", "IMG_1.sync-conflict-20240601-120000-ABCDEFG.jpg", "tmp.jpg"))}
    with living(tmp_path / "me", settings) as diary:
        for again in (False, True):  # the second time the names are known to the watcher, and written over
            for name, data in (*bad, *good.items()):
                path = diary.inbox / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            until_in(diary, *good.values())
            until_scanned(diary)
            assert set(rows(diary)) == {digest_of(data) for data in good.values()}, again
        assert {name for _, names in rows(diary).values() for name in names} == {name.encode() for name in good}
        assert diary.stop() == 0
        diary.start()  # the look at the start finds them all there
        until_scanned(diary)
        assert set(rows(diary)) == {digest_of(data) for data in good.values()}
        assert note(diary, "held") == 0
