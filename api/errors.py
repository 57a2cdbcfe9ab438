"""The room's error for wrong input."""


class ApiError(ValueError):
    """The input is wrong: one line that names what, where, and what is allowed."""
