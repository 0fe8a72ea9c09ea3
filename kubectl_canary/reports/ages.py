"""How long ago something was, in words."""

from __future__ import annotations

from datetime import datetime

UNITS = ((86400, "days"), (3600, "hours"), (60, "minutes"))  # seconds, the largest first; from two on


def ago(time: str, now: datetime) -> str:
    """`3 minutes ago`: how long before `now` a time of the cluster's (RFC 3339) was; empty where it is none."""
    try:
        age = (now - datetime.fromisoformat(time.replace("Z", "+00:00"))).total_seconds()
    except ValueError:
        return ""
    counted = ((int(age // seconds), unit) for seconds, unit in UNITS)
    return next((f"{number} {unit} ago" for number, unit in counted if number > 1), "a moment ago")
