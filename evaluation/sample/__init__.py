"""The sample camera of the demo, composed out of one photograph."""
