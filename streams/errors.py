"""What goes wrong with a source, said in one line without its password."""


class SourceError(ValueError):
    """A source can't be opened, is not video, or broke while it was read. The message names it, redacted."""


class StallError(SourceError):
    """A source still sends, but nothing that can be used: no keyframes, or a time that stands still or jumps about."""
