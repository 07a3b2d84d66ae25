"""Published scores come in here: each format is a module that turns a path into a `Batch`.

A new format is a module with `recognises(path)` and `read(path)`, and one line in `FORMATS`; what
they yield is in `records`, and `storing` is the only way from there into a registry.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from registry.errors import ImportFailure
from registry.importing import catalog, eee, hub, inspect_logs, lm_eval, podium_json
from registry.importing.records import Batch


@dataclass(frozen=True, slots=True)
class Format:
    """A format: whether a path looks like it, and what it holds."""

    summary: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path], Batch]


FORMATS: dict[str, Format] = {
    "catalog": Format("a folder of CSV files, or one of them", catalog.recognises, catalog.read),
    "json": Format("what podium export --as json wrote", podium_json.recognises, podium_json.read),
    "eee": Format("Every Eval Ever, a file or a folder", eee.recognises, eee.read),
    "lm-eval": Format("results of lm-evaluation-harness", lm_eval.recognises, lm_eval.read),
    "inspect": Format("logs of Inspect", inspect_logs.recognises, inspect_logs.read),
    "hub": Format("model-index, .eval_results", hub.recognises, hub.read),
}
"""The formats by name, in the order in which they are tried."""

BUILT_IN = Path(__file__).parent.parent / "catalog"
"""The catalogue that Podium ships: published scores of its own benchmarks."""


def read_path(path: Path, format_name: str = "") -> Batch:
    """Return what the path holds, in the format named or else recognised.

    Raises ImportFailure where there is nothing there, or nothing that a format knows.
    """
    if not path.exists():
        raise ImportFailure(f"there is no file or folder {path}. Look with: ls {path.parent}")
    if format_name:
        return FORMATS[format_name].read(path)
    for known in FORMATS.values():
        if known.recognises(path):
            return known.read(path)
    formats = "; ".join(f"{name}: {known.summary}" for name, known in FORMATS.items())
    raise ImportFailure(
        f"{path} is of no format that Podium knows ({formats}). "
        f"Name one with: podium import {path} --from NAME"
    )
