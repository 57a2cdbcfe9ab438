"""Where video comes from, and what keeps it coming: addresses, connections, feeds."""
