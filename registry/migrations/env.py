"""Run the migrations on the connection that the store hands over."""

from alembic import context
from sqlmodel import SQLModel

from registry import tables  # noqa: F401  (its import fills the metadata)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
