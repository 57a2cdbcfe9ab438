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
    refuse_replacing(connection, table)


def refuse_replacing(connection: Connection, table: str) -> None:
    """Refuses a row in place of one that is there, as `REPLACE` puts it; harmless where that has been done.

    SQLite takes the old row away without asking the trigger that forbids it. PostgreSQL has no such statement.
    """
    if connection.dialect.name == "postgresql":
        return
    unique = (
        [column["name"] for column in connection.execute(text(f"PRAGMA index_info({index['name']})")).mappings()]
        for index in connection.execute(text(f"PRAGMA index_list({table})")).mappings().all()
        if index["unique"]
    )
    # The row's own number is unique as well; in a table with a whole number for a key it is the key.
    same = " OR ".join(" AND ".join(f"{name} = NEW.{name}" for name in names) for names in (["rowid"], *unique))
    is_there = f"EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608 - our own words
    statement = (
        f"CREATE TRIGGER IF NOT EXISTS {table}_no_replace BEFORE INSERT ON {table} WHEN {is_there} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )
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
