"""Smaller and faster variants of a detector, each judged against the float model before it is accepted."""
