"""Benches of the whole: how many cameras a machine holds, how late it is, and what others make of the same clips."""
