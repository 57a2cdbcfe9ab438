"""Which models there are, where their files come from, and how a user's own come in."""
