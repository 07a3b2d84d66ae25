"""Print records for people and for programs; the one place that knows every `--format`.

Texts of models, datasets and plugins are not trusted: control characters and terminal escapes are
dropped before anything is printed, and what a spreadsheet would run as a formula is defused.
"""

import csv
import io
import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import click

if TYPE_CHECKING:
    from rich.table import Table as RichTable

FORMATS = ("table", "json", "csv", "markdown")

Record: TypeAlias = Mapping[str, Any]

format_option = click.option(
    "--format",
    "style",
    type=click.Choice(FORMATS),
    default=FORMATS[0],
    show_default=True,
    help="How to print it.",
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column for people: its heading, and the field (or function) of a record it shows."""

    heading: str
    shows: str | Callable[[Record], object]

    def value(self, record: Record) -> object:
        """Return what the column shows of the record."""
        return record[self.shows] if isinstance(self.shows, str) else self.shows(record)


@dataclass(frozen=True, slots=True)
class Table:
    """Records, of which programs get every field and people the columns."""

    records: Sequence[Record]
    columns: Sequence[Column]
    heading: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What people are shown of one thing; empty facts and tables are left out."""

    heading: str
    text: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()


def show(table: Table, style: str) -> None:
    """Print a table in one of the `FORMATS`; JSON is a list, and CSV has a line a record.

    The records share their fields. Without any, JSON is an empty list and nothing else is printed.
    """
    if style == "json":
        _print_json(table.records)
    elif table.records and style == "csv":
        fields = list(table.records[0])
        _print_csv([fields, *([record[name] for name in fields] for record in table.records)])
    elif table.records:
        _print_table(table, style)


def show_page(page: Page, item: Record, style: str) -> None:
    """Print one thing: `item` for programs, `page` for people.

    JSON is one object; CSV has a line a field, nested names joined with dots.
    """
    if style == "json":
        _print_json(item)
    elif style == "csv":
        _print_csv([["field", "value"], *(list(pair) for pair in _flat(item))])
    else:
        _print_page(page, style)


# What is not trusted ------------------------------------------------------------------------------

ESCAPES = re.compile(
    r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f]).*?(?:\x07|\x1b\\|\x9c|\Z)"  # titles, links, strings
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor, screen
    r"|\x1b[ -/]*[0-~]?",
    re.DOTALL,
)
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # noqa: RUF001  (full width runs as well)
MARKDOWN = re.compile(r"([\\`*_\[\]<>|~])")


def clean(text: str, *, keep: str = "") -> str:
    r"""Return the text as one line that a terminal can only print; `keep` may hold a newline.

    >>> clean("red: \x1b[31malert\x07\x1b[0m\nnext")
    'red: alert next'
    """
    return "".join(
        c if c.isprintable() or c in keep else " " * c.isspace() for c in ESCAPES.sub("", text)
    )


