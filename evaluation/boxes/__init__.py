"""Detectors and trackers by themselves, scored on boxes that people drew: no zones, no incidents."""
