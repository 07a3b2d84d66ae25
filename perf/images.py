"""Images: picture questions a second with a tiny image model, against bare vLLM.

    python perf/images.py MODEL_DIR [--limit 200] [--rounds 2]

Radiographs are painted for it, and both are asked the same questions about them, in turn. The bare
loop has its pictures open before the clock starts; Podium opens them on the way.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path

from figures import Figure, report
from measuring import Questions, bare, compare, served

from plugins.mimic_cxr.synthetic import write_tree

TO_REACH = 0.9
QUESTIONS = 200
SEED = 11


def main() -> None:
    """Paint, measure both, and report their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, metavar="MODEL_DIR")
    parser.add_argument("--limit", type=int, default=QUESTIONS)
    parser.add_argument("--rounds", type=int, default=2, help="turns of each side")
    typed = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # A study is asked about in several questions: as many patients as questions are enough.
        write_tree(
            Path(folder), patients=typed.limit, studies_per_patient=1, seed=SEED, awkward=False
        )
        questions = Questions(benchmark="mimic-cxr", data=folder, limit=typed.limit)
        ratio, seen = compare(
            partial(served, typed.model, questions),
            partial(bare, typed.model, questions),
            typed.rounds,
        )
    figure = Figure(
        figure=f"images: {seen['questions']} picture questions, {typed.model.name}",
        against="bare vLLM with the same pictures",
        value=ratio,
        unit="times its questions a second",
        target=TO_REACH,
    )
    report("images", [figure], **seen)


if __name__ == "__main__":
    main()
