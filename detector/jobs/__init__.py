"""Jobs: work that needs pictures, leased from the event system. One file for each kind, and a runner for all."""
