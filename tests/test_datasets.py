"""Files are read as they were published, and hostile or broken ones end in what to type."""

import gzip
import io
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from registry import (
    Dataset,
    DatasetError,
    Image,
    Sample,
    csv_records,
    csv_rows,
    inside,
    json_lines,
    parquet_rows,
)
from registry.datasets import locate, podium_home, sample_hash, unpacked

ANOTHER = r"Name other files with: --data NAME=DIR$"
Write = Callable[[str, bytes], Path]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Keep what is unpacked in this test's folder."""
    monkeypatch.setenv("PODIUM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, data: bytes) -> Path:
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return write


def complaint(read: Callable[[], Any]) -> str:
    """Return the message of the DatasetError that reading raises."""
    with pytest.raises(DatasetError) as caught:
        read()
    return caught.value.message


# --- Text -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"question,answer\nNone,NA\n",
        b"\xef\xbb\xbfquestion,answer\nNone,NA\n",
        b"question,answer\r\nNone,NA\r\n",
        b'"question","answer"\n"None","NA"',
    ],
    ids=["plain", "byte-order mark", "CRLF", "quoted without an end"],
)
@pytest.mark.parametrize("packed", [False, True], ids=["csv", "csv.gz"])
def test_a_csv_file_is_the_same_in_every_dress(write: Write, data: bytes, packed: bool) -> None:
    file = write("t.csv.gz", gzip.compress(data)) if packed else write("t.csv", data)
    assert list(csv_records(file)) == [{"question": "None", "answer": "NA"}]


def test_csv_rows_say_the_line_they_end_on(write: Write) -> None:
    file = write("t.csv", b'a,"two\nlines"\nb,c\n')
    assert list(csv_rows(file)) == [(2, ["a", "two\nlines"]), (3, ["b", "c"])]


def test_a_line_break_within_a_cell_is_kept_as_it_is(write: Write) -> None:
    assert list(csv_rows(write("t.csv", b'"a\r\nb"\r\n'))) == [(2, ["a\r\nb"])]


def test_a_row_of_another_width_is_named_with_a_command_that_shows_it(write: Write) -> None:
    file = write("t.csv", b"a,b\n1,2\n3\n")
    assert complaint(lambda: list(csv_records(file))) == (
        f"{file}, line 3: 1 cells where the header has 2. Look at it with: cat {file} | sed -n 3p"
    )


def test_an_empty_csv_file_has_no_records(write: Write) -> None:
    assert list(csv_records(write("t.csv", b""))) == []


def test_a_cell_beyond_all_bounds_is_an_error_with_its_line(write: Write) -> None:
    file = write("t.csv", b"a\n" + b"x" * 200_000)
    assert ", line 2: is no CSV: field larger than field limit" in complaint(
        lambda: list(csv_rows(file))
    )


PACKED = gzip.compress(b'{"id": 1}\n' * 5000, mtime=0)


@pytest.mark.parametrize("read", [csv_rows, json_lines])
@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("latin.txt", b'"caf\xe9"\n', "can't decode byte 0xe9"),
        ("cut.gz", PACKED[: len(PACKED) // 2], "end-of-stream"),
        ("not.gz", b"plain", "Not a gzipped file"),
        ("flipped.gz", PACKED[:20] + b"\0\0\0\0" + PACKED[24:], ""),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    write: Write, read: Callable[[Path], Iterator[Any]], name: str, data: bytes, says: str
) -> None:
    with pytest.raises(DatasetError, match=rf"{name} cannot be read: .*{says}.*\. {ANOTHER}"):
        list(read(write(name, data)))


@pytest.mark.parametrize("read", [csv_rows, csv_records, json_lines, parquet_rows])
def test_a_missing_file_is_named(read: Callable[[Path], Iterator[Any]], tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=rf"gone.*No such file.*\. {ANOTHER}"):
        list(read(tmp_path / "gone"))


def test_json_lines_skip_blank_lines_and_a_byte_order_mark(write: Write) -> None:
    file = write("t.jsonl", b'\xef\xbb\xbf{"a": 1}\r\n\r\n{"a": "\xc3\xbc"}')
    assert list(json_lines(file)) == [{"a": 1}, {"a": "ü"}]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b'{"a": ', "is no JSON: Expecting value"),
        (b"[1, 2]", "is no JSON object"),
        (b"null", "is no JSON object"),
        (b"[" * 100_000, "is no JSON"),
    ],
    ids=["cut", "a list", "null", "too deep"],
)
def test_a_line_that_is_no_object_is_shown(write: Write, line: bytes, says: str) -> None:
    file = write("t.jsonl", b'{"a": 1}\n' + line + b"\n")
    message = complaint(lambda: list(json_lines(file)))
    assert message.startswith(f"{file}, line 2: {says}")
    assert message.endswith(f"Look at it with: cat {file} | sed -n 2p")


