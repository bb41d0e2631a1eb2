import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.risk import criticality_of, risk, wilson_lower_bound


def test_one_failure_of_one_run_does_not_lead():
    alone = risk(failures=1, ended=1, criticality=1)
    steady = risk(failures=20, ended=100, criticality=1)

    assert alone < steady


@given(runs=st.integers(0, 10_000), failures=st.integers(0, 10_000))
def test_the_bound_lies_below_the_share(runs, failures):
    failures = min(failures, runs)

    bound = wilson_lower_bound(failures, runs)

    assert 0 <= bound <= (failures / runs if runs else 0) + 1e-12


@pytest.mark.parametrize(
    ("tags", "weight"),
    [
        ((), 1.0),
        (("billing",), 1.0),
        (("Critical", "unimportant"), 3.0),
        (("important",), 2.0),
        (("unimportant",), 0.5),
    ],
    ids=str,
)
def test_the_most_telling_tag_gives_the_weight(tags, weight):
    assert criticality_of(tags) == weight
