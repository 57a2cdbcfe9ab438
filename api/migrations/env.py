"""Alembic's entry: runs the migrations on the connection that `api.storage.database` hands over."""

from alembic import context

from api.storage.tables import Base


def run() -> None:
    """Runs the migrations in the caller's transaction."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=Base.metadata,
        render_as_batch=True,
        compare_type=True,
    )
    context.run_migrations()


if __name__ == "env_py":  # the name under which Alembic loads this file; an ordinary import does nothing
    run()
