"""Runs as Prometheus scrapes them: read back with Prometheus' own parser."""

import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from prometheus_client.parser import text_string_to_metric_families
from stored_runs import add_run, answer, begin_run, finish_run

from registry import Outcome
from registry.cli import main
from registry.cli.prometheus import serve, text_of_runs
from registry.errors import RegistryError, StoreError
from registry.store import Snapshot, Store, open_store
from registry.tables import RunRow

HOSTILE = 'acme/\x1b]0;pwned\x07"one"\\\n{run="2"} 1'
SECRET = "The heart of patient ten is enlarged."

Type = Callable[..., Result]
Read = Callable[[], list[Snapshot]]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("PODIUM_REGISTRY", str(tmp_path / "registry.db"))
    store = open_store(str(tmp_path / "registry.db"))
    yield store
    store.close()


@pytest.fixture
def podium() -> Type:
    def podium(*words: object, exit_code: int = 0) -> Result:
        result = CliRunner().invoke(main, [*map(str, words)], prog_name="podium")
        assert result.exit_code == exit_code, (result.output, result.exception)
        return result

    return podium


def samples(text: str) -> list[Any]:
    """Return the samples of a text in Prometheus' format; their families are well formed."""
    families = list(text_string_to_metric_families(text))
    for family in families:
        assert family.documentation, family.name
        assert family.type in ("counter", "gauge"), family.name
        suffixes = {sample.name.removeprefix(family.name) for sample in family.samples}
        assert suffixes <= ({"_total"} if family.type == "counter" else {""}), family.name
    return [sample for family in families for sample in family.samples]


def figures(text: str, run_id: int, stage: str = "answer") -> dict[str, float]:
    """Return a run's figures by name, those of an outcome by name and outcome."""
    found = {}
    for sample in samples(text):
        labels = sample.labels
        if labels["run"] == str(run_id) and labels.get("stage", stage) == stage:
            name = sample.name.removeprefix("podium_run_")
            found[" ".join(filter(None, (name, labels.get("outcome"))))] = sample.value
    return found


def fill(store: Store, run_id: int) -> None:
    """Answer three of a run's four samples, of which one fails; one is reviewed."""
    failure = {"outcome": Outcome.FAILED, "reason": SECRET}
    store.append([replace(answer(run_id, str(sample)), text=SECRET) for sample in (1, 2)])
    store.append([replace(answer(run_id, "3"), replica="b", **failure)])
    store.append([replace(answer(run_id, "1"), stage="judge", text=SECRET)])


def test_a_run_is_told_in_figures_that_prometheus_reads(podium: Type, store: Store) -> None:
    run_id = begin_run(store)
    fill(store, run_id)
    text = podium("runs", run_id, "--format", "prometheus").stdout
    found = figures(text, run_id)
    began = found.pop("started_timestamp_seconds")
    assert abs(datetime.now(UTC).timestamp() - began) < 300
    assert found == {
        "samples answered": 2,
        "samples unparseable": 0,
        "samples truncated": 0,
        "samples failed": 1,
        "samples missing": 1,
        "prompt_tokens_total": 20,  # of answers: a failure may go, and counters never go down
        "cached_tokens_total": 8,
        "output_tokens_total": 4,
        "replicas": 2,
        "finished": 0,
        "last_answer_timestamp_seconds": 103.5,
    }
    review = figures(text, run_id, "judge")
    assert (review["samples answered"], review["prompt_tokens_total"]) == (1, 10)
    assert "samples missing" not in review


def test_a_run_without_answers_has_its_zeros(podium: Type, store: Store) -> None:
    run_id = begin_run(store)
    found = figures(podium("runs", run_id, "--format", "prometheus").stdout, run_id)
    assert (found["samples answered"], found["samples missing"]) == (0, 4)
    assert found["prompt_tokens_total"] == 0
    assert "last_answer_timestamp_seconds" not in found  # 1970 would be an answer long ago


def test_counters_never_go_down_when_a_failure_is_tried_again(podium: Type, store: Store) -> None:
    run_id = begin_run(store)
    fill(store, run_id)
    before = figures(podium("runs", run_id, "--format", "prometheus").stdout, run_id)
    store.append([replace(answer(run_id, "3", Outcome.FAILED), prompt_tokens=0)])
    after = figures(podium("runs", run_id, "--format", "prometheus").stdout, run_id)
    assert {n: v for n, v in after.items() if n.endswith("_total")} == {
        n: v for n, v in before.items() if n.endswith("_total")
    }


def test_labels_hold_names_and_a_hostile_one_breaks_out_nowhere(podium: Type, store: Store) -> None:
    run_id = begin_run(store, HOSTILE)
    fill(store, run_id)
    text = podium("runs", "--format", "prometheus").stdout
    assert SECRET not in text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    found = samples(text)
    assert {frozenset(sample.labels) for sample in found} == {
        frozenset({"run", "benchmark", "variant", "model"}),
        frozenset({"run", "benchmark", "variant", "model", "stage"}),
        frozenset({"run", "benchmark", "variant", "model", "stage", "outcome"}),
    }
    assert {sample.labels["run"] for sample in found} == {"1"}
    assert {sample.labels["model"] for sample in found} == {'acme/"one"\\ {run="2"} 1'}


