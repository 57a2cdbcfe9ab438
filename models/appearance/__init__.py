"""What a vehicle looks like: colour, kind, and an embedding that recognises it again."""
