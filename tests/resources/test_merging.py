"""Three-way merge: nobody's change is lost in silence, whatever was changed."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from holdfast.control.resources.merging import Clash, Difference, differences, merge

_NAMES = st.sampled_from(["a", "b", "c"])
_LEAVES = st.one_of(st.integers(0, 3), st.lists(st.integers(0, 2), max_size=2))
SPECS: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    _NAMES, st.recursive(_LEAVES, lambda inner: st.dictionaries(_NAMES, inner, max_size=3), max_leaves=6), max_size=3
)


@given(SPECS, SPECS)
def test_what_only_one_side_changed_is_changed(base: dict[str, Any], changed: dict[str, Any]) -> None:
    assert merge(base, base, changed).value == changed, "the files"
    kept = merge(base, changed, base)
    assert kept.value == changed and not kept.clashes, "somebody else"
    assert bool(kept.drift) == (changed != base)


@given(SPECS, SPECS)
def test_what_both_changed_alike_is_no_clash(base: dict[str, Any], changed: dict[str, Any]) -> None:
    both = merge(base, changed, changed)
    assert (both.value, both.drift, both.clashes) == (changed, [], [])


@given(SPECS, SPECS, SPECS)
def test_force_makes_it_what_the_files_say_and_no_base_too(
    base: dict[str, Any], live: dict[str, Any], wanted: dict[str, Any]
) -> None:
    forced = merge(base, live, wanted, force=True)
    assert forced.value == wanted and not forced.clashes
    assert merge(None, live, wanted).value == wanted


@given(SPECS, SPECS, SPECS)
def test_every_change_of_either_side_is_there_or_told(
    base: dict[str, Any], live: dict[str, Any], wanted: dict[str, Any]
) -> None:
    found = merge(base, live, wanted)
    told = {c.path for c in found.clashes} | {d.path for d in found.drift}
    for lost in differences(live, found.value):
        ours = differences(base, wanted)
        assert any(_about(lost.path, path) for path in (*told, *(d.path for d in ours))), (lost, found)


def _about(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.") or "" in (one, other)


def test_items_with_names_are_merged_one_by_one() -> None:
    def rules(**then: str) -> dict[str, Any]:
        return {"rules": [{"name": name, "then": verdict} for name, verdict in then.items()]}

    found = merge(rules(a="deny", b="deny"), rules(a="ask", b="deny"), rules(a="deny", b="allow", c="deny"))
    assert found.value == rules(a="ask", b="allow", c="deny")
    assert found.drift == [Difference("rules.a.then", "deny", "ask")] and found.clashes == []
    both = merge(rules(a="deny"), rules(a="ask"), rules(a="allow"))
    assert both.clashes == [Clash("rules.a.then", "deny", "ask", "allow")]


def test_what_is_gone_here_and_changed_there_is_a_clash() -> None:
    found = merge({"a": {"b": 1}}, {}, {"a": {"b": 2}})
    assert found.clashes == [Clash("a", {"b": 1}, None, {"b": 2})]
    assert merge({"a": 1}, {"a": 1}, {}).value == {}
    assert merge({"a": 1}, {}, {"a": 1}).value == {}


def test_differences_are_told_where_they_are() -> None:
    assert differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}, "d": 4}) == [
        Difference("a.c", 2, 3), Difference("d", None, 4)
    ]  # fmt: skip
    assert differences({"l": [{"name": "x"}, {"name": "y"}]}, {"l": [{"name": "y"}, {"name": "x"}]}) != []
