"""A dataclass that is made late is what the standard library would have made at once."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import importlib
import operator
import pkgutil
import sys
import threading
from collections.abc import Iterator
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

import pytest

import kubectl_canary
from kubectl_canary import records


@pytest.fixture(autouse=True, params=[1000, 0], ids=["first", "compiled"])
def many(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first instances of a class are made in another way than those after many."""
    monkeypatch.setattr(records, "MANY", request.param)


def both(**how: bool) -> list[Any]:
    """A base and one derived from it, made late and made at once."""

    def made(library: Any) -> Any:
        @library.dataclass(**how)
        class Base:
            kind: ClassVar[str] = "base"
            first: int
            second: tuple[int, ...] = ()
            third: dict[str, int] = library.field(default_factory=dict)

            @cached_property
            def after(self) -> int:
                return self.first + 1

            @classmethod
            def of(cls, first: int) -> Any:
                return cls(first)

        @library.dataclass(**how)
        class Derived(Base):
            kind: ClassVar[str] = "derived"
            fourth: str = "4"

            def __post_init__(self) -> None:
                self.__dict__["made"] = True

        class Undecorated(Derived):
            pass

        return Base, Derived, Undecorated

    return [made(records), made(dataclasses)]


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(
    "how", [{"frozen": True}, {"frozen": True, "order": True}, {}, {"frozen": True, "eq": False}]
)
def test_what_is_made_late_is_what_would_have_been_made(how: dict[str, bool], place: int) -> None:
    late, at_once = (classes[place] for classes in both(**how))
    one, other = late.of(1), at_once.of(1)
    assert repr(one) == repr(other).replace("at_once", "late")
    assert records.asdict(one) == dataclasses.asdict(other)
    assert [known.name for known in late.__fields__] == [known.name for known in dataclasses.fields(at_once)]
    assert (late.__match_args__, vars(one)) == (at_once.__match_args__, vars(other))
    assert (one == late(1), one == late(2), one == other) == (other == at_once(1), other == at_once(2), False)
    assert (one.after, copy.deepcopy(one).after, records.replace(one, first=3).after) == (2, 2, 4)
    assert vars(records.replace(one, second=(3,))) == vars(dataclasses.replace(other, second=(3,)))
    assert hasattr(late, "third") == hasattr(at_once, "third")
    assert (late.__hash__ is None) == (at_once.__hash__ is None)
    if how.get("order"):
        for compare in (operator.lt, operator.le, operator.gt, operator.ge):
            for first, second in ((1, 2), (2, 1), (1, 1)):
                assert compare(late(first), late(second)) == compare(at_once(first), at_once(second))
    for name in ("first", "another"):
        assert refuses(one, name) == refuses(other, name)


def refuses(value: Any, name: str) -> list[str]:
    """What is raised where an attribute is set, and where it is deleted."""
    raised = []
    for change in (lambda: setattr(value, name, 2), lambda: delattr(value, name)):
        try:
            change()
        except Exception as error:
            raised.append(f"{isinstance(error, AttributeError)} {error}")
    return raised


def test_one_that_is_derived_may_begin_otherwise() -> None:
    @records.dataclass(frozen=True)
    class Base:
        first: int

    class Derived(Base):
        def __init__(self, text: str) -> None:
            super().__init__(int(text) + 1)

    assert Derived("3").first == 4
    assert Base(4).first == 4


@pytest.mark.parametrize(
    "how",
    [{"frozen": True}, {"frozen": True, "order": True}, {}, {"eq": False}, {"frozen": True, "eq": False}],
)
def test_methods_of_its_own_stay(how: dict[str, bool]) -> None:
    def made(library: Any) -> tuple[Any, Any]:
        @library.dataclass(**how)
        class Equal:
            first: int
            second: int = library.field(default=2, compare=False, repr=False)

            def __eq__(self, other: object) -> bool:
                return True

        @library.dataclass(**how)
        class Shown:
            first: int

            def __repr__(self) -> str:
                return "shown"

            def __hash__(self) -> int:
                return self.first

        return Equal, Shown

    (late_equal, late_shown), (equal, shown) = made(records), made(dataclasses)
    for late, at_once in ((late_equal, equal), (late_shown, shown)):
        assert repr(late(1)).split(".")[-1] == repr(at_once(1)).split(".")[-1]
        assert (late(1) == late(2)) == (at_once(1) == at_once(2))
        assert hash_of(late(1)) == hash_of(at_once(1)) or how.get("eq") is False


def hash_of(value: Any) -> int | None:
    try:
        return hash(value)
    except TypeError:
        return None


@records.dataclass(frozen=True)
class Point:
    across: float
    up: float = records.field(default=0.0, compare=False)


@records.dataclass(frozen=True, order=True)
class Empty:
    pass


