"""What a configuration promises: every problem in a line of its own, nothing unknown, nothing secret printed, nothing changed later."""

from __future__ import annotations

import dataclasses
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from photodiary.diary.reel_style import ReelStyle
from photodiary.errors import BadConfig
from photodiary.settings import PREFIX, Settings, find_config, load

SERVICE = Path(__file__).parents[1] / "service"
ME = '[diary.me]\ninbox = "inbox"\narchive = "archive"\n'
SECRET = "hunter2-correct-horse"

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [variable for variable in os.environ if variable.upper().startswith(PREFIX)]:
        monkeypatch.delenv(variable)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "config.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def problems(path: Path) -> list[str]:
    """The lines a wrong configuration is refused with, less the file's name that each begins with."""
    with pytest.raises(BadConfig) as refused:
        load(path)
    lines = str(refused.value).splitlines()
    assert lines and all(line.startswith(f"{path}: ") for line in lines)
    return [line.removeprefix(f"{path}: ") for line in lines]


# -- values ------------------------------------------------------------------------------------------------------------------------


def test_the_shortest_configuration_works(write: Write, tmp_path: Path) -> None:
    """One diary with two folders is enough; all else has its default."""
    settings = load(write(ME))
    assert settings.diary["me"].inbox == tmp_path / "inbox"
    assert settings.model_copy(update={"diary": {}, "state": ""}) == Settings()
    assert settings.state == str(tmp_path / "state")
    assert settings.zone("me").key == "UTC"


