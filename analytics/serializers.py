"""The shapes of answers."""

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any

from rest_framework import serializers

from analytics.kpis import COUNTS
from executions.time_ranges import rfc3339


class RequiredFloat(serializers.FloatField):
    """A number that may be unknown, which is null and not zero."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_null": True, **options})


# Of values that come by the hundred and are all there: each is written as its field says, without
# what the framework asks of each field of each value. (A docstring would be in the API's document.)
class PlainSerializer(serializers.Serializer[Any]):
    def to_representation(self, value: Any) -> dict[str, Any]:
        return {
            name: None if (found := get(value)) is None else write(found)
            for name, get, write in _written(type(self))
        }


@cache
def _written(
    kind: type[PlainSerializer],
) -> list[tuple[str, Callable[[Any], Any], Callable[[Any], Any]]]:
    """Name, getter and writer of each field; the framework would copy the fields each time."""
    return [(name, _getter(field), _writer(field)) for name, field in kind().fields.items()]


def _getter(field: Any) -> Callable[[Any], Any]:
    return (lambda value: value) if field.source == "*" else attrgetter(field.source)


def _writer(field: Any) -> Callable[[Any], Any]:
    if isinstance(field, serializers.DateTimeField):
        return rfc3339
    written: Callable[[Any], Any] = field.to_representation
    return written


class FiguresSerializer(serializers.Serializer[Any]):
    total_executions = serializers.IntegerField()
    success_count = serializers.IntegerField()
    failure_count = serializers.IntegerField()
    success_rate = RequiredFloat(help_text="success / (success + error); null where that is 0/0.")
    avg_duration_ms = RequiredFloat()
    p50_duration_ms = RequiredFloat()
    p95_duration_ms = RequiredFloat()
    p99_duration_ms = RequiredFloat()


class SpanSerializer(PlainSerializer):
    """A half-open stretch of time."""

    def get_fields(self) -> dict[str, Any]:
        # "from" is a word of the language.
        return {
            "from": serializers.DateTimeField(source="start"),
            "to": serializers.DateTimeField(source="end"),
            **super().get_fields(),
        }


class PointSerializer(SpanSerializer):
    total_executions = serializers.IntegerField(
        source="figures.total_executions",
        allow_null=True,
        help_text="Counts are null where nobody looked.",
    )
    success_count = serializers.IntegerField(source="figures.success_count", allow_null=True)
    failure_count = serializers.IntegerField(source="figures.failure_count", allow_null=True)
    success_rate = RequiredFloat(source="figures.success_rate")
    avg_duration_ms = RequiredFloat(source="figures.avg_duration_ms")
    p50_duration_ms = RequiredFloat(source="figures.p50_duration_ms")
    p95_duration_ms = RequiredFloat(source="figures.p95_duration_ms")
    p99_duration_ms = RequiredFloat(source="figures.p99_duration_ms")
    coverage = RequiredFloat(help_text="Share of the point's time that was seen, 0 to 1.")

    def to_representation(self, point: Any) -> dict[str, Any]:
        shown = super().to_representation(point)
        return dict(shown | (dict.fromkeys(COUNTS) if point.is_blank else {}))


class DeltaSerializer(PlainSerializer):
    previous = RequiredFloat(help_text="The figure of the period before.")
    change = RequiredFloat(help_text="Relative change; for rates the difference.")
    is_meaningful = serializers.BooleanField()
    reason = serializers.CharField(help_text="Why it is not meaningful.")


class DeltasSerializer(serializers.Serializer[Any]):
    total_executions = DeltaSerializer()
    success_count = DeltaSerializer()
    failure_count = DeltaSerializer()
    success_rate = DeltaSerializer()
    avg_duration_ms = DeltaSerializer()
    p50_duration_ms = DeltaSerializer()
    p95_duration_ms = DeltaSerializer()
    p99_duration_ms = DeltaSerializer()


class GapSerializer(SpanSerializer):
    environment_id = serializers.UUIDField()


class CompletenessSerializer(serializers.Serializer[Any]):
    is_complete = serializers.BooleanField()
    share = RequiredFloat(help_text="Of the time up to as_of, 0 to 1.")
    gaps = GapSerializer(many=True, help_text="Time that nobody looked at, newest first.")


class PeriodSerializer(SpanSerializer):
    time_range = serializers.CharField(source="name", help_text="Empty for a custom range.")
    zone = serializers.SerializerMethodField()
    step_seconds = serializers.SerializerMethodField()

    def get_zone(self, period: Any) -> str:
        return str(period.zone)

    def get_step_seconds(self, period: Any) -> int:
        return int(period.step.total_seconds())


class KpisSerializer(FiguresSerializer):
    """The figures of a period; counts equal the list's under the same filter."""

    total_executions = serializers.IntegerField(source="figures.total_executions")
    success_count = serializers.IntegerField(source="figures.success_count")
    failure_count = serializers.IntegerField(source="figures.failure_count")
    success_rate = RequiredFloat(source="figures.success_rate")
    avg_duration_ms = RequiredFloat(source="figures.avg_duration_ms")
    p50_duration_ms = RequiredFloat(source="figures.p50_duration_ms")
    p95_duration_ms = RequiredFloat(source="figures.p95_duration_ms")
    p99_duration_ms = RequiredFloat(source="figures.p99_duration_ms")
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="By status.")
    sparkline_data = PointSerializer(source="points", many=True)
    delta_vs_previous = DeltasSerializer(source="deltas")
    as_of = serializers.DateTimeField(
        source="completeness.as_of",
        allow_null=True,
        help_text="Up to here all is copied; null where an environment was never copied.",
    )
    coverage = CompletenessSerializer(source="completeness")
    period = PeriodSerializer()
    counted = SpanSerializer(
        source="span", help_text="What was counted: whole hours where executions are deleted."
    )
    compared_with = SpanSerializer(source="previous_span")
    percentiles_are_exact = serializers.BooleanField(
        help_text="Else they are read from histograms, within a per cent."
    )


