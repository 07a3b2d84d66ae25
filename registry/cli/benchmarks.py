"""`podium benchmarks` and `podium plugins`: what is installed, and what each benchmark is."""

import inspect
from typing import Any

import click

from registry.benchmark import Benchmark, Metric
from registry.cli.completion import complete_benchmark
from registry.cli.context import Podium, examples, pass_podium
from registry.cli.output import Column, Page, Table, format_option, show, show_page
from registry.discovery import Plugin

LISTED = (
    Column("benchmark", "name"),
    Column("summary", "summary"),
    Column("terms", "terms"),
    Column("modalities", "modalities"),
    Column("size", "size"),
    Column("variants", "variants"),
    Column("plugin", "plugin"),
)
SETTINGS = (
    Column("setting", "name"),
    Column("default", "default"),
    Column("others", lambda s: s["values"][1:]),
    Column("", "summary"),
)
METRICS = (
    Column("metric", "name"),
    Column("better", lambda m: "higher" if m["higher_is_better"] else "lower"),
    Column("range", lambda m: f"{m['low']:g} to {m['high']:g}"),
    Column("chance", "chance"),
)
PLUGINS = (
    Column("plugin", "name"),
    Column("origin", "origin"),
    Column("distribution", "distribution"),
    Column("version", "version"),
    Column("benchmarks", "benchmarks"),
    Column("engines", "engines"),
    Column("commands", "commands"),
)


@click.command(
    epilog=examples(
        "podium benchmarks",
        "podium benchmarks mmlu",
        "podium benchmarks --format json",
    )
)
@click.argument("name", required=False, shell_complete=complete_benchmark)
@format_option
@pass_podium
def benchmarks(podium: Podium, name: str | None, style: str) -> None:
    """List the benchmarks, or describe the one called NAME."""
    if name is None:
        found = podium.plugins.benchmarks.values()
        show(Table([_listed(b, podium.plugins.plugin_of(b.name)) for b in found], LISTED), style)
        return
    benchmark = podium.plugins.benchmark(name)
    item = _described(benchmark, podium.plugins.plugin_of(name))
    show_page(_page(item), item, style)


@click.command(
    epilog=examples(
        "podium plugins",
        "podium --plugin clock.py plugins",
        "podium --without acme-math plugins --format json",
    )
)
@format_option
@pass_podium
def plugins(podium: Podium, style: str) -> None:
    """List the plugins and what they register."""
    show(Table([_plugin(podium, each) for each in podium.plugins.found.values()], PLUGINS), style)


def _listed(benchmark: Benchmark, plugin: Plugin) -> dict[str, Any]:
    return {
        "name": benchmark.name,
        "title": benchmark.title,
        "summary": benchmark.summary,
        "version": benchmark.version,
        "terms": benchmark.terms.value,
        "modalities": list(benchmark.modalities),
        "categories": list(benchmark.categories),
        "tags": sorted(benchmark.tags),
        "size": benchmark.size,
        "variants": len(benchmark.variants()),
        "plugin": plugin.name,
    }


def _described(benchmark: Benchmark, plugin: Plugin) -> dict[str, Any]:
    """Return all that a benchmark says of itself; dataset and metrics are the default variant's."""
    variant = benchmark.variant()
    task = benchmark.task_for(variant)
    return _listed(benchmark, plugin) | {
        "description": benchmark.description or inspect.getdoc(plugin.module) or "",
        "default_variant": variant.name,
        "settings": [
            {
                "name": setting.name,
                "default": setting.values[0],
                "values": list(setting.values),
                "summary": setting.summary,
            }
            for setting in benchmark.settings
        ],
        "metrics": [_metric(metric) for metric in task.metrics],
        "baselines": list(task.baselines),
        "dataset": {
            "name": task.dataset.name,
            "hub": task.dataset.hub,
            "revision": task.dataset.revision,
            "layout": task.dataset.layout,
            "has_sample": task.dataset.sample is not None,
        },
        "terms_text": benchmark.terms_text,
        "license": benchmark.license,
        "paper": benchmark.paper,
        "homepage": benchmark.homepage,
        "related": list(benchmark.related),
        "plugin_version": plugin.version,
    }


def _metric(metric: Metric) -> dict[str, Any]:
    return {
        "name": metric.name,
        "higher_is_better": metric.higher_is_better,
        "low": metric.low,
        "high": metric.high,
        "chance": metric.chance,
    }


def _page(item: dict[str, Any]) -> Page:
    dataset = item["dataset"]
    revision = f" at {dataset['revision']}" if dataset["revision"] else ""
    return Page(
        heading=f"{item['name']}  {item['title'] or item['summary']}",
        text=item["description"],
        facts={
            "version": item["version"],
            "plugin": f"{item['plugin']} {item['plugin_version']}".strip(),
            "default variant": item["default_variant"],
            "dataset": dataset["name"],
            "on the hub": dataset["hub"] and dataset["hub"] + revision,
            "files": dataset["layout"],
            "offline sample": dataset["has_sample"],
            "size": item["size"],
            "modalities": item["modalities"],
            "terms": ". ".join(filter(None, (item["terms"], item["terms_text"]))),
            "license": item["license"],
            "paper": item["paper"],
            "homepage": item["homepage"],
            "baselines": item["baselines"],
            "categories": item["categories"],
            "tags": item["tags"],
            "related": item["related"],
        },
        tables=(
            Table(item["settings"], SETTINGS, "Settings"),
            Table(item["metrics"], METRICS, "Metrics, the headline first"),
        ),
    )


def _plugin(podium: Podium, plugin: Plugin) -> dict[str, Any]:
    registered = podium.plugins
    return {
        "name": plugin.name,
        "origin": plugin.origin,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "benchmarks": [n for n in registered.benchmarks if registered.plugin_of(n) is plugin],
        "engines": sorted(podium.engines_of(plugin)),
        "commands": sorted(podium.commands_of(plugin)),
    }