def test_relative_paths_count_from_the_file(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths are found from the configuration's folder wherever it is read from; absolute ones and ~ stay what they are."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("HOME", "/home/anna")
    path = write('[diary.me]\ninbox = "in/camera"\narchive = "~/diary"\n[diary.you]\ninbox = "/phone"\narchive = "out"\n[locate]\nmodel = "own.safetensors"\n')
    settings = load(path)
    assert (settings.diary["me"].inbox, settings.diary["me"].archive) == (tmp_path / "in/camera", Path("/home/anna/diary"))
    assert (settings.diary["you"].inbox, settings.diary["you"].archive) == (Path("/phone"), tmp_path / "out")
    assert settings.locate.model == str(tmp_path / "own.safetensors")


def test_a_diary_may_have_its_own_zone_and_format(write: Write) -> None:
    """A diary's own time zone and picture format win over the general ones, for this diary only."""
    other = '[diary.you]\ninbox = "i2"\narchive = "a2"\ntimezone = "Pacific/Auckland"\ncanvas = "1080x1080"\n'
    settings = load(write(f'timezone = "Europe/Berlin"\n{ME}{other}'))
    assert (settings.zone("me").key, settings.zone("you").key) == ("Europe/Berlin", "Pacific/Auckland")
    assert (settings.align_of("me").canvas, settings.align_of("you").canvas) == ("auto", "1080x1080")


def test_the_environment_wins_over_the_file(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PHOTODIARY_TABLE__KEY replaces that one value; its neighbours stay as the file says."""
    path = write(f'timezone = "Europe/Berlin"\n{ME}[film]\ncrf = 30\nphotos_per_second = 24\n')
    monkeypatch.setenv("PHOTODIARY_FILM__CRF", "18")
    monkeypatch.setenv("PHOTODIARY_TIMEZONE", "America/New_York")
    monkeypatch.setenv("PHOTODIARY_DIARY__ME__ARCHIVE", "elsewhere")
    monkeypatch.setenv("PHOTODIARY_CONFIG", "ignored by load")
    settings = load(path)
    assert (settings.film.crf, settings.film.photos_per_second) == (18, 24)
    assert settings.timezone == "America/New_York"
    assert (settings.diary["me"].inbox, settings.diary["me"].archive) == (tmp_path / "inbox", tmp_path / "elsewhere")


def test_lists_stand_in_the_environment_as_json(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that holds secrets need not stand in a file; what is no list is told, without its content."""
    path = write(ME)
    monkeypatch.setenv("PHOTODIARY_NOTIFY__URLS", f'["json://{SECRET}@host/a,b", "ntfy://topic"]')
    monkeypatch.setenv("PHOTODIARY_INBOX__IGNORE", '["Screenshot*"]')
    settings = load(path)
    assert settings.notify.urls == (f"json://{SECRET}@host/a,b", "ntfy://topic") and settings.inbox.ignore == ("Screenshot*",)
    for wrong in (f"json://{SECRET}", f'["json://{SECRET}"', f'{{"a": "{SECRET}"}}'):
        monkeypatch.setenv("PHOTODIARY_NOTIFY__URLS", wrong)
        with pytest.raises(BadConfig) as told:
            load(path)
        assert str(told.value) == f'{path}: notify.urls: must be a list, such as ["one", "two"]'


def test_values_are_frozen(write: Write) -> None:
    """Nobody changes a setting once it is read."""
    settings = load(write(ME))
    with pytest.raises(ValidationError, match="frozen"):
        settings.timezone = "Europe/Berlin"  # type: ignore[misc]
    tables = [getattr(settings, name) for name in Settings.model_fields if dataclasses.is_dataclass(getattr(settings, name))]
    assert len(tables) >= 8
    for table in [*tables, settings.diary["me"]]:
        name = dataclasses.fields(table)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(table, name, getattr(table, name))


# -- films -------------------------------------------------------------------------------------------------------------------------


def test_a_further_film_is_as_the_main_one_where_it_says_nothing(write: Write) -> None:
    """What [films.NAME] leaves out is as in [film], and what it says is for it alone."""
    settings = load(write(f'{ME}[film]\ncrf = 18\npick = "week"\n[films.month]\nof = "30 days"\npick = "all"\n[films.small]\nsize = 480\ndiaries = ["me"]\n'))
    main, month, small = settings.films_of("me")
    assert (main.name, main.of, main.style.crf, main.style.pick, main.style.size) == ("latest", "all", 18, "week", 0)
    assert (month.name, month.of, month.style.crf, month.style.pick) == ("month", "30 days", 18, "all")
    assert (small.name, small.of, small.style.crf, small.style.pick, small.style.size) == ("small", "all", 18, "week", 480)


@pytest.mark.parametrize(
    ("written", "speed"),
    [("", "auto"), ("pace = 12", "12"), ('pace = "12"', "12"), ('pace = "60 s"', "60 s"), ("photos_per_second = 12", "12"), ("photos_per_second = 0", "auto"),
     ('pace = "time"\nphotos_per_second = 12', "12")],
)  # fmt: skip
def test_a_pace_may_be_a_number_or_have_its_older_name(write: Write, written: str, speed: str) -> None:
    """Configurations that say photos_per_second go on as they were; a pace may stand there with or without quotes."""
    assert load(write(f"{ME}[film]\n{written}\n")).film.speed == speed


def test_a_pace_of_ones_own_is_not_overruled_from_above(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A further film's pace counts whatever the main film says by the older name, and one in the environment whatever the file says."""
    path = write(f"{ME}[film]\nphotos_per_second = 12\n[films.a]\npace = 6\n[films.b]\n")
    assert [film.style.speed for film in load(path).films_of("me")] == ["12", "6", "12"]
    monkeypatch.setenv("PHOTODIARY_FILM__PACE", "20")
    monkeypatch.setenv("PHOTODIARY_FILMS__B__PACE", "time")
    assert [film.style.speed for film in load(path).films_of("me")] == ["20", "6", "time"]


def test_films_may_stand_in_the_environment(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """PHOTODIARY_FILMS__NAME__KEY makes or changes a further film; a misspelt key of it is told."""
    path = write(f'{ME}[films.month]\nof = "30 days"\n')
    monkeypatch.setenv("PHOTODIARY_FILMS__MONTH__CRF", "30")
    monkeypatch.setenv("PHOTODIARY_FILMS__YEAR__OF", "year")
    monkeypatch.setenv("PHOTODIARY_FILMS__YEAR__DIARIES", '["me"]')
    _, month, year = load(path).films_of("me")
    assert (month.of, month.style.crf, year.of, year.style.crf) == ("30 days", 30, "year", 20)
    monkeypatch.setenv("PHOTODIARY_FILMS__YEAR__FO", "all")
    assert problems(path)[0].startswith("environment variable PHOTODIARY_FILMS__YEAR__FO: is not a setting")


def test_what_a_film_has_from_the_main_one_is_told_once(write: Write) -> None:
    """A mistake in [film] is not told again for every film that is made like it; what they add of their own is."""
    told = problems(write(f'{ME}[film]\ncrf = 99\nfps = "many"\n[films.a]\n[films.b]\nof = "week"\n'))
    assert sorted(line.split(":")[0] for line in told) == ["film.fps"]
    told = problems(write(f'{ME}[film]\ncrf = 99\n[films.a]\n[films.b]\nof = "week"\n'))
    assert sorted(line.split(":")[0] for line in told) == ["film.crf", "films.b.of"]


def test_a_day_of_birth_may_be_written_as_toml_writes_days(write: Write) -> None:
    """With or without quotes, it is the same day."""
    assert load(write(f"{ME}born = 1990-04-17\n")).diary["me"].born == load(write(f'{ME}born = "1990-04-17"\n')).diary["me"].born == "1990-04-17"


def test_a_film_that_writes_ages_needs_a_day_of_birth(write: Write) -> None:
    """Without it the configuration is refused, at the diary that lacks it."""
    told = problems(write(f'{ME}[films.baby]\nstamp = "age"\n'))
    assert told == ['diary.me.born: [films.baby] writes the age into the picture; add the day of birth, such as "1990-04-17"']
    assert load(write(f'{ME}born = "1990-04-17"\n[films.baby]\nstamp = "age"\n')).films_of("me")[1].style.stamp == "age"


@pytest.mark.parametrize("line", ['stamp = "date"\nlanguage = "tlh"', 'chapters = "year"\nlanguage = "../en"', 'stamp = "date"\nstamp_format = "\'d"'])
def test_a_language_or_format_that_there_is_not_is_told(write: Write, line: str) -> None:
    """Whether dates can be written so is found out when the file is read, not in the film."""
    key = line.rpartition("\n")[2].split(" ")[0]
    told = problems(write(f"{ME}[film]\n{line}\n"))
    assert len(told) == 1 and told[0].startswith(f"film.{key}: ")


def test_whoever_makes_no_film_asks_nothing_of_languages(write: Write) -> None:
    """`status` and the like load neither languages nor fonts, whatever is written into the film."""
    path = write(f'{ME}[film]\nstamp = "date"\ntitle = "Ein Jahr"\nlanguage = "de"\n')
    asked = (
        f"from photodiary.run.verbs import *; import sys; status(argparse.Namespace(config={str(path)!r}, json=True, check=False)); print(sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked], env={**os.environ, "PYTHONPATH": str(SERVICE)}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0 and "photodiary.settings.clashes" in done.stdout and "'babel'" not in done.stdout and "'PIL'" not in done.stdout


# -- problems ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("colour = 3\n" + ME, "colour: is not a setting; known are timezone, state, diary, "),
        (ME + "[flim]\ncrf = 3\n", "flim: is not a setting; known are "),
        (ME + "[film]\ncfr = 3\n", "film.cfr: is not a setting; known are pace, photos_per_second, fps, "),
        (ME + 'inbx = "x"\n', "diary.me.inbx: is not a setting; known are inbox, archive, "),
        (ME + '[film]\ncrf = "good"\n', "film.crf: input should be a valid integer"),
        (ME + "[inbox]\nignore = 3\n", 'inbox.ignore: must be a list, such as ["one", "two"]'),
        (ME + '[logs]\nlevel = "loud"\n', "logs.level: input should be 'debug', 'info', 'warning' or 'error'"),
        (ME + "[film]\ncrf = 99\n", "film"),
        ("film = 3\n" + ME, "film: input should be a dictionary"),
        ('[diary.me]\ninbox = "in"\n', "diary.me.archive: field required"),
        ("diary = 3\n", "diary: input should be a valid dictionary"),
        ("[diary]\nme = 3\n", "diary.me: input should be a dictionary"),
        ("", "diary: no diary is configured; write a table [diary.NAME] with inbox and archive"),
        ('timezone = "Europe/Nowhere"\n' + ME, 'timezone: there is no time zone "Europe/Nowhere"; write one like "Europe/Berlin"'),
        ('timezone = "../../../etc/passwd"\n' + ME, "timezone: there is no time zone"),
        ('timezone = ""\n' + ME, "timezone: there is no time zone"),
        (ME + 'timezone = "Mars"\n', 'diary.me.timezone: there is no time zone "Mars"'),
        (ME + 'canvas = "big"\n', 'diary.me.canvas: canvas must be "auto", "1080x1350" or'),
        (ME + 'canvas = "81x100"\n', "diary.me.canvas: a picture format of 81x100 is not possible"),
        (ME + 'on_delete = "delete"\n', 'diary.me.on_delete: must be "keep" or "exclude"'),
        (ME + '[films.month]\npcik = "day"\n', "films.month.pcik: is not a setting; known are pace, photos_per_second, fps, "),
        (ME + '[films.month]\ncrf = "good"\n', "films.month.crf: input should be a valid integer"),
        (ME + '[films.month]\nof = "4 weeks"\n', 'films.month.of: must be "all", "year" or a number of days such as "30 days"'),
        (ME + '[films.month]\ndiaries = "me"\n', 'films.month.diaries: must be a list, such as ["one", "two"]'),
        (ME + '[films.month]\ndiaries = ["you"]\n', "films.month.diaries: there is no diary of the name you; known are me"),
        (ME + "[films]\ncrf = 3\n", "films.crf: input should be a dictionary"),
        (ME + "[films.2024]\n", "films.2024: a film cannot be called so: "),
        (ME + '[films."../x"]\n', "films.../x: a film's name has letters, digits, - and _ only"),
        (ME + 'born = "May 1990"\n', 'diary.me.born: must be a past day written as "1990-04-17"'),
        (ME.replace("me", '"a/b"'), "diary.a/b: a diary's name has letters, digits, - and _ only"),
    ],
)
def test_each_problem_is_one_clear_line(write: Write, text: str, line: str) -> None:
    """A mistake is told in one line: the file, the place, what is wrong and what is allowed."""
    told = problems(write(text))
    assert len(told) == 1 and told[0].startswith(line)


def test_all_problems_are_told_at_once(write: Write) -> None:
    """Every problem of a file is told together, each in a line of its own, also of other kinds."""
    text = (
        'timezone = "Mars"\ncolour = 3\n[diary.me]\ninbox = "same"\narchive = "same"\n[film]\ncfr = 3\ncrf = "good"\n'
        '[inbox]\nscan_every = "often"\nwait_until_unchanged = "long"\n[doubt]\nask_above = -1\n'
    )  # fmt: skip
    told = problems(write(text))
    starts = [
        "colour:", "film.cfr:", "film.crf:", "inbox.scan_every:", "inbox.wait_until_unchanged:", "doubt", "timezone:", "diary.me.archive: is the same folder",
    ]  # fmt: skip
    assert len(told) == len(starts)
    assert all(any(line.startswith(start) for line in told) for start in starts)


RANGES = [
    "darkroom.workers = 65", "darkroom.memory_mb = 100", "darkroom.seconds = 0", "darkroom.max_megapixels = -1", "darkroom.max_megabytes = 0",
    "film.photos_per_second = -1", "film.photos_per_second = 61", 'film.pace = "fast"', "film.pace = 0", "film.pace = 61", "film.pace = 7.5",
    "film.pace = true",
    "film.fps = 50", 'film.pick = "best"', "film.crossfade = 1.1", "film.crossfade = nan", "film.hold_first = -1", "film.hold_last = 61", 'film.shape = "2:1"',
    "film.size = 1081", "film.size = 2162", 'film.border = "red"', 'film.stamp = "name"', 'film.stamp_position = "left"', "film.stamp_size = 0.5",
    'film.title = "two\\nlines"', 'film.chapters = "week"', 'film.codec = "av1"', "film.crf = 41", "film.crf = -1", 'film.preset = "warp"',
    "inbox.wait_until_unchanged = 0.4", "inbox.scan_every = 0.5", "inbox.scan_every = 3601", 'locate.device = "tpu"', "locate.threads = 129",
    "doubt.ask_above = 0", "doubt.leave_out_above = 2.9", "render.after_quiet_s = -1", "render.at_latest_s = 4", "render.first_after = 0",
    'render.at = "24:00"', 'render.at = "4:30"', 'align.canvas = "81x100"', 'align.canvas = "1080 x 1350"',
    "inbox.scan_every = nan", "doubt.ask_above = nan",
]  # fmt: skip


@pytest.mark.parametrize("line", RANGES)
def test_a_value_out_of_range_is_refused(write: Write, line: str) -> None:
    """What a value may be is checked when the file is read; the line names the table and the key."""
    table, key, value = line.split(" = ")[0].split(".") + [line.split(" = ")[1]]
    told = problems(write(f"{ME}[{table}]\n{key} = {value}\n"))
    assert len(told) == 1 and told[0].startswith(table) and (key in told[0] or key == "canvas")


@pytest.mark.parametrize("line", ["film.crf = 99", "inbox.scan_every = 0", "align.canvas = 'big'"])
def test_a_value_out_of_range_is_told_by_table_and_key(write: Write, line: str) -> None:
    """A value out of range is told in the same form as any other problem: `file: table.key: what is wrong`."""
    where, value = line.split(" = ")
    table, key = where.split(".")
    assert problems(write(f"{ME}[{table}]\n{key} = {value}\n"))[0].startswith(f"{where}: ")


def test_two_values_out_of_range_are_both_told(write: Write) -> None:
    """Also two problems of one table are told together."""
    assert len(problems(write(f"{ME}[film]\ncrf = 99\nphotos_per_second = 61\n"))) == 2


@pytest.mark.parametrize("key", ["darkroom.seconds", "darkroom.max_megapixels", "render.after_quiet_s", "render.at_latest_s"])
def test_nan_is_no_value(write: Write, key: str) -> None:
    """A number that is none is refused."""
    table, name = key.split(".")
    assert problems(write(f"{ME}[{table}]\n{name} = nan\n"))


def test_a_syntax_error_says_where(write: Write) -> None:
    """What is no TOML at all is told with its line."""
    told = problems(write('[diary.me]\ninbox = "in\n'))
    assert len(told) == 1 and told[0].startswith("is not valid TOML: ") and "line 2" in told[0]


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    """A file of other bytes is told as no TOML."""
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe\x00")
    assert problems(path)[0].startswith("is not valid TOML: ")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """A file that is not there, or is a folder, is named with the reason."""
    assert problems(tmp_path / "none.toml") == ["cannot be read: No such file or directory"]
    assert problems(tmp_path) == ["cannot be read: Is a directory"]


@pytest.mark.parametrize("line", [f'film.crf = "{SECRET}"', f'inbox.scan_every = "{SECRET}"', f'logs.level = "{SECRET}"', f'inbox.ignore = "{SECRET}"'])
def test_values_are_not_printed(write: Write, line: str) -> None:
    """A value of the wrong kind is not repeated: what is in the wrong place may be a password."""
    where, value = line.split(" = ")
    table, key = where.split(".")
    assert SECRET not in "".join(problems(write(f"{ME}[{table}]\n{key} = {value}\n")))


# -- the environment ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["PHOTODIARY_FLIM__CRF", "PHOTODIARY_FILM__CFR", "PHOTODIARY_ARCHIVE", "photodiary_film__cfr", "PHOTODIARY_"])
def test_unknown_variables_are_refused(write: Write, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """A misspelt variable is a problem with its name in it, not silence, and its value is not printed."""
    monkeypatch.setenv(variable, SECRET)
    told = problems(write(ME))
    assert len(told) == 1
    assert told[0].startswith(f"environment variable {variable}: is not a setting; write PHOTODIARY_TABLE__KEY") and SECRET not in told[0]


def test_wrong_values_of_variables_are_told(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable with a value that cannot be is refused like one in the file, without printing it."""
    monkeypatch.setenv("PHOTODIARY_FILM__CRF", SECRET)
    told = problems(write(ME))
    assert len(told) == 1 and told[0].startswith("film.crf: input should be a valid integer") and SECRET not in told[0]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        pytest.param("PHOTODIARY_FILM", "no json", id="raised raw"),
        pytest.param("PHOTODIARY_DIARY__ME__INBX", "x", id="told as nothing"),
        pytest.param("PHOTODIARY_TIMEZONE__X", "x", id="ignored"),
    ],
)
def test_no_variable_slips_through(write: Write, monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    """A whole table that is no JSON, a misspelt key of a diary and a key below a plain value are each told in a line."""
    monkeypatch.setenv(variable, value)
    assert len(problems(write(ME))) == 1


# -- folders -----------------------------------------------------------------------------------------------------------------------


def diaries(**folders: tuple[str, str]) -> str:
    return "".join(f'[diary.{name}]\ninbox = "{inbox}"\narchive = "{archive}"\n' for name, (inbox, archive) in folders.items())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (diaries(me=("a", "a")), "diary.me.archive: is the same folder as diary.me.inbox"),
        (diaries(me=("a", "a/../a/.")), "diary.me.archive: is the same folder as diary.me.inbox"),
        (diaries(me=("a", "a/archive")), "diary.me.archive: {0}/a/archive and {0}/a (diary.me.inbox) lie inside one another"),
        (diaries(me=("a/inbox", "a")), "diary.me.archive: {0}/a and {0}/a/inbox (diary.me.inbox) lie inside one another"),
        (diaries(me=("/", "a")), "diary.me.archive: {0}/a and / (diary.me.inbox) lie inside one another"),
        (diaries(me=("a", "b"), you=("c", "b")), "diary.you.archive: is the same folder as diary.me.archive"),
        (diaries(me=("a", "b"), you=("a", "c")), "diary.you.inbox: is the same folder as diary.me.inbox"),
        (diaries(me=("a", "b"), you=("b", "c")), "diary.you.inbox: is the same folder as diary.me.archive"),
        (diaries(me=("a", "b"), you=("c", "b/c")), "diary.you.archive: {0}/b/c and {0}/b (diary.me.archive) lie inside one another"),
        (diaries(me=("a", "link-to-a")), "diary.me.archive: is the same folder as diary.me.inbox"),
        (diaries(me=("a", "link-to-a/deep/er")), "diary.me.archive: {0}/a/deep/er and {0}/a (diary.me.inbox) lie inside one another"),
        (diaries(me=("link-to-a", "b"), you=("a", "c")), "diary.you.inbox: is the same folder as diary.me.inbox"),
        (diaries(me=("a/link-to-b/x", "b")), "diary.me.archive: {0}/b and {0}/b/x (diary.me.inbox) lie inside one another"),
        ('state = "a/state"\n' + diaries(me=("a", "b")), "state: {0}/a/state and {0}/a (diary.me.inbox) lie inside one another"),
        ('state = "b"\n' + diaries(me=("a", "b")), "state: is the same folder as diary.me.archive"),
    ],
)
def test_folders_that_would_eat_each_other_are_refused(write: Write, tmp_path: Path, text: str, line: str) -> None:
    """No folder of a diary is, holds or lies in another, also not by way of a link: the film would be taken in as photos."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "link-to-a").symlink_to(tmp_path / "a")
    (tmp_path / "a/link-to-b").symlink_to(tmp_path / "b")
    told = problems(write(text))
    assert len(told) == 1 and told[0].startswith(line.format(tmp_path))


@pytest.mark.parametrize("folder", ["~nobody-of-that-name/in", "a\\u0000b"])
def test_a_folder_that_cannot_be_is_told(write: Write, folder: str) -> None:
    """A home that does not exist, or a path no file system allows, is one line like any other problem."""
    told = problems(write(diaries(me=(folder, "archive"))))
    assert len(told) == 1 and told[0].startswith("diary.me.inbox: ")


def test_neighbours_with_like_names_are_fine(write: Write) -> None:
    """A folder whose name only begins like another's is not inside it."""
    assert len(load(write(diaries(me=("a", "a-archive"), you=("a2", "archive/b"), they=("a3", "archive/b2")))).diary) == 3


# -- finding it --------------------------------------------------------------------------------------------------------------------


def test_the_file_is_searched_in_the_documented_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--config wins over $PHOTODIARY_CONFIG, that over ./config.toml, that over the home's; the answer is an absolute path."""
    home, here = tmp_path / "home", tmp_path / "here"
    (home / ".config/photodiary").mkdir(parents=True)
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(home))
    if not Path("/etc/photodiary/config.toml").exists():
        with pytest.raises(BadConfig, match="no configuration file found"):
            find_config(None)
    (home / ".config/photodiary/config.toml").touch()
    assert find_config(None) == home / ".config/photodiary/config.toml"
    (here / "config.toml").touch()
    assert find_config(None) == here / "config.toml"
    (tmp_path / "env.toml").touch()
    monkeypatch.setenv("PHOTODIARY_CONFIG", str(tmp_path / "env.toml"))
    assert find_config(None) == tmp_path / "env.toml"
    (here / "given.toml").touch()
    assert find_config("given.toml") == here / "given.toml"


@pytest.mark.parametrize("given", [True, False])
def test_a_file_that_was_named_and_is_missing_is_no_reason_to_take_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: bool) -> None:
    """Whoever names a file means that one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").touch()
    if not given:
        monkeypatch.setenv("PHOTODIARY_CONFIG", "missing.toml")
    with pytest.raises(BadConfig, match=r"missing\.toml: there is no such configuration file"):
        find_config("missing.toml" if given else None)


# -- check-config ------------------------------------------------------------------------------------------------------------------


def check_config(*arguments: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "photodiary", "check-config", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(SERVICE)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_check_config_tells_all_problems_and_exits_78(write: Write) -> None:
    """Every problem stands on stderr in a line of its own, nothing else does, and systemd does not restart on 78."""
    path = write(ME + '[film]\ncrf = "good"\ncfr = 3\n')
    done = check_config("--config", path)
    assert (done.returncode, done.stdout) == (78, "")
    known = ", ".join(field.name for field in dataclasses.fields(ReelStyle))
    assert sorted(done.stderr.splitlines()) == [
        f"{path}: film.cfr: is not a setting; known are {known}",
        f"{path}: film.crf: input should be a valid integer, unable to parse string as an integer",
    ]


def test_check_config_says_when_all_is_fine(write: Write) -> None:
    """A configuration without problems exits 0 and says which one was checked."""
    path = write(ME)
    done = check_config("--config", path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{path}: fine\n", "")


def test_check_config_of_a_missing_file_exits_78(tmp_path: Path) -> None:
    """A named file that is missing is a configuration problem."""
    done = check_config("--config", tmp_path / "none.toml")
    assert (done.returncode, done.stdout) == (78, "")
    assert len(done.stderr.splitlines()) == 1 and "there is no such configuration file" in done.stderr


def test_defaults_are_finite() -> None:
    """No default is a number that JSON does not know."""
    numbers = [value for table in Settings() if dataclasses.is_dataclass(table[1]) for value in dataclasses.astuple(table[1]) if isinstance(value, float)]
    assert numbers and all(math.isfinite(number) for number in numbers)