def _plain(value: Any) -> Any:
    """Return the value as JSON can hold it, its texts cleaned and no number that is none."""
    if isinstance(value, str):
        return clean(value, keep="\n")
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {clean(str(key)): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return value


def _flat(item: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested mappings and sequences with their paths."""
    if isinstance(item, Mapping):
        pairs: Sequence[tuple[Any, Any]] = list(item.items())
    elif isinstance(item, list | tuple):
        pairs = list(enumerate(item))
    else:
        yield path, item
        return
    for key, value in pairs:
        yield from _flat(value, f"{path}.{key}" if path else str(key))


# For programs -------------------------------------------------------------------------------------


def _print_json(value: Any) -> None:
    click.echo(json.dumps(_plain(value), ensure_ascii=False, indent=2))


def print_json_line(record: Record) -> None:
    """Print a record as one line of JSON, for what goes on and on."""
    click.echo(json.dumps(_plain(record), ensure_ascii=False))


def _print_csv(rows: Sequence[Sequence[Any]]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([[_csv_cell(value) for value in row] for row in rows])
    click.echo(buffer.getvalue(), nl=False)


def _csv_cell(value: Any) -> Any:
    """Return the cell; a text that a spreadsheet would take for a formula gets an apostrophe."""
    plain = _plain(value)
    if isinstance(plain, list | dict | bool):
        plain = json.dumps(plain, ensure_ascii=False)
    if isinstance(plain, str) and plain.lstrip().startswith(FORMULA):
        return f"'{plain}"
    return plain


# For people ---------------------------------------------------------------------------------------


def text_of(value: object) -> str:
    """Return a value as people read it: three decimals, minutes, yes and no, nothing for None."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:,.3f}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case list() | tuple() | set() | frozenset():
            return ", ".join(text_of(each) for each in value)
    return clean(str(value))


def _print_page(page: Page, style: str) -> None:
    markdown = style == "markdown"
    click.echo(f"## {_escaped(page.heading)}" if markdown else _bold(clean(page.heading)))
    if page.text:
        click.echo(f"\n{clean(page.text, keep=chr(10)).strip()}")
    facts = {clean(name): text_of(value) for name, value in page.facts.items() if text_of(value)}
    if facts:
        click.echo()
    for name, value in facts.items():
        width = max(map(len, facts)) + 2
        click.echo(f"- {name}: {_escaped(value)}" if markdown else f"{name:{width}}{value}")
    for table in page.tables:
        if table.records:
            click.echo()
            _print_table(table, style)
    for note in page.notes:
        click.echo(f"\n{_escaped(note) if markdown else clean(note, keep=chr(10))}")


def _print_table(table: Table, style: str) -> None:
    if table.heading:
        heading = _escaped(table.heading)
        click.echo(f"### {heading}\n" if style == "markdown" else clean(table.heading))
    shown = {c: [c.value(record) for record in table.records] for c in table.columns}
    shown = {c: values for c, values in shown.items() if any(map(text_of, values))}
    right = [_is_numeric(values) for values in shown.values()]
    headings = [column.heading for column in shown]
    rows = [[text_of(value) for value in row] for row in zip(*shown.values(), strict=True)]
    if style == "markdown":
        _print_markdown(headings, rows, right)
    elif sys.stdout.isatty():
        _print_rich(headings, rows, right)
    else:
        _print_plain(headings, rows, right)


def _is_numeric(values: Sequence[object]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in known
    )


def _print_markdown(
    headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]
) -> None:
    rule = ["---:" if is_right else "---" for is_right in right]
    for row in [headings, rule, *([_escaped(cell) for cell in row] for row in rows)]:
        click.echo(f"| {' | '.join(row)} |")


def _escaped(text: str) -> str:
    """Return the text so that Markdown shows it and nothing else."""
    return MARKDOWN.sub(r"\\\1", clean(text).replace("&", "&amp;"))


def _bold(text: str) -> str:
    """Return the text in bold; click drops the codes where nobody sees them."""
    return click.style(text, bold=True)


def _print_rich(
    headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]
) -> None:
    # Inside: see rich_table.
    from rich.console import Console

    Console().print(rich_table(headings, rows, right))


def rich_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]
) -> "RichTable":
    """Return a table as a terminal draws it; `right` says which columns end in a line."""
    # Inside: only a terminal needs it, and `podium --help` must not wait for it.
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading, is_right in zip(headings, right, strict=True):
        table.add_column(Text(heading), justify="right" if is_right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text, not str: no markup is read in a name
    return table


def _print_plain(
    headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]
) -> None:
    # Inside: see _print_rich.
    from rich.cells import cell_len

    lines = [[heading.upper() for heading in headings], *rows]
    widths = [max(cell_len(line[i]) for line in lines) for i in range(len(headings))]
    for line in lines:
        padded = [
            " " * (width - cell_len(cell)) + cell
            if is_right
            else cell + " " * (width - cell_len(cell))
            for cell, width, is_right in zip(line, widths, right, strict=True)
        ]
        click.echo("  ".join(padded).rstrip())
