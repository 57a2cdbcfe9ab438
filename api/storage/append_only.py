"""Tables that are only ever appended to: the database itself refuses to change or delete their rows."""

from sqlalchemy import Connection, text

_POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$
"""


def protect(connection: Connection, table: str) -> None:
    """Makes a table append-only; a migration calls it, and once more after it has rebuilt the table."""
    statements = _for_postgresql(table) if connection.dialect.name == "postgresql" else _for_sqlite(table)
    for statement in statements:
        connection.execute(text(statement))


def _for_postgresql(table: str) -> tuple[str, ...]:
    trigger = (
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    return _POSTGRESQL_FUNCTION, trigger


def _for_sqlite(table: str) -> tuple[str, ...]:
    return tuple(
        f"CREATE TRIGGER {table}_no_{change} BEFORE {change.upper()} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for change in ("update", "delete")
    )
