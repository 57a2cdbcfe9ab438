"""How a thing in a place is followed: vehicles, what lies on the ground, people and their goods. Pure."""
