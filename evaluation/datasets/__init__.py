"""What is known to be true of recorded clips: read, checked, brought in from other formats and out to them."""
