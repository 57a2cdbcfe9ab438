"""Analyses the clips of a dataset: in processes of their own, and no clip twice."""
