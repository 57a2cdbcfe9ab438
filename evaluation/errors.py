"""What a user of this room can get wrong."""


class EvaluationError(ValueError):
    """The input is wrong: one line that names what, where, and what is allowed."""
