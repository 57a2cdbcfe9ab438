"""Runs the whole way on recorded clips and scores it."""
