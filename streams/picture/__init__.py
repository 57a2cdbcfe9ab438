"""Whether a camera still shows its street: black, frozen, blurred, covered, moved."""
