"""CEL: what our translation answers, beside Google's own implementation on every rule of every release."""

from __future__ import annotations

import contextlib
import json
import random
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import ROOT

from kubectl_canary.api.cel import functions
from kubectl_canary.api.cel.compiled import RULES as COMPILED
from kubectl_canary.api.cel.rules import all_of
from kubectl_canary.api.cel.transition import is_transition
from kubectl_canary.api.cel.translate import KEYWORDS, translated
from kubectl_canary.api.unsupported import Unsupported

Schema = dict[str, Any]

VALUES = 150
TEXTS = (
    "", "a", "A", "a/b", "k8s.io/a", "*.a.com", "*a", "1.2.3.4", "::1", "0s", "1s", "90m", "2h", "x", "/", "//", "/./",
    "/a%2f", "Service", "Gateway", "HTTP", "HTTPS", "TLS", "TCP", "UDP", "Cookie", "Permanent", "Session", "All",
    "http://a.b", "https://*.b:80", "*", "é", "None", "Selector", "Hostname", "System", "core", "a.b/c", "a" * 260,
)  # fmt: skip


def keeps_rule(rule: str, value: Any) -> bool:
    return all_of([{"rule": rule}])(value)


@pytest.mark.parametrize(
    ("rule", "value", "keeps"),
    [
        ("self == 1", 1, True),
        ("self == 1.0", 1, True),
        ("self == true", 1, False),
        ("has(self.a)", {"a": 0}, True),
        ("has(self.a.b)", {}, False),
        ("!has(self.a) || self.a.b == 1", {}, True),
        ("self.a.b == 1 || true", {}, True),
        ("true || self.a.b == 1", {}, True),
        ("self.a.b == 1 && false || true", {}, True),
        ("self.a.b == 1 || false", {}, False),
        ("self.all(x, x.a == 1 || x.b)", [{"a": 1}], True),
        ("self.all(x, x.a == 1)", [{"b": 1}, {"a": 2}], False),
        ("self.exists(x, x.a == 1)", [{"b": 1}, {"a": 1}], True),
        ("self.exists_one(x, x == 'a')", ["a", "b", "a"], False),
        ("self.filter(x, x > 1).map(x, x * 2) == [4, 6]", [1, 2, 3], True),
        ("size('é') == 1 && 'ab'.size() == 2", None, True),
        ("self.__namespace__ == 'a' && self.b__dash__c == 1", {"namespace": "a", "b-c": 1}, True),
        ("self.matches('^a$')", "a\n", False),
        ("self.matches('(?i)^a|b$')", "xB", True),
        ("duration(self) > duration('59m')", "1h0.5s", True),
        ("duration(self) > duration('0s')", "1", False),
        ("duration(self) >= duration('0s')", "9999999h", False),
        ("format.dns1123Label().validate(self) == null", "a", False),
        ("!format.dns1123Label().validate(self).hasValue()", "a", True),
        ("format.qualifiedName().validate(self).hasValue()", "a/b/c", True),
        ("'a/b'.split('/')[1] == self", "b", True),
        ("'abc'.substring(1) == self && 'abc'.substring(1, 2) == 'b'", "bc", True),
        ("self in ['a', 'b'] && !('c' in {'d': 1})", "a", True),
        ("isIP(self)", "01.2.3.4", False),
        ("isIP(self)", "::ffff:1.2.3.4", False),
        ("7 / -2 == -3 && -7 % 2 == -1 && 1 / self == 1", 0, False),
        ("self + 1 > 0", 2**63 - 1, False),
        ("self < 'a'", 1, False),
        ("1.5 / self > 1.0", 0.0, False),
        ("int(self) == 1", float("inf"), False),
        ("self ? 1 == 1 : false", True, True),
        (r'"\x41é\101" == "AéA" && r"\d".size() == 2', None, True),
    ],
)
def test_rules_mean_what_cel_means(rule: str, value: Any, keeps: bool) -> None:
    assert keeps is keeps_rule(rule, value)


@pytest.mark.parametrize(
    "rule",
    ["quantity(self) > 1", "self.reverse()", "other == 1", "self ==", "self.?a.orValue(1)", "'a", "self @ 1",
     "format.uri().validate(self).hasValue()", "self.all(x, y, true)", "has(self)", "self.matches('\\\\pL')",
     f"{'!' * 300}self", f"{'(' * 5000}self{')' * 5000}", f"self{'.a' * 300} == 1",
     f"0x{'f' * 4000} == 1", f"{'9' * 5000} == 1", r"'\U00110000' == 'a'"],
)  # fmt: skip
def test_what_is_not_known_is_refused(rule: str) -> None:
    with pytest.raises(Unsupported):
        keeps_rule(rule, "a")


