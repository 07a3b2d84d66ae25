"""`podium runs diff`: what of two runs' identity differs, and which items flipped."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from registry.cli.compare import ITEMS, flip_records
from registry.cli.context import Podium
from registry.cli.output import Column, Page, Record, Table, show_page, text_of
from registry.errors import RegistryError

if TYPE_CHECKING:
    from registry.compare import Items
    from registry.store import RunView

SHOWN = 20
"""How many flipped items are listed unless all are asked for; JSON has all of them."""

FIELDS = (
    "benchmark_version",
    "scope",
    "scope_reason",
    "dataset",
    "dataset_revision",
    "items_hash",
    "n_samples",
    "model_spec",
    "model_revision",
    "engine",
    "engine_version",
    "dtype",
    "template_hash",
    "plugin",
    "plugin_version",
    "podium_version",
    "failures_accepted",
)
SAID_ELSEWHERE = ("options.model", "options.words")
"""Options that the model's spec and the variant repeat."""

DIFFERENCES = (
    Column("part", "part"),
    Column("A", lambda d: text_of(d["a"])),
    Column("B", lambda d: text_of(d["b"])),
)


def show_diff(podium: Podium, a: int, b: int, style: str, *, everything: bool) -> None:
    """Print what differs between two runs; the flipped items of finished ones too."""
    # Inside: registry.compare takes SciPy's second.
    from registry.compare import changes

    ours, theirs = podium.store.run(a), podium.store.run(b)
    ours_flat, theirs_flat = identity(podium, ours), identity(podium, theirs)
    differing = changes(ours_flat, theirs_flat)
    flips = _flips(podium, a, b)
    item = {
        "a": a,
        "b": b,
        "differences": [{"part": name, "a": x, "b": y} for name, (x, y) in differing.items()],
        "same": [name for name in ours_flat if name in theirs_flat and name not in differing],
        **_prompts(podium, a, b),
        **flips,
    }
    show_page(_page(item, everything=everything), item, style)


def identity(podium: Podium, view: "RunView") -> dict[str, Any]:
    """Return everything that identifies a run, flat: {"engine.max_model_len": "4096"}."""
    from registry.compare import flattened

    run = view.run
    parts = {
        "model": view.model,
        "benchmark": view.benchmark,
        **_variant(podium, view),
        **{name: getattr(run, name) for name in FIELDS},
        **flattened(run.identity, "engine"),
        **flattened(run.options, "options"),
        **flattened(run.excluded, "excluded"),
    }
    return {name: value for name, value in parts.items() if name not in SAID_ELSEWHERE}


def _variant(podium: Podium, view: "RunView") -> dict[str, str]:
    """Return the variant setting by setting ("variant.shots"), whole where no plugin knows it."""
    words = view.run.variant.split(",")
    try:
        benchmark = podium.plugins.benchmark(view.benchmark)
        names = [setting.name for setting in benchmark.settings]
        benchmark.variant(words[: len(names)])
    except RegistryError:
        return {"variant": view.run.variant}
    rest = {"variant.review": ",".join(words[len(names) :])} if len(words) > len(names) > 0 else {}
    return {f"variant.{name}": word for name, word in zip(names, words, strict=False)} | rest


def _prompts(podium: Podium, a: int, b: int) -> dict[str, int]:
    """Return on how many items the prompts differ as they were sent, of those known of both."""
    ours, theirs = podium.store.prompts(a), podium.store.prompts(b)
    shared = ours.keys() & theirs.keys()
    differing = sum(ours[sample] != theirs[sample] for sample in shared)
    return {"n_prompts": len(shared), "n_prompts_differing": differing}


def _flips(podium: Podium, a: int, b: int) -> dict[str, Any]:
    """Return the items that flipped, of runs with one metric in common; none of unfinished ones."""
    from registry.compare import NotComparable, align

    rows = {row.run_id: row for row in podium.store.headlines(run_ids=[a, b])}
    nothing: dict[str, Any] = {"metric": None, "n_items": 0, "n_flipped": 0, "items": []}
    if not {a, b} <= rows.keys() or rows[a].metric != rows[b].metric:
        return nothing
    if rows[a].benchmark != rows[b].benchmark:
        return nothing
    metric = rows[a].metric
    values = [podium.store.sample_values(run_id, metric) for run_id in (a, b)]
    try:
        items: Items = align(*values, intersect=True)
    except NotComparable:
        return nothing
    found = flip_records(podium, rows[a], rows[b], items)
    return {"metric": metric, "n_items": len(items.ids), "n_flipped": len(found), "items": found}


def _page(item: Record, *, everything: bool) -> Page:
    differing = item["differences"]
    listed = item["items"] if everything else item["items"][:SHOWN]
    notes = []
    if not differing:
        notes.append("Nothing that identifies these runs differs.")
    if not item["metric"]:
        notes.append("They have no scored items in common.")
    if len(listed) < item["n_flipped"]:
        notes.append(f"{item['n_flipped'] - len(listed):,} more items flipped: --items lists all.")
    return Page(
        heading=f"A = run {item['a']}, B = run {item['b']}: {_count(len(differing), 'difference')}",
        facts=_facts(item),
        tables=(
            Table(differing, DIFFERENCES, "What differs"),
            Table(listed, [c for c in ITEMS if c.heading != "benchmark"], "Items that flipped"),
        ),
        notes=notes,
    )


def _facts(item: Record) -> Mapping[str, str]:
    facts = {}
    if item["n_prompts"]:
        facts["prompts as sent"] = (
            f"{item['n_prompts_differing']:,} of {item['n_prompts']:,} differ"
        )
    if item["metric"]:
        facts[f"items by {item['metric']}"] = (
            f"{item['n_flipped']:,} of {item['n_items']:,} flipped"
        )
    return facts


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
