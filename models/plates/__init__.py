"""Number plates: found on a vehicle, read sign by sign, and said only where several pictures agree."""