@pytest.mark.parametrize(
    "rule", ["__import__('os')", "open(self)", "self.__class__.__mro__", "v_self", "runtime", "float(self)"]
)
def test_a_rule_reaches_nothing_of_python(rule: str) -> None:
    with contextlib.suppress(Unsupported):
        assert not keeps_rule(rule, "/etc/passwd")
    assert set(translated("self == 1.5").__globals__["__builtins__"]) == {"float"}  # type: ignore[attr-defined]


def test_a_long_rule_is_read() -> None:
    assert keeps_rule(" || ".join(f"self == {number}" for number in range(500)), 499)
    assert not keeps_rule(" && ".join(f"self != {number}" for number in range(500)), 499)


def schemas_with_rules() -> dict[str, Schema]:
    """Every rule of every release that applies on create, with one schema that it stands in."""
    found: dict[str, Schema] = {}
    for file in sorted((ROOT / "schemas/gateway-api").rglob("*.json")):
        for node in nodes(json.loads(file.read_text(encoding="utf-8"))):
            for rule in node.get("x-kubernetes-validations", ()):
                if not is_transition(rule["rule"]):
                    found.setdefault(rule["rule"], node)
    return found


def nodes(node: Any) -> Iterator[Schema]:
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from nodes(child)
    elif isinstance(node, list):
        for child in node:
            yield from nodes(child)


def a_value(schema: Schema, chance: random.Random, depth: int = 0) -> Any:
    """A value of the schema's type: what rules look at, seldom what a user would write."""
    kind = schema.get("type", "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if "enum" in schema:
        return chance.choice(schema["enum"])
    if kind == "object":
        fields = schema.get("properties", {})
        extra = schema.get("additionalProperties")
        if isinstance(extra, dict):
            return {
                chance.choice(TEXTS): a_value(extra, chance, depth + 1) for _ in range(chance.randint(0, 3))
            }
        likely = chance.choice((0.3, 0.6, 0.9))
        return {
            name: a_value(one, chance, depth + 1) for name, one in fields.items() if chance.random() < likely
        }
    if kind == "array":
        size = chance.choice((0, 1, 1, 2, 2, 3)) if depth < 6 else 0
        items = [a_value(schema["items"], chance, depth + 1) for _ in range(size)]
        return [*items, *items[:1]] if chance.random() < 0.2 else items
    simple = {
        "integer": chance.choice((0, 1, 80, 100, 65535)),
        "boolean": chance.random() < 0.5,
        "number": 1.5,
    }
    return simple[kind] if kind in simple else chance.choice(TEXTS)


RULES = schemas_with_rules()
# Kubernetes' own libraries, which Google's CEL has not
KUBERNETES_ONLY = ("isIP(", "format.")


@pytest.mark.parametrize("rule", [one for one in RULES if not any(word in one for word in KUBERNETES_ONLY)])
def test_googles_cel_says_the_same(rule: str) -> None:
    cel = pytest.importorskip("cel_expr_python.cel", reason="cel-expr-python has no wheel for this Python")
    strings = pytest.importorskip("cel_expr_python.ext.ext_strings")
    environment = cel.NewEnv(variables={"self": cel.Type.DYN}, extensions=[strings.ExtStrings()])
    program = environment.compile(rule)
    chance = random.Random(rule)
    for _ in range(VALUES):
        value = a_value(RULES[rule], chance)
        assert googles(program, value) is keeps_rule(rule, value), value


def googles(program: Any, value: Any) -> bool:
    answer: Any = program.eval(data={"self": escaped(value)}).value()
    return answer is True


def escaped(value: Any) -> Any:
    if isinstance(value, dict):
        made = {key: escaped(child) for key, child in value.items()}
        return made | {f"__{key}__": child for key, child in made.items() if key in KEYWORDS}
    return [escaped(one) for one in value] if isinstance(value, list) else value


def test_the_compiled_rules_are_those_of_today() -> None:
    sys.path.insert(0, str(ROOT / "scripts"))
    import compile_rules

    assert compile_rules.compiled() == compile_rules.PLACE.read_text(), "run python scripts/compile_rules.py"
    assert set(COMPILED) >= set(RULES)


def test_a_rule_that_is_compiled_is_not_translated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubectl_canary.api.cel.translate.expression", lambda rule: pytest.fail(rule))
    for rule in RULES:
        keeps_rule(rule, {})


def test_every_function_of_the_rules_is_in_the_library() -> None:
    for rule in RULES:
        translated(rule)
    assert {"size", "matches", "isIP", "duration"} <= {*functions.METHODS, *functions.GLOBALS}