def test_a_line_of_a_compressed_file_is_shown_uncompressed(write: Write) -> None:
    file = write("t.jsonl.gz", gzip.compress(b"{}\n{\n"))
    assert complaint(lambda: list(json_lines(file))).endswith(f"zcat {file} | sed -n 2p")


def test_what_is_no_parquet_file_is_named(write: Write) -> None:
    file = write("t.parquet", b"PAR1 but not really")
    with pytest.raises(DatasetError, match=rf"t\.parquet is no readable Parquet.*\. {ANOTHER}"):
        list(parquet_rows(file))


def test_pictures_of_a_parquet_file_become_references_by_row(tmp_path: Path) -> None:
    cells = [b"x" if n % 3 else None for n in range(150)]
    file = tmp_path / "t.parquet"
    pq.write_table(pa.table({"id": list(range(150)), "picture": cells}), file, row_group_size=40)
    rows = list(parquet_rows(file, images=["picture"]))
    assert [row["id"] for row in rows] == list(range(150))
    assert [row["picture"] for row in rows] == [
        Image(str(file), "picture", n) if n % 3 else None for n in range(150)
    ]


# --- Where it lies --------------------------------------------------------------------------------


def dataset(**settings: Any) -> Dataset:
    return Dataset("clock", list, **{"layout": "clock.csv", **settings})


def test_a_folder_is_read_where_it_is(tmp_path: Path, write: Write) -> None:
    write("clock.csv", b"a\n")
    assert locate("clock", dataset(), tmp_path, sample=False) == tmp_path


def test_a_generated_dataset_has_no_folder_and_refuses_one(tmp_path: Path) -> None:
    generated = Dataset("clock", list)
    assert locate("clock", generated, None, sample=False) is None
    assert locate("clock", generated, None, sample=True) is None
    message = complaint(lambda: locate("clock", generated, tmp_path, sample=False))
    assert message.endswith(f"Leave out: --data clock={tmp_path}")


def test_the_offline_sample_is_the_plugin_s_own_folder(tmp_path: Path) -> None:
    assert locate("clock", dataset(sample=tmp_path), None, sample=True) == tmp_path


