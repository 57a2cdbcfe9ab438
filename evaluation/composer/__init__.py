"""Labelled incidents composed out of footage of fixed cameras, from a recipe and a seed."""
