"""Incidents in, cases and evidence out."""
