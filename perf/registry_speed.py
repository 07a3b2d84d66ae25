"""How fast a large registry answers, against the targets: a board, a comparison, an import.

    python perf/registry_speed.py            1,000,000 scores and 10,000,000 sample scores
    python perf/registry_speed.py --quick    a hundredth of it: shows that it runs, not how fast

It fills a SQLite registry in a temporary folder (2.5 GB at full size): one run is stored as an
evaluation would, and copied in SQL. Prints each figure and writes them to perf/results/.
"""

import json
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Engine, event

from registry import Benchmark, Dataset, Identity, Outcome, SampleScore, exact_match
from registry.compare import align, compare
from registry.leaderboard import leaderboard
from registry.reported import board_rows
from registry.store import Measured, RunPlan, Store, open_store

RESULTS = Path(__file__).parent / "results"
ITEMS = 12_032
"""Questions of MMLU-Pro: what the two runs compared were asked."""

TARGETS = {
    "board query": 0.100,
    "board rows": None,
    "leaderboard": None,
    "compare": 0.500,
    "import": 10.0,
}
"""Seconds that each may take: a board's target is for the time in the database. What Python makes
of its 10,000 models, rows and then a ranking, stands beside it."""

REPEATS = 7


@click.command()
@click.option("--models", type=click.IntRange(2), default=10_000, show_default=True)
@click.option("--benchmarks", type=click.IntRange(1), default=100, show_default=True)
@click.option("--sample-scores", type=click.IntRange(1), default=10_000_000, show_default=True)
@click.option("--quick", is_flag=True, help="A hundredth of each table.")
def main(models: int, benchmarks: int, sample_scores: int, quick: bool) -> None:
    """Fill a large registry and measure how fast it answers."""
    if quick:
        models, sample_scores = max(2, models // 100), sample_scores // 100
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "registry.db"
        click.echo("Filling …", err=True)
        started = time.perf_counter()
        store = open_store(str(file))
        first = store_one_run(store)
        rows = fill(file, first, models, benchmarks, sample_scores)
        filled = time.perf_counter() - started
        figures = {
            "board query": measured(in_the_database(file, store)),
            "board rows": measured(lambda: board_rows(store, "benchmark 1")),
            "leaderboard": measured(lambda: board_of(store, models)),
            "compare": measured(lambda: compared(store)),
            "import": imported(Path(folder) / "empty.db"),
        }
        written = RESULTS / f"registry_speed{'_quick' if quick else ''}.json"
        report(written, rows, file.stat().st_size, filled, figures)


# --- Filling --------------------------------------------------------------------------------------


def store_one_run(store: Store) -> int:
    """Store a run of every item as an evaluation would, and return its id."""
    metric = exact_match()
    benchmark = Benchmark(
        name="benchmark 1", summary="", dataset=Dataset("items", list), metrics=(metric,)
    )
    plan = RunPlan(
        benchmark=benchmark,
        variant="default",
        identity=Identity(model="model 1", engine="echo"),
        model_spec="echo:",
        n_samples=ITEMS,
        excluded={},
        options={},
    )
    run_id = store.begin(plan)
    details = [
        SampleScore(
            sample_id=f"{item:05}",
            metric=metric.name,
            value=float(item % 3 > 0),
            answer="A",
            target="B",
            outcome=Outcome.ANSWERED,
        )
        for item in range(ITEMS)
    ]
    scores = [Measured(score, metric, headline=True) for score in metric.aggregate(details)]
    store.finish(run_id, details, scores)
    return run_id


def fill(
    file: Path, first: int, models: int, benchmarks: int, sample_scores: int
) -> dict[str, int]:
    """Copy the first run until every model ran every benchmark, and return the tables' sizes.

    Run i is of model i / benchmarks and benchmark i % benchmarks; those of the first benchmark have
    sample scores, each right or wrong by chance, as long as there are any left to give.
    """
    runs = models * benchmarks
    of_run = {
        "id": "i",
        "model_id": f"i / {benchmarks} + 1",
        "benchmark_id": f"i % {benchmarks} + 1",
    }
    value = "0.2 + 0.6 * (abs(random()) % 100000) / 100000.0"
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -400000")
        copy(
            connection, "benchmark", benchmarks, {"id": "i + 1", "name": "'benchmark ' || (i + 1)"}
        )
        copy(connection, "model", models, {"id": "i + 1", "name": "'model ' || (i + 1)"})
        copy(connection, "run", runs, of_run | {"id": f"i + {first}"})
        score = {"id": "i + 1", "run_id": f"i + {first}", "value": value}
        score |= {"low": "0.1", "high": "0.9"}
        copy(connection, "score", runs, of_run | score)
        with_items = min(models, max(2, sample_scores // ITEMS))
        copy_items(connection, first, with_items, benchmarks)
    with sqlite3.connect(file) as connection:
        connection.execute("ANALYZE")
        tables = ("model", "benchmark", "run", "score", "sample_score")
        return {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in tables
        }


def copy(connection: sqlite3.Connection, table: str, n: int, changes: Mapping[str, str]) -> None:
    """Insert copies 1 to n - 1 of a table's only row; `changes` are expressions of the number i."""
    if n < 2:
        return
    names = columns(connection, table)
    values = ", ".join(changes.get(name, f"original.{name}") for name in names)
    numbers = f"SELECT 1 UNION ALL SELECT i + 1 FROM series WHERE i < {n - 1}"
    connection.execute(
        f"WITH RECURSIVE series(i) AS ({numbers})"
        f" INSERT INTO {table} ({', '.join(names)}) SELECT {values}"
        f" FROM series, (SELECT * FROM {table} LIMIT 1) AS original"
    )


def copy_items(connection: sqlite3.Connection, first: int, runs: int, benchmarks: int) -> None:
    """Give the runs of the first benchmark the items of the first run, and the score they make."""
    names = columns(connection, "sample_score")
    changes = {"value": "abs(random()) % 100 < 60", "run_id": "?"}
    values = ", ".join(changes.get(name, name) for name in names)
    ids = [first + place * benchmarks for place in range(1, runs)]
    connection.executemany(
        f"INSERT INTO sample_score ({', '.join(names)})"
        f" SELECT {values} FROM sample_score WHERE run_id = {first}",
        [(run_id,) for run_id in ids],
    )
    connection.executemany(
        "UPDATE score SET value = (SELECT avg(value) FROM sample_score WHERE run_id = ?)"
        " WHERE run_id = ?",
        [(run_id, run_id) for run_id in ids],
    )


def columns(connection: sqlite3.Connection, table: str) -> list[str]:
    """Return the names of a table's columns."""
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


# --- Measuring ------------------------------------------------------------------------------------


def in_the_database(file: Path, store: Store) -> Callable[[], object]:
    """Return what sends the statements of a board to SQLite and fetches all they give."""
    sent: list[tuple[str, tuple[Any, ...]]] = []

    def hear(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    # The statements are those that the store really sends, heard on their way to the database.
    event.listen(Engine, "before_cursor_execute", hear)
    board_rows(store, "benchmark 1")
    event.remove(Engine, "before_cursor_execute", hear)
    connection = sqlite3.connect(file)
    return lambda: [connection.execute(*each).fetchall() for each in sent]


def board_of(store: Store, models: int) -> None:
    """Rank every model of one benchmark."""
    board = leaderboard(board_rows(store, "benchmark 1"))
    if board is None or len(board.standings) != models:
        raise click.ClickException(f"the board does not hold {models} models")


def compared(store: Store) -> None:
    """Compare two runs item by item, from their names to the interval."""
    a, b = (
        store.headlines(model=name, benchmark="benchmark 1")[0] for name in ("model 1", "model 2")
    )
    items = align(*(store.sample_values(row.run_id, row.metric) for row in (a, b)))
    made = compare(a, b, items)
    if made.n != ITEMS or not made.by_items:
        raise click.ClickException(f"the comparison is not over {ITEMS} items")


def measured(question: Callable[[], object]) -> list[float]:
    """Return the seconds of each repeat, the first with nothing in memory but what filling left."""
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        question()
        seconds.append(time.perf_counter() - started)
    return seconds


def imported(file: Path) -> list[float]:
    """Return the seconds that a process takes to import the whole catalogue, from start to end."""
    podium = Path(sys.executable).parent / "podium"
    started = time.perf_counter()
    subprocess.run(
        [podium, "--registry", file, "import", "--builtin", "--format", "json"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return [time.perf_counter() - started]


def report(
    file: Path,
    rows: Mapping[str, int],
    size: int,
    filled: float,
    figures: Mapping[str, list[float]],
) -> None:
    """Print the figures against the targets, and write them down with what they were taken on."""
    click.echo(f"{', '.join(f'{n:,} {table}' for table, n in rows.items())}")
    click.echo(f"{size / 1e9:.2f} GB, filled in {filled:.0f} s\n")
    results: dict[str, Any] = {}
    for name, seconds in figures.items():
        median, target = statistics.median(seconds), TARGETS[name]
        met = None if target is None else median <= target
        verdict = "" if target is None else f"target {target:g} s {'met' if met else 'MISSED'}"
        click.echo(
            f"{name:12} {median:8.3f} s   {verdict:20}   "
            f"{min(seconds):.3f} to {max(seconds):.3f} s, of {len(seconds)}"
        )
        results[name] = {
            "seconds": [round(each, 4) for each in seconds],
            "median": round(median, 4),
            "target": target,
            "met": met,
        }
    machine = {
        "cpus": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }
    content = {"rows": rows, "bytes": size, "fill_seconds": round(filled), "figures": results}
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content | {"machine": machine}, indent=2) + "\n")
    click.echo(f"\nWritten to {file}")


if __name__ == "__main__":
    main()
