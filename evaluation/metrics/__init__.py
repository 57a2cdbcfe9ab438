"""Numbers over predictions and truths. Pure."""