class CoursePointSerializer(SpanSerializer):
    total_executions = serializers.IntegerField()
    failure_count = serializers.IntegerField()


class WorkflowDeltasSerializer(serializers.Serializer[Any]):
    total_executions = DeltaSerializer()
    failure_count = DeltaSerializer()
    success_rate = DeltaSerializer()
    avg_duration_ms = DeltaSerializer()


class WorkflowRowSerializer(serializers.Serializer[Any]):
    environment_id = serializers.UUIDField()
    environment_name = serializers.CharField()
    workflow_id = serializers.CharField()
    workflow_name = serializers.CharField()
    is_active = serializers.BooleanField(allow_null=True)
    is_gone = serializers.BooleanField()
    tags = serializers.ListField(child=serializers.CharField())
    total_executions = serializers.IntegerField()
    success_count = serializers.IntegerField()
    failure_count = serializers.IntegerField()
    success_rate = RequiredFloat()
    failure_rate = RequiredFloat()
    avg_duration_ms = RequiredFloat()
    p50_duration_ms = RequiredFloat()
    p95_duration_ms = RequiredFloat()
    last_run_at = serializers.DateTimeField(allow_null=True)
    last_failure_at = serializers.DateTimeField(allow_null=True)
    main_error_class = serializers.CharField(help_text="Of its newest failures in the period.")
    criticality = serializers.FloatField(
        help_text="3, 2 or 0.5 by the tag critical, important or unimportant; else 1."
    )
    risk = serializers.FloatField(
        help_text="Lower bound of the failure share x ended runs x criticality."
    )
    sparkline_data = CoursePointSerializer(source="points", many=True)
    delta_vs_previous = WorkflowDeltasSerializer(source="deltas")


class WorkflowTableSerializer(serializers.Serializer[Any]):
    results = WorkflowRowSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(help_text="Rows of all pages.")
    as_of = serializers.DateTimeField(allow_null=True)
    coverage = CompletenessSerializer()
    period = PeriodSerializer()


class StripPartSerializer(SpanSerializer):
    share = RequiredFloat(help_text="Null for time that is still to come.")


class EnvironmentRowSerializer(serializers.Serializer[Any]):
    environment_id = serializers.UUIDField(source="state.environment.pk")
    environment_name = serializers.CharField(source="state.environment.name")
    verdict = serializers.CharField(source="state.health")
    verdict_label = serializers.CharField(source="state.label")
    reason = serializers.CharField(source="state.reason")
    is_paused = serializers.BooleanField(source="state.environment.is_paused")
    latency_ms = serializers.IntegerField(source="state.environment.latency_ms", allow_null=True)
    last_sync_at = serializers.DateTimeField(source="state.as_of", allow_null=True)
    lag_seconds = serializers.IntegerField(allow_null=True)
    uptime = RequiredFloat(help_text="Share of looks that n8n answered, by whole hours.")
    active_workflows = serializers.IntegerField()
    all_workflows = serializers.IntegerField()
    figures = FiguresSerializer()
    coverage = CompletenessSerializer(source="completeness")
    coverage_strip = StripPartSerializer(source="strip", many=True)


