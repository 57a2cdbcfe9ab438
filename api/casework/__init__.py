"""A case's way: steps, limits, queue, and what people do beside the steps."""
