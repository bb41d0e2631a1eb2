from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from executions.models import Environment, Execution, SyncRun, SyncState
from executions.progress import Progress, progress_of
from executions.push import tokens
from executions.push.models import PushToken, RunSpan
from executions.states import next_step, verdict


class PushStateSerializer(serializers.Serializer[PushToken]):
    """Whether this n8n may push, and what came."""

    token_last_four = serializers.CharField(source="last_four")
    issued_at = serializers.DateTimeField()
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    traces_at = serializers.DateTimeField(allow_null=True)
    errors_at = serializers.DateTimeField(allow_null=True)
    runs_today = serializers.SerializerMethodField()

    def get_runs_today(self, token: PushToken) -> int:
        return tokens.runs_today(token)


class NewPushTokenSerializer(serializers.Serializer[Any]):
    """A push token, shown only now, and what is set in n8n to use it."""

    token = serializers.CharField(source="secret")
    settings = serializers.DictField(
        child=serializers.CharField(), help_text="n8n's environment variables."
    )
    errors_url = serializers.CharField(help_text="Where an Error Trigger workflow posts to.")


class NodeSerializer(serializers.ModelSerializer[RunSpan]):
    class Meta:
        model = RunSpan
        fields = (
            "node",
            "node_type",
            "started_at",
            "duration_ms",
            "items_in",
            "items_out",
            "failed",
        )
        read_only_fields = fields


class NodesSerializer(serializers.Serializer[Any]):
    """All of them: of one execution so few are kept that they need no pages."""

    results = NodeSerializer(many=True)


class EnvironmentSerializer(serializers.ModelSerializer[Environment]):
    """An environment with its verdict: what the last contact showed, behind or quarantined."""

    as_of = serializers.SerializerMethodField()
    next_step = serializers.SerializerMethodField()
    push = serializers.SerializerMethodField()

    class Meta:
        model = Environment
        fields = (
            "id",
            "tenant_id",
            "name",
            "base_url",
            "api_key_last_four",
            "is_paused",
            "health",
            "health_reason",
            "health_since",
            "next_step",
            "as_of",
            "contacted_at",
            "latency_ms",
            "clock_skew_ms",
            "created_at",
            "push",
        )
        read_only_fields = fields

    @extend_schema_field(PushStateSerializer(allow_null=True))
    def get_push(self, environment: Environment) -> dict[str, Any] | None:
        token = self.context["tokens"].get(environment.pk)
        return None if token is None else dict(PushStateSerializer(token).data)

    def to_representation(self, environment: Environment) -> dict[str, Any]:
        body: dict[str, Any] = super().to_representation(environment)
        sync = self._sync_of(environment)
        body["health"], body["health_reason"] = verdict(environment, sync, timezone.now())
        return body

    def get_as_of(self, environment: Environment) -> datetime | None:
        sync = self._sync_of(environment)
        return sync.synced_at if sync else None

    def get_next_step(self, environment: Environment) -> str:
        return next_step(environment, self._sync_of(environment), timezone.now())

    def _sync_of(self, environment: Environment) -> SyncState | None:
        found: SyncState | None = self.context["syncs"].get(environment.pk)
        return found


class ConnectionSerializer(serializers.Serializer[Any]):
    """An address and a key to be tried."""

    base_url = serializers.CharField(max_length=500, help_text="Address of n8n's start page.")
    api_key = serializers.CharField(
        max_length=4000, write_only=True, trim_whitespace=True, help_text="A key of n8n's API."
    )


class NewEnvironmentSerializer(ConnectionSerializer):
    name = serializers.CharField(max_length=100)


class EnvironmentChangeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100, required=False)
    base_url = serializers.CharField(max_length=500, required=False)
    api_key = serializers.CharField(max_length=4000, required=False, write_only=True)
    is_paused = serializers.BooleanField(required=False)


class ConnectionReportSerializer(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    reason = serializers.CharField(allow_blank=True)
    sentence = serializers.CharField()
    missing_scopes = serializers.ListField(child=serializers.CharField())
    latency_ms = serializers.IntegerField(allow_null=True)
    clock_skew_ms = serializers.IntegerField(allow_null=True)


class ProgressSerializer(serializers.Serializer[Progress]):
    current = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True)
    percentage = serializers.FloatField(allow_null=True)
    rows_per_second = serializers.FloatField(allow_null=True)
    seconds_left = serializers.IntegerField(allow_null=True)


class StretchSerializer(serializers.Serializer[Any]):
    from_at = serializers.DateTimeField()
    to_at = serializers.DateTimeField()


class CoverageSerializer(serializers.Serializer[Any]):
    """Which time of the environment has been listed whole, and what numbers cannot say."""

    as_of = serializers.DateTimeField(allow_null=True)
    lag_seconds = serializers.SerializerMethodField()
    seen = StretchSerializer(many=True)
    gaps = StretchSerializer(many=True)
    saves_successes = serializers.BooleanField(allow_null=True)
    pruned_after_hours = serializers.SerializerMethodField()
    sentences = serializers.ListField(child=serializers.CharField())

    def get_lag_seconds(self, report: Any) -> float | None:
        return None if report.lag is None else round(report.lag.total_seconds(), 1)

    def get_pruned_after_hours(self, report: Any) -> float:
        hours: float = round(report.pruned_after.total_seconds() / 3600, 1)
        return hours


class SyncRunSerializer(serializers.ModelSerializer[SyncRun]):
    progress = serializers.SerializerMethodField()

    class Meta:
        model = SyncRun
        fields = (
            "id",
            "tenant_id",
            "environment_id",
            "kind",
            "state",
            "requested_by",
            "pages",
            "rows_seen",
            "rows_new",
            "rows_changed",
            "rows_refused",
            "oldest_at",
            "message",
            "created_at",
            "started_at",
            "finished_at",
            "progress",
        )
        read_only_fields = fields

    def get_progress(self, run: SyncRun) -> dict[str, Any]:
        return dict(ProgressSerializer(progress_of(run)).data)


class ExecutionSerializer(serializers.ModelSerializer[Execution]):
    class Meta:
        model = Execution
        fields = (
            "id",
            "tenant_id",
            "environment_id",
            "provider",
            "workflow_id",
            "workflow_name",
            "n8n_execution_id",
            "epoch",
            "status",
            "normalized_status",
            "mode",
            "started_at",
            "finished_at",
            "execution_time",
            "error_message",
            "error_node",
            "error_class",
            "error_code",
            "fingerprint",
            "wait_till",
            "retry_of",
            "retry_success_id",
            "workflow_version_id",
            "gone_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields
