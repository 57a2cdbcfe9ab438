"""What goes wrong with a model because of what it was given."""


class ModelError(ValueError):
    """The input is wrong: one line that names what, where, and what is allowed."""
