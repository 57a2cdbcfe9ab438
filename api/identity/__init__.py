"""Who asks: accounts, tokens and sessions, and the gate that stands before every route."""