def test_what_is_not_compared_makes_no_difference() -> None:
    assert Point(1, 2) == Point(1, 3)
    assert hash(Point(1, 2)) == hash(Point(1, 3))
    assert Point(1) != Point(2)
    assert Point(1) != (1,)
    assert Empty() == Empty()
    assert not Empty() < Empty()
    with pytest.raises(TypeError):
        assert Empty() < Point(1)  # type: ignore[operator]


@records.dataclass
class Knot:
    itself: Any = None


def test_one_that_holds_itself_is_shown() -> None:
    knot = Knot()
    knot.itself = knot
    assert repr(knot) == "Knot(itself=...)"


@pytest.mark.parametrize("how", [{"frozen": True}, {}])
def test_each_instance_has_a_default_of_its_own(how: dict[str, bool]) -> None:
    late, _ = both(**how)
    one, other = late[0](1), late[0](1)
    one.third["a"] = 1
    assert {} == other.third
    given: dict[str, int] = {}
    assert late[0](1, third=given).third is given


@records.dataclass(frozen=True)
class Line:
    begin: Point
    end: Point | None = None


def test_values_by_name_are_those_of_what_is_in_it_too() -> None:
    assert records.asdict(Line(Point(1))) == {"begin": {"across": 1, "up": 0.0}, "end": None}


def test_a_default_that_may_change_is_refused() -> None:
    @records.dataclass
    class Odd:
        first: list[int] = []  # noqa: RUF012  that is the point

    with pytest.raises(TypeError, match="default_factory"):
        Odd()


def test_one_does_not_begin_in_two_ways() -> None:
    with pytest.raises(TypeError, match="of its own"):

        @records.dataclass
        class Odd:
            def __init__(self) -> None:
                pass


@records.dataclass(frozen=True)
class Names:
    put: int
    known: list[int] = records.field(default_factory=list)
    make_known: int = 1
    default_make_known: int = 2


def test_a_field_may_be_called_as_it_likes() -> None:
    assert Names(1) == Names(1, [], 1, 2)


def test_every_class_of_the_package_can_be_made() -> None:
    for module in pkgutil.walk_packages(kubectl_canary.__path__, "kubectl_canary."):
        if not module.name.endswith("__main__"):
            for known in vars(importlib.import_module(module.name)).values():
                if isinstance(known, type) and isinstance(vars(known).get("__init__"), records._Pending):
                    with contextlib.suppress(TypeError):
                        known()
                    assert isinstance(known.__fields__, tuple)  # type: ignore[attr-defined]


Type = TypeVar("Type")


@records.dataclass(frozen=True)
class Pair(Generic[Type]):
    first: Type


def test_a_generic_one_may_be_named_with_its_type() -> None:
    assert Pair[int](1) == Pair(1)


def test_what_is_missing_is_said_at_the_first_call() -> None:
    late, _ = both(frozen=True)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'first'"):
        late[1]()


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads change places all the time."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("hasty")
def test_a_class_is_made_once_however_many_begin_with_it() -> None:
    for _ in range(50):
        (_, late, _), _ = both(frozen=True)
        begin = threading.Barrier(4)
        made: list[Any] = []

        def make(late: Any = late, begin: threading.Barrier = begin, made: list[Any] = made) -> None:
            begin.wait()
            made.append(late(1, fourth="x"))

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(made) == 4
        assert all(known == made[0] and hash(known.second) == hash(()) for known in made)


@records.dataclass
class Untouched:
    value: int


def test_nothing_is_made_of_a_class_without_an_instance() -> None:
    assert not hasattr(Untouched, "__fields__")


def test_the_compiled_way_begins_where_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MANY", 3)

    @records.dataclass(frozen=True)
    class Pair:
        first: int
        second: int = 2

    ways = []
    for number in range(6):
        known = Pair(number)
        assert (number, 2) == (known.first, known.second)
        ways.append(Pair.__init__.__code__.co_filename == "<string>")
    assert [False, False, True, True, True, True] == ways
    assert Pair(1) == Pair(1, 2) == Pair(second=2, first=1)


@pytest.mark.parametrize(
    ("values", "named"),
    [((), {}), ((1, 2, 3), {}), ((1,), {"first": 1}), ((1,), {"third": 1}), ((), {"second": 1})],
)
def test_what_no_instance_is_made_of_is_refused_in_the_words_of_python(
    values: tuple[int, ...], named: dict[str, int]
) -> None:
    def made(library: Any) -> Any:
        @library.dataclass(frozen=True)
        class Pair:
            first: int
            second: int = 2

        return Pair

    said = []
    for library in (records, dataclasses):
        with pytest.raises(TypeError) as error:
            made(library)(*values, **named)
        said.append(str(error.value))
    assert said[0] == said[1]
