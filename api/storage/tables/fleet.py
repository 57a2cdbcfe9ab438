"""Workers: who holds which camera, and how cameras do."""
