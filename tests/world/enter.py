"""Run a command in a network namespace of its own, as root or in a user namespace where we are root.

    python tests/world/enter.py COMMAND …

Where the kernel allows neither, the command runs outside, and KUBECTL_CANARY_NAMESPACE tells it why.
"""

from __future__ import annotations

import os
import subprocess
import sys

VARIABLE, OURS = "KUBECTL_CANARY_NAMESPACE", "ours"
SETUP = 'ip link set lo up && ip address add 10.244.0.1/16 dev lo && exec "$@"'


def main() -> None:
    flags = "-n" if os.geteuid() == 0 else "-rn"
    problem, command = forbidden(flags), sys.argv[1:]
    if not problem:
        command = ["unshare", flags, "sh", "-c", SETUP, "sh", *command]
    os.execvpe(command[0], command, {**os.environ, VARIABLE: problem or OURS})  # noqa: S606  the command is the caller's own


def forbidden(flags: str) -> str:
    """Why `unshare` with these flags does not work here; nothing where it does."""
    try:
        done = subprocess.run(["unshare", flags, "ip", "link"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "there is no unshare here, so there is no network namespace"
    return f"no network namespace here: {done.stderr.strip()}" if done.returncode else ""


if __name__ == "__main__":
    main()
