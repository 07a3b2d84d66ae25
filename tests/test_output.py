"""Every --format of a table and a page, and texts that would harm a terminal or a spreadsheet."""

import csv
import io
import json
import sys
import unicodedata
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.cli.output import Column, Page, Table, clean, show, show_page, text_of

COLUMNS = (Column("model", "model"), Column("score", "score"), Column("seen", "seen"))
RECORDS = [
    {"model": "acme/one", "score": 0.5, "seen": 12, "hidden": True},
    {"model": "acme/twenty", "score": -0.25, "seen": None, "hidden": False},
]


def printed(capsys: pytest.CaptureFixture[str], table: Table, style: str) -> str:
    show(table, style)
    return capsys.readouterr().out


# --- Hostile texts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[1;1Hcleared", "cleared"),
        ("\x1b]0;new title\x07shown", "shown"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred by an 8-bit code", "red by an 8-bit code"),
        ("\x1bPquery\x1b\\after", "after"),
        ("never ends \x1b]0;title", "never ends "),
        ("bell\x07 backspace\x08 null\x00", "bell backspace null"),
        ("over\rwritten\nlines\tand tabs", "over written lines and tabs"),
        ("\u202egnp.exe", "gnp.exe"),
        ("zero\u200bwidth", "zerowidth"),
        ("lone \ud800 surrogate", "lone  surrogate"),
        ("日本語 ± naïve", "日本語 ± naïve"),
        ("\x1b", ""),
    ],
)
def test_what_a_terminal_would_obey_is_dropped(text: str, harmless: str) -> None:
    assert clean(text) == harmless


@given(st.text(), st.sampled_from(["", "\n"]))
def test_cleaned_text_holds_nothing_to_obey_and_is_clean(text: str, keep: str) -> None:
    cleaned = clean(text, keep=keep)
    control = [c for c in cleaned if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    assert set(control) <= set(keep)
    assert clean(cleaned, keep=keep) == cleaned


@pytest.mark.parametrize("style", ["table", "json", "csv", "markdown"])
def test_no_format_lets_an_escape_through(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b[31m\x9b2Jevil\x07"
    show(Table([{"model": evil, "score": 0.5, evil: evil}], COLUMNS[:2]), style)
    page = Page(heading=evil, text=evil, facts={evil: evil}, notes=[evil])
    show_page(page, {"a": {evil: [evil]}}, style)
    out = capsys.readouterr().out
    assert "evil" in out
    assert not {c for c in out if unicodedata.category(c) == "Cc"} - {"\n"}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝", "＋", "－", "＠", "  =", "\t=", "\r="])  # noqa: RUF001
def test_a_spreadsheet_sees_a_formula_as_text(
    start: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = printed(capsys, Table([{"model": f"{start}HYPERLINK(1)"}], COLUMNS[:1]), "csv")
    (_, (cell,)) = csv.reader(io.StringIO(out))
    assert cell.startswith("'")


def test_a_negative_number_stays_a_number_in_csv(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, Table(RECORDS, COLUMNS), "csv")
    assert out == "model,score,seen,hidden\nacme/one,0.5,12,true\nacme/twenty,-0.25,,false\n"


def test_csv_survives_commas_quotes_and_lines(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, Table([{"model": 'a,"b"\nc'}], COLUMNS[:1]), "csv")
    assert list(csv.reader(io.StringIO(out))) == [["model"], ['a,"b"\nc']]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", r"a\|b"),
        ("<script>", r"\<script\>"),
        ("[x](javascript:1)", r"\[x\](javascript:1)"),
        ("`*_~\\", r"\`\*\_\~\\"),
        ("&lt;", "&amp;lt;"),
        ("two\nlines", "two lines"),
    ],
)
def test_markdown_shows_a_name_and_reads_nothing_in_it(
    text: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = printed(capsys, Table([{"model": text}], COLUMNS[:1]), "markdown")
    assert out == f"| model |\n| --- |\n| {shown} |\n"


# --- Tables ---------------------------------------------------------------------------------------


def test_a_piped_table_is_plain_text_with_numbers_to_the_right(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert printed(capsys, Table(RECORDS, COLUMNS), "table") == (
        "MODEL         SCORE  SEEN\n"
        "acme/one      0.500    12\n"
        "acme/twenty  -0.250\n"
    )  # fmt: skip


def test_wide_characters_keep_the_columns_straight(capsys: pytest.CaptureFixture[str]) -> None:
    records = [{"model": "模型", "score": 0.5}, {"model": "abcd", "score": 0.25}]
    out = printed(capsys, Table(records, COLUMNS[:2]), "table")
    assert out.splitlines()[1:] == ["模型   0.500", "abcd   0.250"]


def test_a_terminal_gets_the_same_cells_and_no_markup_is_read_in_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    show(Table([{"model": "[red]acme[/red]", "score": 0.5}], COLUMNS[:2]), "table")
    assert "[red]acme[/red]" in terminal.getvalue()
    assert "─" in terminal.getvalue()


def test_a_markdown_table_aligns_its_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, Table(RECORDS, COLUMNS), "markdown").splitlines()[:3] == [
        "| model | score | seen |",
        "| --- | ---: | ---: |",
        "| acme/one | 0.500 | 12 |",
    ]


def test_json_has_every_field_unrounded(capsys: pytest.CaptureFixture[str]) -> None:
    records = [{"model": "é", "score": 1 / 3, "at": datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)}]
    found = json.loads(printed(capsys, Table(records, COLUMNS[:1]), "json"))
    assert found == [{"model": "é", "score": 1 / 3, "at": "2025-01-02T03:04:05+00:00"}]


def test_json_has_no_number_that_json_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    records = [{"model": value} for value in (float("nan"), float("inf"), 0.0)]
    found = json.loads(printed(capsys, Table(records, COLUMNS[:1]), "json"))
    assert found == [{"model": None}, {"model": None}, {"model": 0.0}]


def test_columns_with_nothing_to_show_are_left_out_for_people_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    records = [{"model": "a", "score": None, "seen": ""}]
    assert printed(capsys, Table(records, COLUMNS), "table") == "MODEL\na\n"
    assert printed(capsys, Table(records, COLUMNS), "csv") == "model,score,seen\na,,\n"


@pytest.mark.parametrize(("style", "out"), [("json", "[]\n"), ("csv", ""), ("table", "")])
def test_a_table_without_rows_prints_no_headings(
    style: str, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert printed(capsys, Table([], COLUMNS), style) == out


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "yes"),
        (False, "no"),
        (12345, "12345"),
        (12345.6789, "12,345.679"),
        (date(2025, 1, 2), "2025-01-02"),
        (datetime(2025, 1, 2, 3, 4, 5), "2025-01-02 03:04"),
        (["a", None, 1], "a, , 1"),
    ],
)
def test_values_read_as_people_write_them(value: object, text: str) -> None:
    assert text_of(value) == text


