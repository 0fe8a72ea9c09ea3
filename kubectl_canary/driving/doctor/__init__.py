"""What stands in the way of a release in a cluster, and what to do about it: one check a file.

A check is given the facts and answers with remarks; it says nothing of what could not be read: `unread` does. The
seed's three common issues are named in the text: traffic is not split, the canary gets more than expected, and the
route is not accepted.
"""

from __future__ import annotations

import importlib

from kubectl_canary.driving.doctor.facts import Facts, Remark

MODULES = (
    "programs",
    "connection",
    "unread",
    "gateway_api",
    "permissions",
    "gateways",
    "listeners",
    "state",
    "services",
    "pods",
    "sessions",
    "competing",
    "implementation",
    "engines",
    "drivers",
    "leftovers",
)


def examine(facts: Facts) -> list[Remark]:
    """Everything that the checks say, each remark once, in the order of the checks."""
    modules = (importlib.import_module(f"{__name__}.{name}") for name in MODULES)
    return list(dict.fromkeys(remark for module in modules for remark in module.check(facts)))
