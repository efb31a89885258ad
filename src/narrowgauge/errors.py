"""The one exception that a user sees as a message instead of a traceback."""


class NarrowgaugeError(Exception):
    """Something that the user can put right.

    The message names the key or file, the value, and what would be right. The command line prints it without a
    traceback and ends with exit code 2.
    """