class EnvironmentsSerializer(serializers.Serializer[Any]):
    results = EnvironmentRowSerializer(many=True)
    period = PeriodSerializer()


class InsightSerializer(serializers.Serializer[Any]):
    severity = serializers.CharField(help_text="critical, warning or info.")
    kind = serializers.CharField()
    sentence = serializers.CharField()
    link = serializers.CharField(help_text="The page that shows it.")
    environment_id = serializers.UUIDField(allow_null=True)
    workflow_id = serializers.CharField()


class StatusSerializer(serializers.Serializer[Any]):
    verdict = serializers.CharField(help_text="healthy, attention, critical or empty.")
    sentence = serializers.CharField()
    insights = InsightSerializer(many=True, help_text="The most needed first.")
    as_of = serializers.DateTimeField(allow_null=True)


class OverviewSerializer(serializers.Serializer[Any]):
    kpis = KpisSerializer()
    workflows = WorkflowTableSerializer()
    environments = EnvironmentsSerializer()
    status = StatusSerializer()


class StuckRunSerializer(serializers.Serializer[Any]):
    execution_id = serializers.UUIDField(source="execution.pk")
    environment_id = serializers.UUIDField(source="execution.environment_id")
    workflow_id = serializers.CharField(source="execution.workflow_id")
    workflow_name = serializers.CharField(source="execution.workflow_name")
    n8n_execution_id = serializers.CharField(source="execution.n8n_execution_id")
    status = serializers.CharField(source="execution.normalized_status")
    kind = serializers.CharField(help_text="too_long, not_started or overdue.")
    since = serializers.DateTimeField()
    sentence = serializers.CharField()


class StuckSerializer(serializers.Serializer[Any]):
    results = StuckRunSerializer(many=True)


class SeriesRowSerializer(PlainSerializer):
    """A flat row, as tools for charts read them."""

    time = serializers.DateTimeField(help_text="Where the point begins.")
    environment_id = serializers.UUIDField(
        source="part.environment_id", allow_null=True, help_text="Null unless split."
    )
    environment = serializers.CharField(
        source="part.environment", help_text="Its name; empty unless split."
    )
    workflow_id = serializers.CharField(source="part.workflow_id")
    workflow = serializers.CharField(
        source="part.workflow", help_text="Its name; “others” is what is not named apart."
    )
    total_executions = serializers.IntegerField(
        source="figures.total_executions",
        allow_null=True,
        help_text="Counts are null where nobody looked.",
    )
    success_count = serializers.IntegerField(source="figures.success_count", allow_null=True)
    failure_count = serializers.IntegerField(source="figures.failure_count", allow_null=True)
    success_rate = RequiredFloat(source="figures.success_rate")
    avg_duration_ms = RequiredFloat(source="figures.avg_duration_ms")
    p50_duration_ms = RequiredFloat(
        source="figures.p50_duration_ms", help_text="Percentiles are null where it is split."
    )
    p95_duration_ms = RequiredFloat(source="figures.p95_duration_ms")
    p99_duration_ms = RequiredFloat(source="figures.p99_duration_ms")
    coverage = RequiredFloat(help_text="Share of the point's time that was seen, 0 to 1.")

    def to_representation(self, row: Any) -> dict[str, Any]:
        shown = super().to_representation(row)
        return dict(shown | (dict.fromkeys(COUNTS) if row.is_blank else {}))


class ExecutionAnalyticsSerializer(serializers.Serializer[Any]):
    tenant_id = serializers.UUIDField()
    environment_id = serializers.UUIDField()
    workflow_id = serializers.CharField()
    workflow_name = serializers.CharField()
    total_count = serializers.IntegerField()
    success_count = serializers.IntegerField()
    failure_count = serializers.IntegerField()
    avg_duration = RequiredFloat(help_text="Milliseconds.")
    p50_duration = RequiredFloat()
    p95_duration = RequiredFloat()
    last_execution_at = serializers.DateTimeField(allow_null=True)
    last_failure_at = serializers.DateTimeField(allow_null=True)
    last_error_message = serializers.CharField()


class ExecutionAnalyticsPageSerializer(serializers.Serializer[Any]):
    results = ExecutionAnalyticsSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(help_text="Rows of all pages.")
    period = PeriodSerializer(allow_null=True, help_text="Null where all of time was asked for.")
