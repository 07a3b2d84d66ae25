"""How a registry's database came to its present form: one Alembic script a version."""
