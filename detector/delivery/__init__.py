"""On its way: the outbox, the courier, call-outs."""
