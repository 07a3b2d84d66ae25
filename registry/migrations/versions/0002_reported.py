"""Published scores beside measured ones: reported scores, groups, aliases, and what is unknown.

The texts of a model that were empty become NULL, and `score.source_id`, which nothing ever wrote,
goes: a published number is a row of `reported_score`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TEXTS = ("organization", "license", "modalities")
BENCHMARK_TEXTS = (
    "categories",
    "modalities",
    "languages",
    "paper",
    "homepage",
    "data",
    "license",
    "size",
)
CURRENT = sa.text("superseded_at IS NULL")


def upgrade() -> None:
    _describe_benchmarks()
    with op.batch_alter_table("model") as table:
        for name in TEXTS:
            table.alter_column(name, existing_type=sa.String(), nullable=True)
    for name in TEXTS:
        op.execute(f"UPDATE model SET {name} = NULL WHERE {name} = ''")
    _drop_source_of_scores()
    _create_lookups()
    _create_reported()


def _describe_benchmarks() -> None:
    metric = sa.Column("metric", sa.String(), nullable=False, server_default="")
    op.add_column("benchmark", metric)
    op.add_column("benchmark", sa.Column("higher_is_better", sa.Boolean(), nullable=True))
    op.add_column("benchmark", sa.Column("max_score", sa.Float(), nullable=True))
    for name in BENCHMARK_TEXTS:
        op.add_column("benchmark", sa.Column(name, sa.String(), nullable=True))
    op.add_column("benchmark", sa.Column("release_date", sa.Date(), nullable=True))


def _drop_source_of_scores() -> None:
    op.drop_index("ix_score_source_id", "score")
    if op.get_bind().dialect.name == "postgresql":
        op.drop_column("score", "source_id")  # its foreign key, which has no name, goes with it
        return
    with op.batch_alter_table("score", recreate="always") as table:
        table.drop_column("source_id")


def _create_lookups() -> None:
    op.create_table(
        "comparable_group",
        sa.Column("benchmark_id", sa.Integer(), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("in_default", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["benchmark_id"], ["benchmark.id"]),
        sa.PrimaryKeyConstraint("benchmark_id", "variant"),
    )
    op.create_table(
        "model_alias",
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"]),
        sa.PrimaryKeyConstraint("alias", "model_id"),
    )


def _create_reported() -> None:
    op.create_table(
        "reported_score",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("benchmark_id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("higher_is_better", sa.Boolean(), nullable=False),
        sa.Column("self_reported", sa.Boolean(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("date_basis", sa.String(), nullable=False),
        sa.Column("raw_setting", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=True),
        sa.Column("stderr", sa.Float(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("disputed", sa.Boolean(), nullable=False),
        sa.Column("dispute", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["benchmark_id"], ["benchmark.id"]),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"]),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_reported_score_model_id", "reported_score", ["model_id"])
    _create_current("reported_score", ["benchmark_id", "model_id", "source_id"])
    op.create_table(
        "reported_baseline",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("benchmark_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["benchmark_id"], ["benchmark.id"]),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    _create_current("reported_baseline", ["benchmark_id", "source_id"], "name")


def _create_current(table: str, keys: list[str], *more: str) -> None:
    """Let at most one row of a key be current; those that it superseded stay."""
    op.create_index(
        f"{table}_current",
        table,
        [*keys, "variant", "metric", *more],
        unique=True,
        sqlite_where=CURRENT,
        postgresql_where=CURRENT,
    )
