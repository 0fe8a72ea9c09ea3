"""Run a command in a network namespace of its own, as root or in a user namespace where we are root.

    python tests/world/enter.py COMMAND …

Ends with 77 and the reason where the kernel allows neither.
"""

from __future__ import annotations

import os
import subprocess
import sys

FORBIDDEN = 77
INSIDE = "KUBECTL_CANARY_INSIDE"  # says that the loopback interface is ours
SETUP = 'ip link set lo up && ip address add 10.244.0.1/16 dev lo && exec "$@"'


def main() -> None:
    flags = usable()
    if flags is None:
        sys.exit(FORBIDDEN)
    command = ["unshare", flags, "sh", "-c", SETUP, "sh", *sys.argv[1:]]
    os.execvpe("unshare", command, {**os.environ, INSIDE: "yes"})


def usable() -> str | None:
    """The flags of `unshare` that work here; none, with the reason on standard error, where none do."""
    flags = "-n" if os.geteuid() == 0 else "-rn"
    try:
        done = subprocess.run(["unshare", flags, "ip", "link"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        print("error: there is no unshare, so there is no network namespace", file=sys.stderr)
        return None
    if done.returncode:
        print(f"error: no network namespace here: {done.stderr.strip()}", file=sys.stderr)
        return None
    return flags


if __name__ == "__main__":
    main()
