"""Open models on whatever the machine has: sessions, execution providers, batches."""
