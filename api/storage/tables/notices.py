"""What other systems are told, and how that went."""
