"""The command line as it is typed: lists, one thing, boards, completion, and what goes wrong."""

import csv
import io
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result
from stored_runs import ACCURACY, add_run, answer, begin_run, clock, dials, finish_run

import plugins
from registry import Outcome, Score
from registry.cli import main
from registry.cli.context import Podium
from registry.store import Measured, Store, open_store

CLOCK = Path(__file__).parent / "third_party" / "acme_clock.py"
HEAVY = {"alembic", "numpy", "pyarrow", "ray", "rich", "scipy", "sqlmodel", "torch", "vllm"}

DIALS = """
from registry import hookimpl
from stored_runs import dials

@hookimpl
def register_benchmarks():
    return [dials()]
"""

Type = Callable[..., Result]


@pytest.fixture(autouse=True)
def _nothing_built_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave out the project's own plugins and engines, and keep to this test's folder."""
    monkeypatch.setattr("registry.discovery.BUILT_IN_ROOMS", ())
    monkeypatch.setattr(plugins, "__path__", [])
    monkeypatch.setenv("PODIUM_REGISTRY", str(tmp_path / "registry.db"))


@pytest.fixture
def podium() -> Type:
    """Type a command, with the clock's plugin; what is expected is success."""

    def podium(*words: object, exit_code: int = 0) -> Result:
        arguments = ["--plugin", str(CLOCK), *map(str, words)]
        result = CliRunner().invoke(main, arguments, prog_name="podium")
        assert result.exit_code == exit_code, result.output
        return result

    return podium


def fields(line: str) -> list[str]:
    return line.split()


# --- The group ------------------------------------------------------------------------------------


def test_help_lists_the_commands_and_those_of_plugins(podium: Type) -> None:
    out = podium("--help").stdout
    for name in ("benchmarks", "leaderboard", "models", "plugins", "runs", "tick"):
        assert f"\n  {name} " in out
    assert "PODIUM_REGISTRY" in out


def test_every_command_has_help_that_ends_in_examples(podium: Type) -> None:
    for name, command in main.commands.items():
        out = podium(name, "--help").stdout
        _, examples = out.split("Examples:\n")
        assert examples.count("podium ") >= 2, name
        assert all(line.startswith("    podium ") for line in examples.splitlines())
        assert not command.get_short_help_str(60).endswith("...")


def test_every_example_of_the_help_is_made_of_options_that_exist(podium: Type) -> None:
    for name in main.commands:
        _, examples = podium(name, "--help").stdout.split("Examples:\n")
        for line in examples.splitlines():
            _, _, typed = line.partition(f" {name}")
            words = typed.split()
            context = main.commands[name].make_context(name, words, resilient_parsing=True)
            known = {option for param in context.command.params for option in param.opts}
            assert {word for word in words if word.startswith("--")} <= known, line


def test_a_plugin_s_command_runs(podium: Type) -> None:
    assert podium("tick").stdout == "tock\n"


def test_the_version_is_the_distribution_s(podium: Type) -> None:
    assert podium("--version").stdout.startswith("podium ")


def test_a_misspelt_command_suggests_the_nearest_a_plugin_s_too(podium: Type) -> None:
    assert "no command named 'leaderbord'. Did you mean 'leaderboard'" in (
        podium("leaderbord", exit_code=2).stderr
    )
    assert "Did you mean 'tick'" in podium("tik", exit_code=2).stderr


