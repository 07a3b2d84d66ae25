"""Generation: tokens written a second for 200 short answers, against `LLM.generate`.

    python perf/generation.py MODEL_DIR [--limit 200] [--rounds 2]

Both get the same prompts (perf/short_answers.py), 32 tokens each, greedily, with the same engine
settings, in turn. bf16 sums depend on the batch, so some replies differ; how many is reported.
"""

import argparse
from functools import partial
from operator import attrgetter
from pathlib import Path

from figures import Figure, report
from measuring import PERF, Questions, bare, compare, served
from short_answers import LONGEST

TO_REACH = 0.95
QUESTIONS = 200


def main() -> None:
    """Measure both and report their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, metavar="MODEL_DIR")
    parser.add_argument("--limit", type=int, default=QUESTIONS)
    parser.add_argument("--rounds", type=int, default=2, help="turns of each side")
    typed = parser.parse_args()
    questions = Questions(
        benchmark="short-answers", plugin=str(PERF / "short_answers.py"), limit=typed.limit
    )
    ratio, seen = compare(
        partial(served, typed.model, questions),
        partial(bare, typed.model, questions),
        typed.rounds,
        attrgetter("token_rate"),
    )
    figure = Figure(
        figure=f"generation: {seen['questions']} answers of {LONGEST} tokens, {typed.model.name}",
        against="`LLM.generate` on the same prompts",
        value=ratio,
        unit="times its tokens a second",
        target=TO_REACH,
    )
    report("generation", [figure], **seen)


if __name__ == "__main__":
    main()