def test_where_there_is_nothing_to_read_the_message_ends_with_what_to_type(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    missing = complaint(lambda: locate("clock", dataset(), tmp_path / "gone", sample=False))
    assert missing == (
        f"clock: no such data folder: {tmp_path / 'gone'}; looked for clock.csv. "
        "Name it with: --data clock=DIR"
    )
    empty = complaint(lambda: locate("clock", dataset(), tmp_path / "empty", sample=False))
    assert "is empty; looked for clock.csv. Name another with: --data clock=DIR" in empty
    nowhere = complaint(lambda: locate("clock", dataset(), None, sample=False))
    assert nowhere.endswith("--data clock=DIR, or try the offline sample with: --sample")
    no_sample = complaint(lambda: locate("clock", dataset(), None, sample=True))
    assert no_sample.endswith("Name its files with: --data clock=DIR")


def test_a_repository_that_cannot_be_downloaded_names_the_way_around(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    on_hub = dataset(hub="acme/no-such-clock", revision="0" * 40)
    message = complaint(lambda: locate("clock", on_hub, None, sample=False))
    assert message.startswith("acme/no-such-clock at 000000000000 cannot be downloaded")
    assert message.endswith("Name local files with: --data clock=DIR, or use: --sample")


@pytest.mark.parametrize("named", ["../secret", "a/../../secret", "/etc/passwd", "link/x"])
def test_a_path_that_leads_out_of_the_folder_is_refused(tmp_path: Path, named: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    with pytest.raises(DatasetError, match=rf"outside its folder: '{named}'\. {ANOTHER}"):
        inside(root, named)


def test_a_path_within_the_folder_is_returned(tmp_path: Path) -> None:
    assert inside(tmp_path, "a/../b/c.txt") == (tmp_path / "b" / "c.txt").resolve()


# --- Archives -------------------------------------------------------------------------------------


def archive(file: Path, *members: tarfile.TarInfo, mode: str = "w:gz") -> Path:
    """Write an archive of the members, each file with its own name in it."""
    with tarfile.open(file, mode) as tar:
        for member in members:
            content = member.name.encode() if member.isfile() else b""
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_an_archive_is_unpacked_once_for_its_owner(tmp_path: Path, home: Path, mode: str) -> None:
    file = archive(tmp_path / "data.tar", member("data/test.csv"), mode=mode)
    folder = locate("clock", dataset(), file, sample=False)
    assert folder is not None
    assert folder.parent == home / "data"
    assert (folder / "data" / "test.csv").read_text() == "data/test.csv"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (folder / "mark").touch()
    assert unpacked(file) == folder
    assert (folder / "mark").exists()
    assert list(folder.parent.iterdir()) == [folder]


OUTSIDE = {
    "parent": [member("../evil")],
    "deep parent": [member("a/../../evil")],
    "link to parent": [member("a", tarfile.SYMTYPE, "../../evil")],
    "absolute link": [member("a", tarfile.SYMTYPE, "/etc/passwd")],
    "hard link": [member("a", tarfile.LNKTYPE, "../evil")],
    "file through a link": [member("a", tarfile.SYMTYPE, ".."), member("a/evil")],
    "device": [member("a", tarfile.CHRTYPE)],
}


@pytest.mark.parametrize("members", OUTSIDE.values(), ids=OUTSIDE)
def test_an_archive_that_writes_outside_its_folder_is_refused(
    tmp_path: Path, home: Path, members: list[tarfile.TarInfo]
) -> None:
    file = archive(tmp_path / "evil.tar.gz", member("good"), *members)
    message = complaint(lambda: unpacked(file))
    assert message.startswith(f"{file} is refused")
    assert message.endswith("Look at it with: tar --list --verbose --file FILE")
    assert not list((home / "data").iterdir())
    assert not list(tmp_path.rglob("evil"))


def test_an_absolute_member_stays_within_the_folder(tmp_path: Path) -> None:
    folder = unpacked(archive(tmp_path / "data.tar", member("/podium-test/a.csv")))
    assert (folder / "podium-test" / "a.csv").exists()
    assert not Path("/podium-test").exists()


def test_a_broken_archive_leaves_nothing_behind(tmp_path: Path, home: Path, write: Write) -> None:
    noise = [member(os.urandom(40).hex()) for _ in range(200)]
    whole = archive(tmp_path / "whole.tar.gz", *noise).read_bytes()
    cut = write("cut.tar.gz", whole[: len(whole) // 2])
    for file in (cut, write("page.html", b"<html>"), write("nothing", b"")):
        message = complaint(lambda file=file: unpacked(file))  # type: ignore[misc]
        assert message.startswith(f"{file} is neither a folder nor a whole tar archive: ")
        assert message.endswith("Name a folder with: --data NAME=DIR")
        assert not list((home / "data").iterdir())


def test_podium_home_is_where_the_variable_says(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    assert podium_home() == home
    monkeypatch.delenv("PODIUM_HOME")
    assert podium_home().name == "podium"


# --- What is asked --------------------------------------------------------------------------------


def test_a_sample_s_hash_is_of_what_is_asked_and_answered() -> None:
    def hashed(**changes: Any) -> str:
        known = {"id": "1", "input": "2 + 2?", "target": "4", "choices": ("4", "5")}
        return sample_hash([Sample(**known | changes)])

    same = hashed()
    assert hashed(metadata={"seen": 1}, groups={"subject": "sums"}, cluster="c") == same
    for change in ({"id": "2"}, {"input": "3?"}, {"target": "5"}, {"choices": ("4",)}):
        assert hashed(**change) != same


def test_a_sample_s_hash_does_not_depend_on_where_its_pictures_lie() -> None:
    def hashed(folder: str, row: int = 0) -> str:
        picture = Image(f"{folder}/t.parquet", "picture", row)
        return sample_hash([Sample(id="1", input=("What?", picture), target="a")])

    assert hashed("/here") == hashed("/there")
    assert hashed("/here") != hashed("/here", row=1)
