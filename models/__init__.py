"""Pixels in, boxes out."""
