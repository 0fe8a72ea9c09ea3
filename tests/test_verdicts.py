"""What gates' answers say: tables, and properties of many measurements."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_canary.driving import prometheus, verdicts
from kubectl_canary.driving.verdicts import Reading, Verdict
from kubectl_canary.release.gates import Bounds, Rhythm

P, F, U = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
NOTHING = Reading(None, "no data")


@pytest.mark.parametrize(
    ("bounds", "canary", "stable", "verdict", "said"),
    [
        (Bounds(max=0.01), 0.01, None, P, "0.01 ≤ 0.01"),
        (Bounds(max=0.01), 0.0101, None, F, "0.0101 > 0.01"),
        (Bounds(min=5), 5, None, P, "5 ≥ 5"),
        (Bounds(min=5), 4.9, None, F, "4.9 < 5"),
        (Bounds(max=1, min=0.5), 0.7, None, P, "0.7 ≤ 1 and ≥ 0.5"),
        (Bounds(max=1, min=0.5), 2, None, F, "2 > 1"),
        (Bounds(max=1), math.inf, None, U, "inf, as of something divided by nothing"),
        (Bounds(max=1), -math.inf, None, U, "-inf, as of something divided by nothing"),
        (Bounds(ratio=1.2), 1.2, 1, P, "1.2 ≤ 1.2 x 1 of stable"),
        (Bounds(ratio=1.2), 1.3, 1, F, "1.3 > 1.2 x 1 of stable"),
        (Bounds(ratio=1.2), 0.001, 0, F, "0.001 > 1.2 x 0 of stable"),
        (Bounds(ratio=1.2, slack=0.001), 0.001, 0, P, "0.001 ≤ 1.2 x 0 + 0.001 of stable"),
        (Bounds(max=1, ratio=2), 1.5, 1, F, "1.5 > 1"),
        (Bounds(max=2, ratio=2), 1.5, None, P, "1.5 ≤ 2, and stable's value is not known"),
        (Bounds(ratio=2), 1.5, None, U, "nothing to hold it against"),
        (Bounds(ratio=2), 1.5, math.inf, U, "of stable: inf, as of something divided by nothing"),
        (Bounds(max=2), math.nan, None, U, "NaN, as of nothing divided by nothing"),
        (Bounds(ratio=2), 1, math.nan, U, "of stable: NaN, as of nothing divided by nothing"),
    ],
)
def test_a_value_is_held_against_its_bounds(
    bounds: Bounds, canary: float, stable: float | None, verdict: Verdict, said: str
) -> None:
    found = verdicts.of_query(bounds, Reading.of(canary), None if stable is None else Reading.of(stable))
    assert (verdict, said) == (found.verdict, found.said)


@pytest.mark.parametrize(
    ("volume", "verdict", "said"),
    [
        (Reading(100.0), P, "0 ≤ 1"),
        (Reading(99.0), U, "99 requests, and 100 are wanted"),
        (Reading(0.0), U, "0 requests, and 100 are wanted"),
        (NOTHING, U, "no data"),
    ],
)
def test_too_few_requests_are_too_little_data(volume: Reading, verdict: Verdict, said: str) -> None:
    found = verdicts.of_query(Bounds(max=1), Reading(0.0), volume=volume, least=100)
    assert (verdict, said) == (found.verdict, found.said)


def test_a_canary_without_an_answer_is_not_judged_by_stable() -> None:
    assert U is verdicts.of_query(Bounds(max=1, ratio=1), NOTHING, Reading(1.0)).verdict


@pytest.mark.parametrize(
    ("code", "said", "verdict", "words"),
    [
        (0, "", P, "exit code 0"),
        (1, "two failed", F, "exit code 1: two failed"),
        (6, "", U, "exit code 6"),
        (127, "not found", F, "exit code 127: not found"),
        (None, "it was ended after 30 s", U, "it was ended after 30 s"),
    ],
)
def test_a_command_is_judged_by_its_exit_code(
    code: int | None, said: str, verdict: Verdict, words: str
) -> None:
    found = verdicts.of_exit(code, said)
    assert (verdict, words) == (found.verdict, found.said)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(200, P), (204, P), (299, P), (199, F), (300, F), (404, F), (499, F), (500, U), (503, U), (None, U)],
)
def test_a_webhook_is_judged_by_its_status(status: int | None, verdict: Verdict) -> None:
    assert verdict is verdicts.of_status(status, "said").verdict


@pytest.mark.parametrize(
    ("rhythm", "measured", "is_over", "verdict"),
    [
        (Rhythm(30), [], True, None),
        (Rhythm(30), [P], False, None),
        (Rhythm(30), [P], True, P),
        (Rhythm(30), [F], False, F),
        (Rhythm(30), [U], False, U),
        (Rhythm(30, 3, 5, 2, 2), [P, P, P], True, None),
        (Rhythm(30, 3, 5, 2, 2), [P, F, P, F, P], True, P),
        (Rhythm(30, 3, 5, 2, 2), [P, F, P, F, P], False, None),
        (Rhythm(30, 3, 5, 2, 2), [F, F, F], False, F),
        (Rhythm(30, 3, 5, 2, 2), [U, U, U], False, U),
        (Rhythm(30, 3, 5, 2, 2), [P, F, U, P, F], True, U),
        (Rhythm(30, 3, 5, 2, 2), [F, F, P, P, P, F, F], True, P),
        (Rhythm(30, 3, 5, 2, 2), [P, P, P, P, P, F, F, F], True, F),
        (Rhythm(30, 1, 5, 0, 4), [U, U, U, U, P], True, P),
        (Rhythm(30, 1, 5, 0, 4), [P, P, P, P, F], True, F),
    ],
)
def test_the_last_measurements_decide(
    rhythm: Rhythm, measured: list[Verdict], is_over: bool, verdict: Verdict | None
) -> None:
    assert verdict is verdicts.judged(rhythm, measured, is_over=is_over)


@st.composite
def rhythms(draw: st.DrawFn) -> Rhythm:
    measurements = draw(st.integers(1, 6))
    limits = st.integers(0, measurements - 1)
    return Rhythm(30, draw(st.integers(1, measurements)), measurements, draw(limits), draw(limits))


@given(rhythms(), st.lists(st.sampled_from(Verdict), max_size=12), st.booleans())
def test_no_gate_passes_that_has_failed_and_none_is_measured_for_ever(
    rhythm: Rhythm, measured: list[Verdict], is_over: bool
) -> None:
    verdict, last = verdicts.judged(rhythm, measured, is_over=is_over), measured[-rhythm.measurements :]
    if verdict is P:
        assert is_over
        assert last.count(F) <= rhythm.failures
        assert last.count(P) >= rhythm.passes
    if is_over and len(measured) >= rhythm.measurements:
        assert verdict is not None
    if last.count(F) > rhythm.failures:
        assert verdict is F


@given(st.lists(st.sampled_from([*Verdict, None]), min_size=1))
def test_together_one_failure_decides_and_all_have_to_pass(found: list[Verdict | None]) -> None:
    verdict = verdicts.together(found)
    assert (verdict is F) == (F in found)
    assert (verdict is P) == ({*found} == {P})
    assert (verdict is U) == (U in found and F not in found)


def vector(*values: str, **labels: str) -> str:
    result = [
        {"metric": {**labels, "n": str(number)}, "value": [1, value]} for number, value in enumerate(values)
    ]
    return success("vector", result)


def success(kind: str, result: Any) -> str:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}})


JSON = "application/json"


@pytest.mark.parametrize(
    ("status", "kind", "text", "value", "why"),
    [
        (200, JSON, vector("0.25"), 0.25, ""),
        (200, JSON, success("scalar", [1, "3"]), 3.0, ""),
        (200, JSON, vector("+Inf"), None, "inf, as of something divided by nothing"),
        (200, JSON, vector("NaN"), None, "NaN"),
        (200, JSON, vector(), None, "no data"),
        (200, JSON, vector("1", "2", pod="a"), None, "2 series, and one is wanted: sum over n, pod"),
        (200, JSON, success("matrix", []), None, "answers a matrix"),
        (200, JSON, success("string", [1, "a"]), None, "answers a string"),
        (200, JSON, success("vector", [{"metric": {}, "histogram": [1, {}]}]), None, "a histogram"),
        (200, JSON, success("vector", [{"metric": {}, "value": [1]}]), None, "something else than a number"),
        (200, JSON, success("vector", [{"metric": {}, "value": [1, "x"]}]), None, "something else than a number"),
        (200, JSON, '{"status": "success"}', None, "something else than a number"),
        (200, JSON, "[]", None, "no answer of Prometheus' API"),
        (200, JSON, "3", None, "no answer of Prometheus' API"),
        (200, "text/html; charset=utf-8", "<html>", None, "no answer of Prometheus' API"),
        (502, "", "", None, "no answer of Prometheus' API"),
        (
            400, JSON, json.dumps({"status": "error", "errorType": "bad_data", "error": "parse error"}), None,
            "Prometheus says bad_data: parse error",
        ),
    ],
)  # fmt: skip
def test_an_answer_of_prometheus_is_one_number_or_the_reason_why_there_is_none(
    status: int, kind: str, text: str, value: float | None, why: str
) -> None:
    found = prometheus.reading(status, kind, text)
    assert value == found.value
    assert why in found.why
    assert bool(found.why) == (value is None)


@given(st.text(), st.integers(100, 599))
def test_no_answer_is_an_error(text: str, status: int) -> None:
    assert isinstance(prometheus.reading(status, JSON, text), Reading)
