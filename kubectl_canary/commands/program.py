"""What the user typed to call us, for the commands that are printed."""

_called_as = ["kubectl canary"]


def call_as(name: str) -> None:
    """A command begins, which was called so."""
    _called_as[:] = [name]


def program() -> str:
    """What the user typed to call us."""
    return _called_as[0]
