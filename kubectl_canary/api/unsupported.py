"""Why a schema cannot be judged by."""


class Unsupported(Exception):
    """A rule or a pattern that uses something we do not know: it must not be passed over."""