def test_all_runs_are_those_that_go_on_or_have_just_ended(podium: Type, store: Store) -> None:
    add_run(store, "acme/one", 0.5)
    begin_run(store, "acme/two")
    old = add_run(store, "acme/three", 0.5)
    with store.writing() as session:
        session.get_one(RunRow, old).finished_at = datetime(2020, 1, 1, tzinfo=UTC)

    def told(*words: str) -> dict[str, float]:
        text = podium("runs", *words, "--format", "prometheus").stdout
        return {s.labels["model"]: s.value for s in samples(text) if s.name.endswith("finished")}

    assert told() == {"acme/one": 1, "acme/two": 0}
    assert told("--model", "acme/two") == {"acme/two": 0}
    assert told(str(old)) == {"acme/three": 1}
    assert (
        "Did you mean"
        in podium("runs", "--model", "acme/on", "--format", "prometheus", exit_code=2).stderr
    )


def test_the_page_lists_every_figure_with_its_kind(store: Store) -> None:
    fill(store, begin_run(store))
    page = (Path(__file__).parents[1] / "docs" / "watch-a-run.md").read_text()
    listed = dict(re.findall(r"^\| `(podium_\w+)`.*? \| (counter|gauge) \|", page, re.MULTILINE))
    families = text_string_to_metric_families(text_of_runs([store.snapshot(1)]))
    told = {sample.name: family.type for family in families for sample in family.samples}
    assert listed == told | {"podium_registry_up": "gauge"}


def test_a_registry_without_runs_has_no_figures(podium: Type, store: Store) -> None:
    assert samples(podium("runs", "--format", "prometheus").stdout) == []


# --- Served ---------------------------------------------------------------------------------------


def scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as response:
        assert response.headers["Content-Type"].startswith("text/plain")
        return str(response.read().decode())


@pytest.fixture
def served() -> Iterator[Callable[[Read], int]]:
    """Serve what a function finds, and return the port; the servers end with the test."""
    servers = []

    def served(read: Read) -> int:
        server = serve(read, "127.0.0.1", 0)
        servers.append(server)
        return server.server_port

    yield served
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_scrape_finds_what_is_stored_now(store: Store, served: Callable[[Read], int]) -> None:
    run_id = begin_run(store)
    looks = []

    def read() -> list[Snapshot]:
        looks.append(len(looks))
        return [store.snapshot(run_id)]

    port = served(read)
    first = scrape(port)
    assert "podium_registry_up 1.0\n" in first
    fill(store, run_id)
    finish_run(store, run_id, 0.5)
    while 'finished{benchmark="clock",model="acme/one",run="1",variant="default"} 1.0' not in (
        text := scrape(port)
    ):
        assert len(looks) < 1000
    assert 'outcome="failed",run="1",stage="answer",variant="default"} 1.0' in text


def test_a_registry_out_of_reach_is_down_and_not_an_error(
    served: Callable[[Read], int],
) -> None:
    def away() -> list[Snapshot]:
        raise StoreError("the server cannot be reached")

    text = scrape(served(away))
    assert [(s.name, s.value) for s in samples(text)] == [("podium_registry_up", 0)]


def test_scrapes_in_quick_succession_share_one_slow_look(
    served: Callable[[Read], int],
) -> None:
    looks = []

    def slow() -> list[Snapshot]:
        looks.append(len(looks))
        time.sleep(0.5)
        return []

    port = served(slow)
    for _ in range(5):
        assert "podium_registry_up 1.0" in scrape(port)
    assert len(looks) == 1


def test_an_address_that_is_taken_says_what_to_type(
    served: Callable[[Read], int],
) -> None:
    port = served(list)
    with pytest.raises(RegistryError, match=r"in use.*--serve-metrics 127\.0\.0\.1:PORT"):
        serve(list, "127.0.0.1", port)


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1:", "127.0.0.1:99999", "a:b"])
def test_an_address_without_a_port_is_refused(podium: Type, store: Store, address: str) -> None:
    result = podium("runs", "--serve-metrics", address, exit_code=2)
    assert "has no port. Write: 127.0.0.1:9464" in result.stderr


@pytest.mark.slow
def test_the_command_serves_on_loopback_until_ctrl_c(store: Store) -> None:
    begin_run(store)
    words = ["runs", "--serve-metrics", ":0"]
    with subprocess.Popen(
        [str(Path(sys.executable).parent / "podium"), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/metrics", said)
        assert found, said
        text = scrape(int(found[1]))
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
    assert figures_of_runs(text) == {"1"}
    assert (process.returncode, out, errors) == (130, "", "")


def figures_of_runs(text: str) -> set[str]:
    return {sample.labels["run"] for sample in samples(text) if "run" in sample.labels}


def test_without_the_library_it_says_what_to_install(
    podium: Type, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "registry.cli.prometheus", raising=False)
    monkeypatch.delattr("registry.cli.prometheus", raising=False)
    result = podium("runs", "--format", "prometheus", exit_code=1)
    assert "pip install 'podium[metrics]'" in result.stderr
