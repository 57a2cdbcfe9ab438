"""Files of evidence that have come in part."""
