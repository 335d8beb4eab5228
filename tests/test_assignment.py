"""Cases shared out: the same for the same arguments, as even as possible, stable, within areas."""

from __future__ import annotations

from collections import Counter
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from tracer_etl.fieldwork.assignment import Person, assign

AREAS = "abcd"
keys = st.text(alphabet="ABC123", min_size=1, max_size=6)
cases = st.dictionaries(keys, st.sampled_from(AREAS), max_size=40)
areas = st.none() | st.frozensets(st.sampled_from(AREAS))
people = st.lists(
    st.tuples(st.sampled_from(["P1", "P2", "P3", "P4", "P5"]), areas), unique_by=lambda p: p[0]
).map(lambda pairs: [Person(*pair) for pair in pairs])


def loads(given_out: dict[str, str], crew: list[Person]) -> list[int]:
    counts = Counter(given_out.values())
    return sorted(counts[person.code] for person in crew)


@given(cases, people, st.randoms())
def test_the_order_of_cases_and_people_does_not_matter(listed, crew, chance):
    shuffled, others = list(listed.items()), list(crew)
    chance.shuffle(shuffled)
    chance.shuffle(others)
    assert assign(dict(shuffled), others) == assign(listed, crew)


@given(cases, people)
def test_everyone_gets_cases_of_their_areas_only_and_no_case_is_left_that_somebody_covers(listed, crew):
    covering = {person.code: person for person in crew}
    for key, code in assign(listed, crew).items():
        able = [person for person in crew if person.covers(listed[key])]
        assert (covering[code] in able) if code else not able


@given(st.dictionaries(keys, st.just("a"), max_size=60), st.integers(1, 7))
def test_without_areas_sizes_differ_by_one_at_most(listed, number):
    crew = [Person(f"P{n}") for n in range(number)]
    sizes = loads(assign(listed, crew), crew)
    assert max(sizes) - min(sizes) <= 1


@settings(max_examples=60)
@given(
    st.dictionaries(keys, st.sampled_from("abc"), max_size=6), people.filter(lambda crew: 0 < len(crew) <= 3)
)
def test_no_other_sharing_is_more_even(listed, crew):
    able = [[person.code for person in crew if person.covers(area)] or [""] for area in listed.values()]
    best = min(
        sum(size**2 for size in loads(dict(zip(listed, choice, strict=True)), crew))
        for choice in product(*able)
    )
    assert sum(size**2 for size in loads(assign(listed, crew), crew)) == best


@given(cases, cases, people)
def test_a_case_stays_with_its_person_when_others_come_and_go(first, more, crew):
    before = assign(first, crew)
    after = assign({**more, **first}, crew, before)
    assert {key: after[key] for key in first} == before
    fewer = dict(list(first.items())[::2])
    assert assign(fewer, crew, before) == {key: before[key] for key in fewer}


@given(cases, people.filter(bool))
def test_only_the_cases_of_somebody_who_left_or_of_an_area_taken_away_move(listed, crew):
    before = assign(listed, crew)
    gone, *rest = crew
    after = assign(listed, rest, before)
    assert all(after[key] == code for key, code in before.items() if code != gone.code)
    assert gone.code not in after.values()


@given(cases, people, st.dictionaries(keys, st.sampled_from(["P1", "P9", ""])))
def test_what_is_kept_binds_only_where_it_is_allowed(listed, crew, kept):
    covering = {person.code: person for person in crew}
    given_out = assign(listed, crew, kept)
    for key, code in kept.items():
        if key in listed and code in covering and covering[code].covers(listed[key]):
            assert given_out[key] == code


def test_new_cases_go_to_those_who_have_least():
    crew = [Person("P1"), Person("P2")]
    kept = {f"old{n}": "P1" for n in range(3)}
    given_out = assign(dict.fromkeys([*kept, "new1", "new2", "new3"], ""), crew, kept)
    assert Counter(given_out.values()) == {"P1": 3, "P2": 3}


def test_a_chain_of_handovers_evens_out_what_areas_tie_down():
    """P1 takes no b and P3 no a, so P2 must end up with one a and two b."""
    crew = [Person("P1", frozenset("a")), Person("P2", frozenset("ab")), Person("P3", frozenset("bc"))]
    listed = {**{f"a{n}": "a" for n in range(4)}, **{f"b{n}": "b" for n in range(4)}, "c0": "c"}
    assert loads(assign(listed, crew), crew) == [3, 3, 3]
