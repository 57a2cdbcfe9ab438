"""What is written down and never changed: the audit chain, refusals, the register of access, deletions by rule."""
