"""The real thing: vLLM on Ray answers, and what it answers is right, complete and counted."""

import importlib.util
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from conftest import Ran, podium

from evaluators.prompts import load_renderer
from evaluators.selection import Narrowing, select
from evaluators.serving import has_bfloat16
from registry.discovery import discover

pytestmark = pytest.mark.engine


def rows(registry: Path, query: str) -> list[Any]:
    with sqlite3.connect(registry) as connection:
        return connection.execute(query).fetchall()


SIZES = """
import json, sys
from vllm import EngineArgs
from vllm.usage.usage_lib import UsageContext
from evaluators.vllm_engine import with_batch_sizes

def sizes(use, arguments):
    engine = EngineArgs(model=sys.argv[1], enforce_eager=True, **arguments)
    scheduler = engine.create_engine_config(use).scheduler_config
    return scheduler.max_num_seqs, scheduler.max_num_batched_tokens

for typed in {}, {"max_num_seqs": 64}, {"max_num_batched_tokens": 4096}:
    ours = sizes(None, with_batch_sizes(typed, 1))
    print(json.dumps([ours, sizes(UsageContext.LLM_CLASS, typed), sizes(None, typed)]))
"""


def test_batches_are_as_large_as_those_of_vllm_s_llm(tiny_vision: Path) -> None:
    words = [sys.executable, "-c", SIZES, str(tiny_vision)]
    quiet = {**os.environ, "VLLM_LOGGING_LEVEL": "ERROR"}
    done = subprocess.run(words, env=quiet, capture_output=True, text=True, check=True)
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[[")]
    assert len(found) == 3
    for ours, of_llm, unsaid in found:
        assert ours == of_llm
        assert ours != unsaid, "else nothing need be said"


def test_one_request_a_question_and_no_ties(gemma_on_mmlu: Ran) -> None:
    assert gemma_on_mmlu.status == 0, gemma_on_mmlu.errors
    run = gemma_on_mmlu.run("mmlu")
    assert run["usage"]["requests"] == run["n"] == 136
    assert run["ties"] == 0
    assert run["outcomes"] == {"answered": 136}
    assert run["scope"] == "partial"


def test_the_score_is_that_of_a_small_model_with_its_error(gemma_on_mmlu: Ran) -> None:
    run = gemma_on_mmlu.run("mmlu")
    # A bare loop with the one-blank header gave 41 of 136; the official header has two blanks.
    assert 36 <= round(run["score"] * 136) <= 50
    assert run["stderr"] == pytest.approx((run["score"] * (1 - run["score"]) / 135) ** 0.5)
    assert run["low"] < run["score"] < run["high"]


def test_the_shared_examples_come_from_the_prefix_cache(gemma_on_mmlu: Ran) -> None:
    usage = gemma_on_mmlu.run("mmlu")["usage"]
    # 119 of 136 questions find their subject's examples there, in blocks of 128 tokens.
    assert usage["cached_tokens"] > 0.4 * usage["prompt_tokens"]
    assert usage["engine_seconds"] > 0


def test_letter_probabilities_are_those_of_a_plain_forward_pass(
    gemma_on_mmlu: Ran, gemma: Path, shared: Path
) -> None:
    torch = pytest.importorskip("torch")
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(gemma, dtype=torch.float32)
    renderer = load_renderer(str(gemma), 4096)
    benchmark = discover().benchmark("mmlu")
    narrowing = Narrowing(limit_per_subject=8)
    data = shared / "mmlu" / "data"
    selection = select(benchmark, (), data, narrowing, sample=False)
    stored = dict(rows(gemma_on_mmlu.registry, "SELECT sample_id, logprobs FROM prediction"))
    letters = [renderer._tokenizer.encode(f" {x}", add_special_tokens=False)[0] for x in "ABCD"]
    same, differences = 0, []
    for sample in [*selection.samples.values()][::7][:20]:
        encoded = renderer.encode(selection.task.prompt(sample))
        with torch.inference_mode():
            logits = model(torch.tensor([encoded.token_ids])).logits[0, -1]
        plain = torch.log_softmax(logits, dim=-1)[letters].tolist()
        served = [json.loads(stored[sample.id])[x] for x in "ABCD"]
        same += plain.index(max(plain)) == served.index(max(served))
        differences += [abs(a - b) for a, b in zip(plain, served, strict=True)]
    assert same >= 18
    assert sorted(differences)[len(differences) // 2] < 0.05


def test_a_run_says_everything_that_identifies_it(gemma_on_mmlu: Ran) -> None:
    shown = podium(gemma_on_mmlu.home, "runs", 1, "--format", "json")
    run = json.loads(shown.output)
    assert run["engine"] == "vllm"
    assert run["engine_version"].startswith("0.29")
    assert run["dtype"] == ("bfloat16" if has_bfloat16() else "float32")
    assert json.loads(run["identity"]["hf_overrides"]) == {"head_dtype": "float32"}
    assert len(run["model_revision"]) == len(run["items_hash"]) == 16


def test_nothing_of_the_engines_chatter_reaches_the_terminal(gemma_on_mmlu: Ran) -> None:
    for word in ("INFO", "WARNING", "core_worker", "Triton"):
        assert word not in gemma_on_mmlu.errors + gemma_on_mmlu.output


def test_two_benchmarks_share_one_stream_into_one_loaded_model(tiny_on_samples: Ran) -> None:
    replicas = rows(tiny_on_samples.registry, "SELECT DISTINCT replica FROM prediction")
    assert len(replicas) == 1
    assert tiny_on_samples.run("mmlu")["status"] == "finished"


def test_broken_pictures_fail_with_their_reason_and_the_run_goes_on(tiny_on_samples: Ran) -> None:
    assert tiny_on_samples.status == 1
    run = tiny_on_samples.run("mimic-cxr")
    assert (run["status"], run["outcomes"]) == ("unfinished", {"answered": 205, "failed": 10})
    reasons = rows(
        tiny_on_samples.registry, "SELECT DISTINCT reason FROM prediction WHERE outcome='failed'"
    )
    assert all(
        "cannot be read" in reason or "is empty" in reason or "decoded" in reason
        for (reason,) in reasons
    )
    assert "--accept-failures" in tiny_on_samples.errors


def test_accepting_failures_finishes_the_run_without_asking_again(tiny_on_samples: Ran) -> None:
    accepted = podium(tiny_on_samples.home, "resume", 2, "--accept-failures", "--format", "json")
    assert accepted.status == 0, accepted.errors
    run = accepted.run("mimic-cxr")
    assert (run["status"], run["failed"], run["n"]) == ("finished", 10, 205)


def test_no_text_of_credentialed_data_is_in_the_registry(tiny_on_samples: Ran) -> None:
    texts = rows(tiny_on_samples.registry, "SELECT DISTINCT text FROM prediction WHERE run_id=2")
    assert texts == [("",)]


def macro_f1(home: Path, model: Path, tree: Path) -> dict[str, Any]:
    words = ("--variant", "exclude", "--data", tree, "--format", "json")
    ran = podium(home, "run", "mimic-cxr", "--model", model, *words)
    assert ran.status == 0, ran.errors
    shown = json.loads(podium(home, "runs", 1, "--format", "json").output)
    return {
        (score["baseline"] or "model", score["metric"]): score["value"]
        for score in shown["scores"]
        if not score["part"]
    }


def test_pixels_reach_the_score(
    tiny_vision: Path, radiographs: Path, shuffled_radiographs: Path, tmp_path: Path
) -> None:
    seen = macro_f1(tmp_path / "seen", tiny_vision, radiographs)
    blind = macro_f1(tmp_path / "blind", tiny_vision, shuffled_radiographs)
    assert seen["model", "macro-f1"] > seen["always-yes", "macro-f1"] + 0.2
    assert seen["model", "macro-auroc"] > 0.95
    # Shuffled, the picture says nothing: no better than a coin, whatever the share of yes.
    assert abs(blind["model", "macro-balanced-accuracy"] - 0.5) < 0.1


def test_a_prompt_longer_than_the_context_fails_and_is_never_cut(
    tiny_vision: Path, tmp_path: Path
) -> None:
    # Two of the six questions fit 64 tokens, with room for one more.
    words = ("--sample", "--subjects", "econometrics", "--engine-arg", "max_model_len=64")
    mmlu = ("run", "mmlu", "--variant", "0-shot", "--model", tiny_vision, "--format", "json")
    ran = podium(tmp_path, *mmlu, *words)
    run = ran.run("mmlu")
    assert (run["status"], run["outcomes"]) == ("unfinished", {"answered": 2, "failed": 4})
    assert "context of 64" in ran.errors


def test_a_model_that_cannot_start_fails_once_with_the_reason_and_the_log(
    tiny_vision: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tiny_vision, broken)
    (broken / "model.safetensors").write_bytes(b"no weights at all")
    ran = podium(tmp_path / "home", "run", "mmlu", "--sample", "--model", broken)
    assert ran.status == 1
    assert "the model could not be loaded" in ran.errors
    assert "SafetensorError" in ran.errors
    log = Path(ran.errors.split("less ")[-1].split()[0])
    assert log.read_text().count("\nthe model could not be loaded\n") == 1


def training() -> ModuleType:
    """Return the script that makes the tiny model, and can poison it."""
    path = Path(__file__).parents[1] / "scripts" / "train_tiny_vision.py"
    spec = importlib.util.spec_from_file_location("train", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_poisonous_sample_fails_alone_with_what_the_engine_printed(
    tiny_vision: Path, tmp_path: Path
) -> None:
    """The poisoned model dies of every picture: each is found, and text questions go on."""
    copy = tmp_path / "model"
    shutil.copytree(tiny_vision, copy)
    poisoned = training().poison(copy)
    words = ("--sample", "--limit", 1, "--model", poisoned, "--format", "json")
    ran = podium(tmp_path / "home", "run", "mimic-cxr", "mmlu", *words)
    assert ran.run("mmlu")["outcomes"] == {"answered": 1}, ran.errors
    assert ran.run("mimic-cxr")["outcomes"] == {"failed": 1}
    sql = "SELECT reason FROM prediction WHERE outcome = 'failed'"
    ((reason,),) = rows(ran.registry, sql)
    assert reason.startswith("the engine dies of this sample, alone and after a restart: ")
    assert "Error" in reason
    assert len(reason) < 400


def test_all_benchmarks_run_on_their_samples(tiny_vision: Path, tmp_path: Path) -> None:
    words = ("--sample", "--accept-failures", "--engine-arg", "max_model_len=2048")
    ran = podium(tmp_path, "run", "--all", "--model", tiny_vision, *words, "--format", "json")
    names = {run["benchmark"]: run["status"] for run in ran.runs}
    assert set(names) >= {
        *("hle", "mathvista", "mimic-cxr", "mmlu", "mmlu-pro", "mmmu", "mmmu-pro"),
    }
    assert set(names.values()) == {"finished"}, ran.errors
    broken = {run["benchmark"]: run["failed"] for run in ran.runs if run["failed"]}
    assert broken == {"mimic-cxr": 10}


def test_genuine_questions_travel_through_the_engine_with_their_pictures(
    tiny_vision: Path, shared: Path, tmp_path: Path
) -> None:
    names = {
        "mmlu-pro": "mmlu_pro",
        "mmmu": "mmmu",
        "mmmu-pro": "mmmu_pro",
        "mathvista": "mathvista",
    }
    data = [
        word for name, folder in names.items() for word in ("--data", f"{name}={shared / folder}")
    ]
    words = ("--variant", "mmlu-pro=0-shot", "--limit", 5, "--format", "json")
    ran = podium(tmp_path, "run", *names, "--model", tiny_vision, *data, *words)
    assert ran.status == 0, ran.errors
    assert {
        run["benchmark"]: run["outcomes"].get("failed", 0) for run in ran.runs
    } == dict.fromkeys(names, 0)
    sizes = rows(
        ran.registry,
        "SELECT b.name, max(p.prompt_tokens) FROM prediction p JOIN run r ON r.id = p.run_id "
        "JOIN benchmark b ON b.id = r.benchmark_id GROUP BY b.name",
    )
    # A picture is tokens of the prompt; MathVista's questions are short without theirs.
    assert all(tokens > 20 for _, tokens in sizes)
