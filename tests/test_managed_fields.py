"""Who wrote a field last, by metadata.managedFields."""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_canary.release.managed_fields import who_changed

RULES = {"f:spec": {"f:rules": {}}}


def entry(manager: str, time: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"manager": manager, "time": time, "fieldsV1": fields}


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_writers_the_newest_is_named(order: int) -> None:
    entries = [
        entry("first", "2026-01-01T00:00:00Z", RULES),
        entry("last", "2026-01-03T00:00:00Z", RULES),
        entry("second", "2026-01-02T00:00:00Z", RULES),
    ]
    live = {"metadata": {"managedFields": entries[::order]}}
    assert ("last", "2026-01-03T00:00:00Z") == who_changed(live, "/spec/rules/0/backendRefs/0/weight")


def test_a_writer_of_other_fields_is_not_named() -> None:
    labels = entry("labels", "2026-01-03T00:00:00Z", {"f:metadata": {"f:labels": {"f:a": {}}}})
    other = entry("hostnames", "2026-01-04T00:00:00Z", {"f:spec": {"f:hostnames": {}}})
    live = {"metadata": {"managedFields": [entry("routes", "2026-01-01T00:00:00Z", RULES), labels, other]}}
    found = who_changed(live, "/spec/rules/0")
    assert found is not None
    assert "routes" == found[0]
    assert None is who_changed(live, "/spec/parentRefs/0")
    assert None is who_changed({}, "/spec/rules")
