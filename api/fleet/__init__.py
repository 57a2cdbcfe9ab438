"""Who watches which camera: leases with an epoch, signs of life, what a successor needs, how cameras do."""
