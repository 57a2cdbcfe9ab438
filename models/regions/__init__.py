"""Zones instead of whole pictures: what small zones show is cut out, packed together and looked at in its own resolution."""
