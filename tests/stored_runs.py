"""Runs with hand-made numbers, put into a store as an evaluation would."""

from collections.abc import Mapping
from typing import Any

from registry import (
    Benchmark,
    Dataset,
    Identity,
    Outcome,
    Prediction,
    SampleScore,
    Score,
    Setting,
    Task,
    Variant,
    exact_match,
)
from registry.store import Measured, RunPlan, Store

ACCURACY = exact_match()


def clock(version: str = "1") -> Benchmark:
    """Return a benchmark with one variant; nothing here ever asks its questions."""
    return Benchmark(
        name="clock",
        summary="Modular arithmetic on a 12-hour clock.",
        version=version,
        dataset=Dataset("clock", list),
        metrics=(ACCURACY,),
    )


def dials() -> Benchmark:
    """Return a benchmark with four variants, the default being "round,arabic"."""

    def task(variant: Variant) -> Task:
        return Task(dataset=Dataset("dials", list), metrics=(ACCURACY,))

    settings = (Setting("face", ("round", "square")), Setting("digits", ("arabic", "roman")))
    return Benchmark(name="dials", summary="Reading dials.", settings=settings, task=task)


def begin_run(
    store: Store, model: str = "acme/one", *, benchmark: Benchmark | None = None, **plan: Any
) -> int:
    """Begin a run; `plan` overrides what a RunPlan says."""
    benchmark = benchmark or clock()
    defaults: dict[str, Any] = {
        "variant": benchmark.variant().name,
        "model_spec": f"echo:{model}",
        "n_samples": 4,
        "excluded": {},
        "options": {},
    }
    identity = Identity(model=model, engine="echo", engine_version="1.0")
    return store.begin(RunPlan(benchmark=benchmark, identity=identity, **(defaults | plan)))


def answer(run_id: int, sample_id: str, outcome: Outcome = Outcome.ANSWERED) -> Prediction:
    """Return a prediction that cost ten prompt tokens, four of them cached, and half a second."""
    return Prediction(
        run_id=run_id,
        sample_id=sample_id,
        outcome=outcome,
        text="" if outcome is Outcome.FAILED else "12",
        reason="out of memory" if outcome is Outcome.FAILED else "",
        prompt_tokens=10,
        cached_tokens=4,
        output_tokens=2,
        started=100.0 + int(sample_id),
        seconds=0.5,
        replica="a",
    )


def finish_run(
    store: Store,
    run_id: int,
    value: float,
    interval: tuple[float, float] | None = None,
    *,
    n: int = 4,
    baselines: Mapping[str, float] | None = None,
    higher_is_better: bool = True,
    metric: str = "accuracy",
    **others: float,
) -> int:
    """Finish a run with a headline value; `others` are values of further metrics."""
    low, high = interval or (None, None)
    made_by = exact_match(name=metric)
    if not higher_is_better:
        made_by = type(made_by)(
            name=metric, judge=made_by.judge, aggregate=made_by.aggregate, higher_is_better=False
        )
    headline = Score(metric=metric, value=value, n=n, low=low, high=high)
    measured = [Measured(headline, made_by, headline=True)]
    measured += [Measured(Score(metric=m, value=v, n=n), made_by) for m, v in others.items()]
    for name, trivial in (baselines or {}).items():
        score = Score(metric=metric, value=trivial, n=n)
        measured.append(Measured(score, made_by, baseline=name, headline=True))
    store.finish(run_id, [sample_score(sample) for sample in ("1", "2", "3", "4")], measured)
    return run_id


def sample_score(sample_id: str, outcome: Outcome = Outcome.ANSWERED) -> SampleScore:
    """Return a right answer."""
    return SampleScore(
        sample_id=sample_id, metric="accuracy", value=1.0, answer="12", target="12", outcome=outcome
    )


def add_run(
    store: Store,
    model: str,
    value: float,
    interval: tuple[float, float] | None = None,
    *,
    benchmark: Benchmark | None = None,
    **plan: Any,
) -> int:
    """Store a finished run of four answers and return its id."""
    run_id = begin_run(store, model, benchmark=benchmark, **plan)
    store.append([answer(run_id, sample) for sample in ("1", "2", "3", "4")])
    return finish_run(store, run_id, value, interval)
