"""Alembic's entry: `store` gives it an open transaction, at whose end all of the upgrade holds or none of it."""

from alembic import context

from app.casework import store

context.configure(
    connection=context.config.attributes["connection"], target_metadata=store.metadata, transactional_ddl=True
)
context.run_migrations()
