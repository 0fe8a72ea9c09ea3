"""What Prometheus' answer to an instant query says. Source: https://prometheus.io/docs/prometheus/latest/querying/api/"""

from __future__ import annotations

import json
from typing import Any

from kubectl_canary.driving.verdicts import Reading
from kubectl_canary.findings import visible

API = "/api/v1/query"


def reading(status: int, kind: str, text: str) -> Reading:
    """The one number that it answers, or why there is none; never an error, since that is no verdict on a canary."""
    try:
        answer = json.loads(text)
        outcome = answer["status"]
    except (ValueError, KeyError, TypeError):
        return Reading(
            None, f"HTTP {status}, and no answer of Prometheus' API: {kind.partition(';')[0] or 'no type'}"
        )
    if outcome != "success":
        return Reading(None, visible(f"Prometheus says {answer.get('errorType')}: {answer.get('error')}"))
    try:
        return _number(answer["data"])
    except (ValueError, KeyError, TypeError, IndexError):
        return Reading(None, f"Prometheus answers something else than a number: {text[:60]}")


def _number(data: dict[str, Any]) -> Reading:
    kind, result = data["resultType"], data["result"]
    if kind == "scalar":
        return Reading.of(float(result[1]))
    if kind != "vector":
        return Reading(None, f"the query answers a {kind}, and a number is wanted")
    if not result:
        return Reading(None, "no data")
    if len(result) > 1:
        labels = ", ".join(sorted({key for series in result for key in series["metric"]}))
        return Reading(None, f"{len(result)} series, and one is wanted: sum over {labels or 'them'}")
    if "value" not in result[0]:
        return Reading(None, "the query answers a histogram, and a number is wanted")
    return Reading.of(float(result[0]["value"][1]))
