"""Checkpoints to ONNX, without running anything that is in them."""
