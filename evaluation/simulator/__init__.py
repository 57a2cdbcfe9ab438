"""The camera simulator: recorded clips served as live RTSP cameras, with faults on request.

Two programs share this package. The server (`__main__`, `camera`, `faults`, `reel`) runs under the system's Python, where
GStreamer's bindings live, and uses the standard library alone; everything else runs where the rest of the house does.
"""
