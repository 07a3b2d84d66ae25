"""What the shell offers for a half-typed name; it never fails and never makes a registry."""

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

from registry.cli.context import Podium, podium_of
from registry.errors import RegistryError

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _completing(names: Callable[[Podium], Iterable[tuple[str, str]]]) -> Complete:
    """Offer the names that begin with what was typed, each with a word of help."""

    def complete(
        context: click.Context, _parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        try:
            # Leaving its scope closes the registry, which no command will do after this.
            with context.find_root().scope():
                known = list(names(podium_of(context)))
        except RegistryError:
            return []  # the command itself will say what is wrong
        return [CompletionItem(n, help=text) for n, text in known if n.startswith(incomplete)]

    return complete


def _benchmarks(podium: Podium) -> Iterable[tuple[str, str]]:
    return ((name, benchmark.summary) for name, benchmark in podium.plugins.benchmarks.items())


def _models(podium: Podium) -> Iterable[tuple[str, str]]:
    if not podium.has_store:
        return []
    return ((model.name, model.title) for model in podium.store.models())


def _runs(podium: Podium) -> Iterable[tuple[str, str]]:
    if not podium.has_store:
        return []
    return ((str(view.run.id), f"{view.benchmark} {view.model}") for view in podium.store.runs())


complete_benchmark = _completing(_benchmarks)
complete_model = _completing(_models)
complete_run = _completing(_runs)