def test_help_survives_a_broken_plugin_and_says_which(podium: Type, tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0")
    result = podium("--plugin", broken, "--help")
    assert "plugin 'broken'" in result.stderr
    assert "--without broken" in result.stderr
    assert "leaderboard" in result.stdout
    result = podium("--plugin", broken, "--without", "broken", "--help")
    assert result.stderr == ""
    assert "tick" in result.stdout


def test_a_broken_plugin_does_not_hide_what_is_stored(
    podium: Type, store: Store, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0")
    add_run(store, "acme/one", 0.5)
    assert "acme/one leads clock" in podium("--plugin", broken, "leaderboard", "clock").stdout
    assert "plugin 'broken'" in podium("--plugin", broken, "benchmarks", exit_code=1).stderr


COMMAND = """
import click
from registry import hookimpl

@hookimpl
def register_commands(cli):
    cli.add_command(click.Command({name!r}))
"""


@pytest.mark.parametrize(("name", "first"), [("tick", "acme-clock"), ("runs", "podium")])
def test_two_that_add_one_command_are_both_named(
    name: str, first: str, podium: Type, tmp_path: Path
) -> None:
    other = tmp_path / "other.py"
    other.write_text(COMMAND.format(name=name))
    result = podium("--plugin", other, "tock", exit_code=1)
    assert (
        f"plugins '{first}' and 'other' both add the command '{name}'. "
        f"Leave one out with: --without other" in result.stderr
    )


def test_a_plugin_that_fails_to_add_its_commands_is_named(podium: Type, tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text(COMMAND.replace("click.Command({name!r})", "None"))
    assert "plugin 'other'" in podium("--plugin", other, "tock", exit_code=1).stderr


@pytest.mark.parametrize("words", [["--help"], ["leaderboard", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    assert not imported_by(words) & HEAVY


def test_a_leaderboard_imports_neither_numpy_nor_scipy_nor_alembic(store: Store) -> None:
    add_run(store, "acme/one", 0.5)
    loaded = imported_by(["leaderboard", "clock"])
    assert "sqlmodel" in loaded
    assert loaded & HEAVY <= {"sqlmodel", "rich"}


def imported_by(words: list[str]) -> set[str]:
    """Return the top-level modules that a command loads, with every plugin of the project."""
    script = (
        "import sys; from registry.cli import main\n"
        f"main({words!r}, standalone_mode=False)\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    return set(done.stderr.splitlines()[-1].split())


# --- Benchmarks and plugins -----------------------------------------------------------------------


def test_benchmarks_are_listed(podium: Type) -> None:
    heading, line = podium("benchmarks").stdout.splitlines()
    assert heading.startswith("BENCHMARK  SUMMARY")
    assert line.startswith("clock      Modular arithmetic on a 12-hour clock.  open")
    (item,) = json.loads(podium("benchmarks", "--format", "json").stdout)
    assert (item["name"], item["terms"], item["variants"], item["plugin"]) == (
        *("clock", "open", 1),
        "acme-clock",
    )


def test_a_benchmark_s_page_is_its_docstring_and_its_datasheet(podium: Type) -> None:
    out = podium("benchmarks", "clock").stdout
    assert "    It is 11:00 on a 12-hour clock. What hour will it be 5 hours later?\n" in out
    assert "license          CC0-1.0\n" in out
    assert fields(out.splitlines()[-1]) == ["accuracy", "higher", "0", "to", "1", "0.083"]


def test_a_benchmark_s_settings_are_shown_with_their_defaults(podium: Type, tmp_path: Path) -> None:
    (tmp_path / "dials.py").write_text(DIALS)
    page = podium("--plugin", tmp_path / "dials.py", "benchmarks", "dials").stdout
    assert "default variant  round,arabic" in page
    assert ["digits", "arabic", "roman"] in [fields(line) for line in page.splitlines()]
    item = json.loads(
        podium(
            *("--plugin", tmp_path / "dials.py", "benchmarks", "dials", "--format", "json")
        ).stdout
    )
    assert item["settings"][0] == {
        "name": "face",
        "default": "round",
        "values": ["round", "square"],
        "summary": "",
    }


def test_a_misspelt_benchmark_suggests_the_nearest(podium: Type) -> None:
    result = podium("benchmarks", "clok", exit_code=2)
    assert result.stderr == (
        "Error: no benchmark named 'clok'. Did you mean 'clock'? "
        "List all 1 with: podium benchmarks\n"
    )


def test_plugins_say_where_they_are_from_and_what_they_register(podium: Type) -> None:
    (item,) = json.loads(podium("plugins", "--format", "json").stdout)
    assert item == {
        "name": "acme-clock",
        "origin": str(CLOCK),
        "distribution": "",
        "version": "",
        "benchmarks": ["clock"],
        "engines": [],
        "commands": ["tick"],
    }


# --- Runs and models ------------------------------------------------------------------------------


def test_runs_are_listed_newest_first(podium: Type, store: Store) -> None:
    add_run(store, "acme/one", 0.5)
    unfinished = begin_run(store, "acme/two")
    store.append([answer(unfinished, "1"), answer(unfinished, "2", Outcome.FAILED)])
    heading, second, first = podium("runs").stdout.splitlines()
    assert fields(heading) == [
        *("RUN", "BENCHMARK", "VARIANT", "SCOPE", "MODEL", "STATUS"),
        *("SAMPLES", "ANSWERED", "FAILED", "PROGRESS", "SCORE", "STARTED"),
    ]
    run = ["clock", "default", "full"]
    assert fields(first)[:10] == ["1", *run, "acme/one", "finished", "4", "4", "0", "0.500"]
    assert fields(second)[:11] == ["2", *run, "acme/two", "unfinished", "4", "1", "1", "50", "%"]


def test_runs_can_be_chosen_by_benchmark_model_and_state(podium: Type, store: Store) -> None:
    add_run(store, "acme/one", 0.5)
    add_run(store, "acme/two", 0.5, benchmark=dials())
    begin_run(store, "acme/two")

    def ids(*options: str) -> list[int]:
        return [run["id"] for run in json.loads(podium("runs", *options, "--format=json").stdout)]

    assert ids() == [3, 2, 1]
    assert ids("--benchmark", "clock") == [3, 1]
    assert ids("--model", "acme/two") == [3, 2]
    assert ids("--model", "acme/two", "--unfinished") == [3]
    assert "Did you mean 'acme/one'" in podium("runs", "--model", "acme/on", exit_code=2).stderr
    assert "Did you mean 'clock'" in podium("runs", "--benchmark", "clok", exit_code=2).stderr


def test_a_registry_without_runs_says_what_to_type(podium: Type) -> None:
    result = podium("runs")
    assert result.stdout == ""
    assert "podium run BENCHMARK --model MODEL" in result.stderr
    assert json.loads(podium("runs", "--format", "json").stdout) == []


def test_a_registry_without_models_says_what_to_type(podium: Type, store: Store) -> None:
    assert "podium run" in podium("models").stderr


def test_a_run_shows_what_identifies_it_what_came_back_and_what_it_cost(
    podium: Type, store: Store
) -> None:
    run_id = begin_run(
        store,
        "acme/one",
        plugin="acme-clock",
        dataset_revision="abc123",
        scope="partial",
        scope_reason="2 images are missing",
        excluded={"no hands": 2},
        options={"limit": 4, "subjects": [], "sample": False},
    )
    store.append([answer(run_id, sample) for sample in ("1", "2", "3")])
    store.append([answer(run_id, "4", Outcome.TRUNCATED)])
    finish_run(store, run_id, 0.5, (0.4, 0.6), baselines={"always-12": 0.25}, ties=1.0)
    page = podium("runs", run_id).stdout
    assert page.startswith("run 1: acme/one on clock (default)\n")
    for line in (
        "status              finished",
        "scope               partial: 2 images are missing",
        "model               echo:acme/one",
        "engine              echo 1.0",
        "options             limit=4, sample=no",
        "answers             3 answered, 1 truncated",
        "judged by accuracy  4 answered",
        "excluded            2 no hands",
    ):
        assert f"\n{line}\n" in page
    assert ["answers", "4", "40", "16", "8", "2.000"] in [fields(x) for x in page.splitlines()]
    item = json.loads(podium("runs", run_id, "--format", "json").stdout)
    assert item["usage"]["cached_tokens"] == 16
    assert item["dataset_revision"] == "abc123"
    assert [(s["metric"], s["baseline"], s["value"]) for s in item["scores"]] == [
        ("accuracy", "", 0.5),
        ("ties", "", 1.0),
        ("accuracy", "always-12", 0.25),
    ]


def test_a_review_s_cost_is_told_from_the_answers(podium: Type, store: Store) -> None:
    run_id = add_run(store, "acme/one", 0.5)
    store.append([replace(answer(run_id, "1"), stage="judge")])
    item = json.loads(podium("runs", run_id, "--format", "json").stdout)
    assert (item["usage"]["requests"], item["later_stages"]["judge"]["requests"]) == (4, 1)
    page = podium("runs", run_id).stdout
    assert ["judge", "1", "10", "4", "2", "0.500"] in [fields(x) for x in page.splitlines()]
    assert item["answered"] == 4


def test_an_unfinished_run_says_how_to_go_on(podium: Type, store: Store) -> None:
    begin_run(store)
    assert podium("runs", 1).stdout.endswith("Go on with: podium resume 1\n")


def test_a_run_that_is_not_there_is_an_error(podium: Type) -> None:
    assert "no run named '9'" in podium("runs", 9, exit_code=2).stderr


def test_models_are_listed_with_the_number_of_their_runs(podium: Type, store: Store) -> None:
    add_run(store, "acme/two", 0.5)
    add_run(store, "acme/one", 0.5)
    add_run(store, "acme/one", 0.5)
    assert podium("models").stdout == "MODEL     RUNS\nacme/one     2\nacme/two     1\n"


def test_a_model_shows_its_runs(podium: Type, store: Store) -> None:
    add_run(store, "acme/one", 0.5)
    add_run(store, "acme/two", 0.25)
    page = podium("models", "acme/two").stdout
    assert page.startswith("acme/two\n")
    assert fields(page.splitlines()[-1])[0] == "2"
    assert [
        run["id"]
        for run in json.loads(podium("models", "acme/two", "--format=json").stdout)["runs"]
    ] == [2]
    assert "Did you mean 'acme/two'" in podium("models", "acme/tow", exit_code=2).stderr


# --- Leaderboard ----------------------------------------------------------------------------------


def test_a_leaderboard_says_who_leads_and_ranks_the_rest(podium: Type, store: Store) -> None:
    add_run(store, "acme/one", 0.5, (0.4, 0.6))
    add_run(store, "acme/two", 0.9, (0.8, 1.0))
    add_run(store, "acme/two", 0.55, (0.45, 0.65))
    finish_run(store, begin_run(store, "acme/six"), 0.1, (0.0, 0.2), baselines={"always-12": 0.25})
    lines = podium("leaderboard", "clock").stdout.splitlines()
    assert lines[0] == (
        "acme/two ties with 1 other for the lead of clock (default) with 0.550 ± 0.100; "
        "3 models evaluated."
    )
    assert lines[2] == "clock version 1 · default · full · by accuracy, higher is better"
    rows = [fields(line) for line in lines[5:]]
    kept = [(*row[:9], *row[10:]) for row in rows[:3]]  # all but the day of the test
    shared = ("4", "default", "measured", "run")
    assert kept[0] == ("1", "1–2", "acme/two", "0.550", "[0.450,", "0.650]", *shared, "3",
                       "1", "older", "run")  # fmt: skip
    assert kept[1] == ("2", "1–2", "acme/one", "0.500", "[0.400,", "0.600]", *shared, "1")
    assert kept[2] == ("3", "3", "acme/six", "0.100", "[0.000,", "0.200]", *shared, "4")
    assert rows[3] == ["(always-12,", "a", "trivial", "baseline)", "0.250", "4", "default"]


def test_the_other_boards_are_named_with_commands_that_show_them(
    podium: Type, store: Store
) -> None:
    shown: dict[str, dict[str, Any]] = {
        "acme/shown": {},
        "acme/roman": {"variant": "roman numerals"},
        "acme/sample": {"scope": "sample"},
        "acme/some": {"scope": "partial", "items_hash": "aaaaaaaaaaaa"},
        "acme/others": {"scope": "partial", "items_hash": "bbbbbbbbbbbb"},
        "acme/old": {"variant": "roman numerals", "benchmark": clock("0")},
    }
    for model, plan in shown.items():
        if model != "acme/shown":
            add_run(store, model, 0.5, **plan)
    add_run(store, "acme/shown", 0.5)
    add_run(store, "acme/second", 0.4)
    board = json.loads(podium("leaderboard", "clock", "--format", "json").stdout)
    assert [s["model"] for s in board["standings"]] == ["acme/shown", "acme/second"]
    assert len(board["other_boards"]) == 5
    found = set()
    for other in board["other_boards"]:
        command, *words = shlex.split(other["command"])
        assert command == "podium"
        there = json.loads(podium(*words, "--format", "json").stdout)
        assert other["n_models"] == len(there["standings"]) == 1
        found.add(there["standings"][0]["model"])
    assert found == {*shown} - {"acme/shown"}
    assert "'roman numerals'" in podium("leaderboard", "clock").stdout


def test_some_words_of_a_variant_are_enough(podium: Type, store: Store, tmp_path: Path) -> None:
    (tmp_path / "dials.py").write_text(DIALS)
    add_run(store, "acme/one", 0.5, benchmark=dials(), variant="round,roman")
    add_run(store, "acme/two", 0.5, benchmark=dials())
    options = ["--plugin", tmp_path / "dials.py", "leaderboard", "dials"]
    assert "acme/two leads dials (round,arabic)" in podium(*options).stdout
    assert "acme/one leads dials (round,roman)" in podium(*options, "--variant", "roman").stdout
    result = podium(*options, "--variant", "romn", exit_code=2)
    assert "no setting of dials named 'romn'. Did you mean 'roman'" in result.stderr
    result = podium(*options, "--variant", "square")
    assert "No score of dials fits" in result.stderr


def test_a_variant_of_a_plugin_that_is_gone_is_known_from_the_runs(
    podium: Type, store: Store
) -> None:
    add_run(store, "acme/one", 0.5, benchmark=dials())
    assert "leads dials" in podium("leaderboard", "dials", "--variant", "round,arabic").stdout
    result = podium("leaderboard", "dials", "--variant", "round", exit_code=2)
    assert "no variant of dials named 'round'" in result.stderr


def test_only_the_top_is_shown_but_all_are_ranked(podium: Type, store: Store) -> None:
    for i in range(4):
        add_run(store, f"acme/{i}", i / 4)
    out = podium("leaderboard", "clock", "--top", 2).stdout
    assert "acme/3" in out
    assert "acme/1" not in out
    assert "4 models evaluated." in out
    assert "2 of 4 models are shown." in out
    podium("leaderboard", "clock", "--top", 0, exit_code=2)


def test_a_board_by_another_metric(podium: Type, store: Store) -> None:
    finish_run(store, begin_run(store, "acme/one"), 0.5, speed=1.0)
    finish_run(store, begin_run(store, "acme/two"), 0.4, speed=2.0)
    assert "Other metrics of these runs: speed" in podium("leaderboard", "clock").stdout
    by_speed = json.loads(podium("leaderboard", "clock", "--metric=speed", "--format=json").stdout)
    assert [s["model"] for s in by_speed["standings"]] == ["acme/two", "acme/one"]
    result = podium("leaderboard", "clock", "--metric", "sped", exit_code=2)
    assert "no metric of clock named 'sped'. Did you mean 'speed'" in result.stderr


def test_less_may_be_better(podium: Type, store: Store) -> None:
    for model, value in (("acme/one", 0.5), ("acme/two", 0.4)):
        finish_run(store, begin_run(store, model), value, metric="ece", higher_is_better=False)
    out = podium("leaderboard", "clock").stdout
    assert out.startswith("acme/two leads clock")
    assert "by ece, lower is better" in out


def test_a_board_in_csv_has_a_line_a_model_that_says_on_which_board_it_stands(
    podium: Type, store: Store
) -> None:
    finish_run(store, begin_run(store, "acme/one"), 0.5, baselines={"always-12": 0.25})
    out = podium("leaderboard", "clock", "--format", "csv").stdout
    model, trivial = csv.DictReader(io.StringIO(out))
    assert (model["model"], model["rank"], model["value"], model["baseline"]) == (
        *("acme/one", "1", "0.5"),
        "",
    )
    assert (trivial["model"], trivial["rank"], trivial["value"], trivial["baseline"]) == (
        *("", "", "0.25"),
        "always-12",
    )
    assert model["benchmark"] == trivial["benchmark"] == "clock"
    assert model["variant"] == trivial["variant"] == "default"


def test_accepted_failures_are_noted(podium: Type, store: Store) -> None:
    run_id = add_run(store, "acme/one", 0.5)
    assert "failures accepted" not in podium("leaderboard", "clock").stdout
    scores = [Measured(Score(metric="accuracy", value=0.5, n=3), ACCURACY, headline=True)]
    store.finish(run_id, [], scores, failures_accepted=True)
    assert "failures accepted" in podium("leaderboard", "clock").stdout


@pytest.mark.usefixtures("registry_url")
@pytest.mark.parametrize("style", ["table", "json", "csv", "markdown"])
def test_a_board_without_runs_succeeds_and_says_what_to_type(podium: Type, style: str) -> None:
    result = podium("leaderboard", "clock", "--format", style)
    assert result.stderr == (
        "No run of clock yet. Start one with: podium run clock --model MODEL\n"
    )
    assert (result.stdout == "") == (style != "json")


def test_a_board_in_json_has_the_same_fields_with_and_without_runs(
    podium: Type, store: Store
) -> None:
    nothing = json.loads(podium("leaderboard", "clock", "--format", "json").stdout)
    assert (nothing["benchmark"], nothing["leader"], nothing["standings"]) == ("clock", None, [])
    add_run(store, "acme/one", 0.5)
    board = json.loads(podium("leaderboard", "clock", "--format", "json").stdout)
    assert list(board) == list(nothing)


def test_a_board_of_unfinished_runs_says_how_to_go_on(podium: Type, store: Store) -> None:
    begin_run(store)
    begin_run(store)
    result = podium("leaderboard", "clock")
    assert result.stdout == ""
    assert result.stderr == "No run of clock is finished yet. Go on with: podium resume 2\n"


def test_a_board_of_a_misspelt_benchmark_suggests_stored_and_installed_ones(
    podium: Type, store: Store
) -> None:
    add_run(store, "acme/one", 0.5, benchmark=dials())
    assert "Did you mean 'clock'" in podium("leaderboard", "clok", exit_code=2).stderr
    assert "Did you mean 'dials'" in podium("leaderboard", "dails", exit_code=2).stderr


def test_a_hostile_name_reaches_no_terminal_not_even_in_an_error(
    podium: Type, store: Store
) -> None:
    add_run(store, "\x1b[31mevil\x07", 0.5)
    for words in (["leaderboard", "clock"], ["runs"], ["runs", "1"], ["models"]):
        out = podium(*words).stdout
        assert "evil" in out
        assert "\x1b" not in out
        assert "\x07" not in out
    error = podium("models", "evli", exit_code=2).stderr
    assert "\x1b" not in error
    assert "\x07" not in error


def test_an_unusable_registry_is_an_error_without_a_traceback(podium: Type, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no database\n" * 100)
    result = podium("--registry", tmp_path / "notes.txt", "runs", exit_code=1)
    assert result.stderr.startswith("Error: ")
    assert "is not a database" in result.stderr


# --- Completion -----------------------------------------------------------------------------------


def completions(*words: str, incomplete: str = "") -> list[str]:
    arguments = ["--plugin", str(CLOCK), *words]
    completer = ShellComplete(main, {}, "podium", "_PODIUM_COMPLETE")
    return [item.value for item in completer.get_completions(arguments, incomplete)]


def test_the_shell_completes_commands_benchmarks_models_and_runs(store: Store) -> None:
    add_run(store, "acme/one", 0.5)
    add_run(store, "other/two", 0.5)
    assert completions(incomplete="t") == ["tick"]
    assert completions("benchmarks", incomplete="c") == ["clock"]
    assert completions("leaderboard", incomplete="x") == []
    assert completions("models", incomplete="acme") == ["acme/one"]
    assert completions("runs") == ["2", "1"]
    assert completions("runs", "--model", incomplete="o") == ["other/two"]
    assert completions("leaderboard", "clock", "--scope", incomplete="p") == ["partial"]


def test_completion_makes_no_registry_and_no_noise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert completions("runs") == []
    assert completions("models") == []
    assert not (tmp_path / "registry.db").exists()
    (tmp_path / "registry.db").write_text("no database\n" * 100)
    assert completions("models") == []
    monkeypatch.setattr("registry.discovery.BUILT_IN_ROOMS", ("no.such.module",))
    assert completions("benchmarks") == []
    assert "runs" in completions()
    assert capsys.readouterr() == ("", "")


def test_a_command_can_be_run_by_itself_with_a_podium_of_one_s_own(
    store: Store, registry_url: str
) -> None:
    add_run(store, "acme/one", 0.5)
    own = Podium(registry=registry_url)
    result = CliRunner().invoke(main.commands["models"], [], obj=own)
    assert "acme/one" in result.stdout


def test_the_environment_names_the_registry_unless_an_option_does(
    podium: Type, tmp_path: Path
) -> None:
    other = tmp_path / "other.db"
    add_run(open_store(str(other)), "acme/other", 0.5)
    assert "acme/other" not in podium("models").stdout
    assert "acme/other" in podium("--registry", other, "models").stdout
    assert "acme/other" in podium("--registry", f"sqlite:///{other}", "models").stdout


def test_the_group_is_what_the_distribution_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (script,) = entry_points(group="console_scripts", name="podium")
    monkeypatch.setattr("sys.argv", ["podium", "--version"])
    monkeypatch.setattr("gc.freeze", lambda: None)
    monkeypatch.setattr("gc.set_threshold", lambda _count: None)
    with pytest.raises(SystemExit) as left:
        script.load()()
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("podium 0.1.0")
