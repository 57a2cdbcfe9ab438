"""Where things lie: the database, the evidence store, and copies of both."""
