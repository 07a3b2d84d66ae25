"""What can be wrong with a registry's database: each is told plainly, and nothing is lost."""

import multiprocessing
import resource
import sqlite3
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy.exc import DBAPIError
from stored_runs import add_run, answer, begin_run

from registry import Prediction
from registry.cli import main
from registry.database import explained, open_engine, registry_file
from registry.errors import StoreError, StoreUnavailable
from registry.store import open_store


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a registry of one finished run."""
    file = tmp_path / "registry.db"
    store = open_store(str(file))
    add_run(store, "acme/one", 0.5)
    store.close()
    return file


def is_whole(file: Path) -> bool:
    connection = sqlite3.connect(file)
    (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    return bool(verdict == "ok")


def test_a_folder_is_no_registry(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"is a folder.*--registry \S+/registry\.db"):
        open_store(str(tmp_path))


def test_the_command_line_says_it_without_a_traceback(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["--registry", str(tmp_path), "runs"])
    assert (result.exit_code, result.exception.__class__) == (1, SystemExit)
    assert result.output.startswith("Error: ")


@pytest.mark.parametrize(
    "url", ["mysql://root:secret@host/podium", "oracle://root:secret@host", "duckdb:///x.db"]
)
def test_another_kind_of_database_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(StoreError, match="a registry is on SQLite or PostgreSQL") as caught:
        open_store(url)
    assert "secret" not in str(caught.value)


def test_a_mistyped_url_does_not_show_the_password() -> None:
    with pytest.raises(StoreError, match="is no database URL") as caught:
        open_store("postgresql+psycopg://podium:secret@host:port/name")
    assert "secret" not in str(caught.value)


def test_a_file_may_have_any_name(tmp_path: Path) -> None:
    file = tmp_path / "what? 100% #1.db"
    open_store(str(file)).close()
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_a_registry_that_may_only_be_read_is_read_and_not_written(file: Path) -> None:
    url = f"sqlite:///file:{file}?mode=ro&uri=true"
    assert registry_file(url) == file
    store = open_store(url)
    assert [row.value for row in store.board("clock")] == [0.5]
    with pytest.raises(StoreError, match=r"cannot be written: .*readonly.*ls -l") as caught:
        begin_run(store)
    assert caught.type is StoreError  # nobody is to wait for it
    store.close()
    assert is_whole(file)


def test_a_registry_on_a_disk_that_may_only_be_read_says_so(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "none", disk], check=False).returncode:
        pytest.skip("no disk may be mounted here")
    try:
        store = open_store(str(disk / "registry.db"))
        run_id = begin_run(store)
        store.close()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with pytest.raises(StoreError, match=r"cannot be written: .*ls -l") as caught:
            open_store(str(disk / "registry.db"))
        assert caught.type is StoreError
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        store = open_store(str(disk / "registry.db"))
        assert store.run(run_id).outcomes == {}
        store.close()
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.parametrize(
    ("complaint", "may_pass"),
    [
        ("database is locked", True),
        ("canceling statement due to lock timeout", True),
        ("deadlock detected", True),
        ("connection failed: FATAL:  the database system is starting up", True),
        ("terminating connection due to administrator command", True),
        ("server closed the connection unexpectedly", True),
        ("database or disk is full", False),
        ('could not extend file "base/5/16384": No space left on device', False),
        ("disk I/O error", False),
        ("attempt to write a readonly database", False),
        ("cannot execute INSERT in a read-only transaction", False),
        ("database disk image is malformed", False),
        ('connection failed: FATAL:  password authentication failed for user "podium"', False),
        ('connection failed: FATAL:  database "podium" does not exist', False),
        ("UNIQUE constraint failed: score.metric", False),
    ],
)
def test_an_error_says_whether_waiting_may_mend_it(
    file: Path, complaint: str, may_pass: bool
) -> None:
    error = DBAPIError.instance(None, None, sqlite3.OperationalError(complaint), sqlite3.Error)
    with pytest.raises(StoreError) as caught, explained(open_engine(str(file))):
        raise error
    assert isinstance(caught.value, StoreUnavailable) is may_pass


def test_a_damaged_file_says_how_to_save_what_can_be_read(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096:-4096] = b"\xa5" * (len(content) - 8192)
    file.write_bytes(content)
    with pytest.raises(StoreError, match=r"is damaged: .*\.recover"):
        open_store(str(file)).runs()


def fill(file: Path, run_id: int, limit: int) -> str:
    """Append more than files of `limit` bytes can hold, and return the error."""
    store = open_store(str(file))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    many = [Prediction(run_id=run_id, sample_id=str(i), text="x" * 1000) for i in range(2000)]
    try:
        store.append(many)
    except StoreError as error:
        return f"{type(error).__name__}: {error}"
    return ""


def test_a_full_disk_leaves_the_registry_as_it_was(file: Path) -> None:
    store = open_store(str(file))
    run_id = begin_run(store)
    store.append([answer(run_id, "1")])
    store.close()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        error = pool.apply(fill, (file, run_id, 300_000))
    assert error.startswith("StoreError: no space is left for the registry")
    assert "It is as it was before" in error
    assert is_whole(file)
    store = open_store(str(file))
    assert store.run(run_id).outcomes == {"answered": 1}
    store.append([answer(run_id, "2")])
    assert store.run(run_id).outcomes == {"answered": 2}
    store.close()


def test_a_disk_that_is_full_while_the_registry_is_made_leaves_none(tmp_path: Path) -> None:
    file = tmp_path / "registry.db"
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        error = pool.apply(make, (file, 20_000))
    assert "no space is left for the registry" in error
    store = open_store(str(file))
    assert store.is_new
    store.close()


def make(file: Path, limit: int) -> str:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        open_store(str(file))
    except StoreError as error:
        return str(error)
    return ""


def test_what_no_database_takes_for_text_is_marked_and_stored(file: Path) -> None:
    store = open_store(str(file))
    run_id = begin_run(store)
    store.append([Prediction(run_id=run_id, sample_id="1", text="a\x00b\ud83dc 😀")])
    assert [p.text for p in store.predictions(run_id)] == ["a\ufffdb\ufffdc 😀"]
    store.close()
