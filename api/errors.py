"""The room's errors."""


class ApiError(ValueError):
    """The input is wrong: one line that names what, where, and what is allowed."""


class StoreUnavailableError(OSError):
    """The place where evidence lies can't be reached, refuses, or is full: to be tried again, nothing has been kept."""