# --- Pages ----------------------------------------------------------------------------------------

PAGE = Page(
    heading="acme/one",
    text="First line.\n\n    indented",
    facts={"license": "MIT", "price": None, "context": 4096},
    tables=(Table(RECORDS, COLUMNS, "Runs"), Table([], COLUMNS, "Nothing")),
    notes=("Go on with: podium resume 4",),
)
ITEM: dict[str, Any] = {"name": "acme/one", "runs": [{"id": 4, "scores": {"accuracy": 0.5}}]}


def test_a_page_leaves_out_what_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    show_page(PAGE, ITEM, "table")
    assert capsys.readouterr().out == (
        "acme/one\n"
        "\n"
        "First line.\n"
        "\n"
        "    indented\n"
        "\n"
        "license  MIT\n"
        "context  4096\n"
        "\n"
        "Runs\n"
        "MODEL         SCORE  SEEN\n"
        "acme/one      0.500    12\n"
        "acme/twenty  -0.250\n"
        "\n"
        "Go on with: podium resume 4\n"
    )


def test_a_page_in_markdown_has_headings_and_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    show_page(PAGE, ITEM, "markdown")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "## acme/one"
    assert "- license: MIT" in lines
    assert "### Runs" in lines
    assert "### Nothing" not in lines


def test_a_page_for_programs_is_the_item_and_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_page(PAGE, ITEM, "json")
    assert json.loads(capsys.readouterr().out) == ITEM
    show_page(PAGE, ITEM, "csv")
    assert capsys.readouterr().out == (
        "field,value\nname,acme/one\nruns.0.id,4\nruns.0.scores.accuracy,0.5\n"
    )
