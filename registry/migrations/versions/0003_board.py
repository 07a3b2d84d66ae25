"""A board reads indexes alone: its runs and scores lie beside each other, not all over the tables.

The unique constraint of `score` finds a run's scores, so that `ix_score_run_id` goes.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

RUN = (
    *("benchmark_id", "id", "model_id", "benchmark_version", "variant", "scope"),
    *("items_hash", "finished_at", "failures_accepted"),
)
SCORE = (
    *("benchmark_id", "run_id", "part", "metric", "baseline", "headline"),
    *("higher_is_better", "value", "n", "stderr", "low", "high"),
)


def upgrade() -> None:
    op.drop_index("ix_run_benchmark_id", "run")
    op.create_index("run_board", "run", RUN)
    op.drop_index("ix_score_run_id", "score")
    op.drop_index("score_board", "score")
    op.create_index("score_board", "score", SCORE)
    op.create_index("ix_reported_score_benchmark_id", "reported_score", ["benchmark_id"])
