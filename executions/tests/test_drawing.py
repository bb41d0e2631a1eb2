"""What charts and components say, before any browser shows them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from executions.charts import Bar, RunsChart, round_up, spark_lines
from executions.templatetags.drawing import chart_json, delta, sparkline
from executions.templatetags.observing import percent, words

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Change:
    change: float | None
    previous: float | None = 1.0
    is_meaningful: bool = True
    reason: str = ""


def chart_of(*counts: dict[str, int] | None) -> RunsChart:
    hour = timedelta(hours=1)
    return RunsChart(
        tuple(Bar(BEGIN + n * hour, BEGIN + (n + 1) * hour, one) for n, one in enumerate(counts))
    )


def test_the_bars_of_a_chart_are_as_high_as_their_counts() -> None:
    chart = chart_of({"success": 6, "error": 2}, {"success": 10}, {})

    heights = [(part.status, part.height) for part in chart.parts()]

    assert chart.top == 10
    assert heights == [("error", 20.0), ("success", 60.0), ("success", 100.0)]
    assert [(one.label, one.total) for one in chart.series] == [("Success", 16), ("Error", 2)]


def test_time_that_nobody_looked_at_is_no_zero() -> None:
    chart = chart_of({"success": 1}, None)

    assert [part.status for part in chart.parts()] == ["success", "none"]
    assert chart.data()["series"] == [
        {"key": "error", "name": "Error", "values": [0, None]},
        {"key": "success", "name": "Success", "values": [1, None]},
    ]


def test_a_chart_of_one_kind_is_named_by_what_it_counts() -> None:
    bar = Bar(BEGIN, BEGIN + timedelta(hours=1), {"error": 3})

    chart = RunsChart((bar,), always=("error",), noun="failure")

    assert [(one.status, one.label, one.total) for one in chart.series] == [
        ("error", "Failures", 3)
    ]
    assert (chart.top, chart.middle) == (3, None)


def test_a_chart_without_runs_can_be_drawn() -> None:
    assert list(chart_of({}, {}).parts()) == []
    assert list(RunsChart(()).parts()) == []


@pytest.mark.parametrize(
    ("number", "rounded"), [(0, 1), (1, 1), (7, 8), (13, 15), (41, 50), (101, 150), (9_999, 10_000)]
)
def test_the_top_of_an_axis_reads_well(number: int, rounded: int) -> None:
    assert round_up(number) == rounded


def test_a_sparkline_is_broken_where_nothing_is_known() -> None:
    assert spark_lines([1, 2, None, 4], height=20) == [[(0.5, 15.0), (1.5, 10.0)], [(3.5, 0.0)]]
    assert sparkline([None, None], "Runs") == ""
    assert sparkline([1, None, 2], "Runs").count("<polyline") == 2


def test_no_text_leaves_its_place() -> None:
    assert "<script>" not in sparkline([1], "<script>", ["</title><script>"])
    assert "</script>" not in chart_json(chart_of({"</script>": 1}))


@pytest.mark.parametrize(
    ("change", "better", "tone", "text"),
    [
        pytest.param(0.124, "", 'class="delta "', "12.4 %", id="neutral"),
        pytest.param(-0.3, "down", 'class="delta good"', "30 %", id="fewer failures"),
        pytest.param(0.5, "down", 'class="delta bad"', "50 %", id="more failures"),
        pytest.param(0.02, "down", 'class="delta "', "2 %", id="no news"),
        pytest.param(0.0, "up", 'class="delta"', "±0", id="the same"),
    ],
)
def test_a_change_is_coloured_by_what_it_means(
    change: float, better: str, tone: str, text: str
) -> None:
    drawn = delta(Change(change), better)

    assert tone in drawn
    assert text in drawn


def test_a_change_that_says_nothing_gives_the_reason() -> None:
    change = Change(0.9, is_meaningful=False, reason="Fewer than 20 runs to compare.")

    assert delta(change) == '<span class="delta" title="Fewer than 20 runs to compare.">–</span>'


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, "–"), (0, "0%"), (0.0001, "0.1%"), (0.984, "98.4%"), (0.99999, "99.9%"), (1.0, "100%")],
)
def test_almost_all_is_not_all(share: float | None, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("name", "spoken"),
    [("rate_limit", "Rate limit"), ("api_key", "API key"), ("base_url", "Base URL"), ("", "")],
)
def test_a_name_of_the_code_is_written_as_people_write_it(name: str, spoken: str) -> None:
    assert words(name) == spoken
