"""Migrations of the database, run by Alembic when the event system starts."""
