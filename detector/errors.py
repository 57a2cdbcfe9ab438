"""What a person who runs the worker got wrong, one line each."""


class ConfigError(ValueError):
    """A file that a person wrote is wrong. The message has a line for each mistake: file, key, value, what is allowed."""
