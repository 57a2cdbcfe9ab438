"""Boxes in, incidents out."""
