#!/usr/bin/env python3
"""Write the catalogue that Podium ships: published scores of its own seven benchmarks.

    python scripts/build_catalog.py SOURCE_DIR

SOURCE_DIR is a larger catalogue in the same format (see registry/importing/catalog.py). Only rows
of the seven benchmarks are kept, with the models, sources and names that they need.
"""

import argparse
import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

TARGET = Path(__file__).parent.parent / "registry" / "catalog"
BENCHMARKS = ("mimic-cxr", "mmlu", "mmlu-pro", "hle", "mmmu", "mmmu-pro", "mathvista")
HUB_NAMES = {"deepseek": "deepseek-ai", "meta": "meta-llama", "mistral": "mistralai"}

Row = dict[str, str]


def main() -> None:
    """Build the catalogue from the folder named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("source", type=Path, help="a folder of CSV files with scores.csv")
    build(parser.parse_args().source, TARGET)


def build(source: Path, target: Path) -> None:
    """Write the files of the target folder from those of the source."""
    ours = {"benchmark": frozenset(BENCHMARKS)}
    scores = list(_kept(source / "scores.csv", ours))
    baselines = list(_kept(source / "baselines.csv", ours))
    models = frozenset(row["model_id"] for row in scores)
    sources = frozenset(row["source_id"] for row in (*scores, *baselines))
    wanted = {
        "sources": {"source_id": sources},
        "models": {"model_id": models},
        "benchmarks": {"id": frozenset(BENCHMARKS)},
        "model_aliases": {"model_id": models},
        **dict.fromkeys(
            ("variant_groups", "scores", "score_details", "suspect", "baselines"), ours
        ),
    }
    target.mkdir(parents=True, exist_ok=True)
    for name, columns in wanted.items():
        rows = list(_kept(source / f"{name}.csv", columns))
        if name == "model_aliases":
            rows = _clear(source, rows)
            rows += _hub_names(list(_kept(source / "models.csv", wanted["models"])), rows)
        _write(target / f"{name}.csv", rows)


def _hub_names(models: list[Row], aliases: list[Row]) -> Iterator[Row]:
    """Yield ids on the hub for open models of makers who go by another name there."""
    taken = {row["alias"].casefold() for row in aliases}
    for row in models:
        maker, _, name = row["model_id"].partition("/")
        alias = f"{HUB_NAMES.get(maker, maker)}/{name}"
        if maker in HUB_NAMES and row["open_weights"] == "true" and alias not in taken:
            yield {"alias": alias, "model_id": row["model_id"], "alias_source": "maker on the hub"}


def _clear(source: Path, aliases: list[Row]) -> list[Row]:
    """Return the aliases that name one model, also beside the models that are left out here."""
    named = Counter(row["alias"] for row in _kept(source / "model_aliases.csv", {}))
    return [row for row in aliases if named[row["alias"]] == 1]


def _kept(path: Path, wanted: dict[str, frozenset[str]]) -> Iterator[Row]:
    """Yield the rows of a file whose columns have one of the wanted values."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            if all(row[column] in values for column, values in wanted.items()):
                yield row


def _write(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
