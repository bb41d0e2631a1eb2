from datetime import UTC, datetime, timedelta

import pytest

from executions.time_ranges import (
    OF_LISTS,
    OF_NUMBERS,
    WrittenRange,
    rfc3339,
    steps_from,
    written_range,
)

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("query", "of_numbers", "of_lists"),
    [
        pytest.param({}, {}, {}, id="nothing"),
        pytest.param(
            {"time_range": "7d"}, {"time_range": "7d"}, {"started_after": "now-7d"}, id="quick"
        ),
        pytest.param(
            {"started_after": "now-7d"},
            {"time_range": "7d"},
            {"started_after": "now-7d"},
            id="quick from a list",
        ),
        pytest.param(
            {"from": "now-36h"}, {"from": "now-36h"}, {"started_after": "now-36h"}, id="relative"
        ),
        pytest.param(
            {"from": "now-7d", "to": "now-1d"},
            {"from": "now-7d", "to": "now-1d"},
            {"started_after": "now-7d", "started_before": "now-1d"},
            id="ends before now",
        ),
        pytest.param(
            {"started_before": "2026-03-01"},
            {"to": "2026-03-01"},
            {"started_before": "2026-03-01"},
            id="no begin",
        ),
        pytest.param({"from": "24h"}, {"from": "24h"}, {"started_after": "24h"}, id="nonsense"),
    ],
)
def test_a_time_says_the_same_on_every_kind_of_page(
    query: dict[str, str], of_numbers: dict[str, str], of_lists: dict[str, str]
) -> None:
    written = written_range(query)

    assert written.parameters(OF_NUMBERS) == of_numbers
    assert written.parameters(OF_LISTS) == of_lists


def test_one_goes_back_by_the_length_and_never_into_the_future() -> None:
    steps = steps_from(NOW - 4 * HOUR, NOW - HOUR, NOW)

    assert (steps.earlier.start, steps.earlier.end) == (NOW - 7 * HOUR, NOW - 4 * HOUR)
    assert steps.later is not None
    assert (steps.later.start, steps.later.end) == (NOW - 3 * HOUR, NOW)
    assert (steps.wider.start, steps.wider.end) == (NOW - 6 * HOUR, NOW)


def test_a_time_up_to_now_has_none_after_it() -> None:
    assert steps_from(NOW - HOUR, NOW, NOW).later is None


def test_a_moment_is_written_as_it_is_read() -> None:
    assert rfc3339(NOW) == "2026-03-02T12:00:00Z"
    assert WrittenRange("now-24h").quick == "24h"
    assert WrittenRange("24h").quick == ""
