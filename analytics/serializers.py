"""The shapes of answers."""

from typing import Any

from rest_framework import serializers


class RequiredFloat(serializers.FloatField):
    """A number that may be unknown, which is null and not zero."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_null": True, **options})


class FiguresSerializer(serializers.Serializer[Any]):
    total_executions = serializers.IntegerField()
    success_count = serializers.IntegerField()
    failure_count = serializers.IntegerField()
    success_rate = RequiredFloat(help_text="success / (success + error); null where that is 0/0.")
    avg_duration_ms = RequiredFloat()
    p50_duration_ms = RequiredFloat()
    p95_duration_ms = RequiredFloat()
    p99_duration_ms = RequiredFloat()


class SpanSerializer(serializers.Serializer[Any]):
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
        if point.is_blank:
            shown |= dict.fromkeys(("total_executions", "success_count", "failure_count"))
        return dict(shown)


class DeltaSerializer(serializers.Serializer[Any]):
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
