"""The outcome of an evaluation, for machines and for people."""
