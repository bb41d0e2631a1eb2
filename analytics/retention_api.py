"""REST: what a tenant keeps for how long, what would be deleted, and what was."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError as ModelValidationError
from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import pruning, tasks
from executions import retention
from executions.models import RetentionRun
from executions.retention_models import LONGEST_DAYS
from executions.retention_policy import RetentionPolicy, Rule
from executions.statuses import NormalizedStatus
from tenants.api import TenantViewSet, refuse_unknown
from tenants.models import Role

MOST_RULES = 200


class RuleSerializer(serializers.Serializer[Any]):
    environment_id = serializers.UUIDField(
        allow_null=True, default=None, help_text="null: all environments."
    )
    status = serializers.ChoiceField(
        NormalizedStatus.choices(), allow_blank=True, default="", help_text="Empty: any status."
    )
    days = serializers.IntegerField(min_value=1, max_value=LONGEST_DAYS)


class PolicySerializer(serializers.Serializer[Any]):
    """The most particular rule decides: environment and status, environment, status, days."""

    days = serializers.IntegerField(min_value=1, max_value=LONGEST_DAYS)
    min_kept = serializers.IntegerField(
        min_value=0, max_value=1_000_000, help_text="So many of the newest stay, however old."
    )
    rules = serializers.ListField(child=RuleSerializer(), max_length=MOST_RULES)

    def policy(self, base: RetentionPolicy) -> RetentionPolicy:
        """The base with what was sent."""
        sent = self.validated_data
        rules = [Rule(**rule) for rule in sent["rules"]] if "rules" in sent else base.rules
        return RetentionPolicy(
            days=sent.get("days", base.days),
            min_kept=sent.get("min_kept", base.min_kept),
            rules=tuple(rules),
        )


class ShareSerializer(serializers.Serializer[Any]):
    environment_id = serializers.UUIDField()
    environment = serializers.CharField()
    rows = serializers.IntegerField()
    before = serializers.DateTimeField()
    oldest_at = serializers.DateTimeField(allow_null=True)


class PreviewSerializer(serializers.Serializer[Any]):
    rows = serializers.IntegerField()
    bytes = serializers.IntegerField(help_text="An estimate, with indexes.")
    kept = serializers.IntegerField()
    before = serializers.DateTimeField(allow_null=True)
    sentence = serializers.CharField()
    shares = ShareSerializer(many=True)


class RunSerializer(serializers.ModelSerializer[RetentionRun]):
    class Meta:
        model = RetentionRun
        fields = (
            *("id", "tenant_id", "requested_by", "state", "started_at", "finished_at"),
            *("until", "deleted", "batches", "message"),
        )
        read_only_fields = fields


class RetentionViewSet(TenantViewSet[RetentionRun]):
    """How long executions are kept. Numbers, analytics and error groups outlive them."""

    queryset = RetentionRun.objects.none()
    serializer_class = RunSerializer
    keyset_moment = "started_at"

    @property
    def write_role(self) -> Role:
        return Role.VIEWER if self.action == "dry_run" else Role.ADMIN

    @extend_schema(operation_id="retention_retrieve", responses=PolicySerializer)
    def policy(self, request: Request) -> Response:
        """What is kept for how long."""
        return Response(PolicySerializer(retention.policy_of(self.tenant)).data)

    @extend_schema(
        operation_id="retention_change", request=PolicySerializer, responses=PolicySerializer
    )
    def change(self, request: Request) -> Response:
        """Keep more or less; what is not sent stays as it is. The next night deletes by it."""
        wanted = self._wanted(request)
        try:
            retention.change_policy(self.tenant, wanted, actor=self.actor)
        except ModelValidationError as error:
            raise exceptions.ValidationError(error.message_dict) from error
        return Response(PolicySerializer(wanted).data)

    @extend_schema(
        operation_id="retention_dry_run", request=PolicySerializer, responses=PreviewSerializer
    )
    def dry_run(self, request: Request) -> Response:
        """What would be deleted now, by the policy or by another one that is sent."""
        found = pruning.preview(self.tenant, self._wanted(request))
        return Response(PreviewSerializer(found).data)

    @extend_schema(
        operation_id="retention_runs_create",
        request=None,
        responses={202: None},
        methods=["post"],
    )
    @extend_schema(
        operation_id="retention_runs_list", responses=RunSerializer(many=True), methods=["get"]
    )
    def runs(self, request: Request) -> Response:
        """What was deleted, newest first; POST deletes now what is too old."""
        if request.method == "POST":
            ids: tuple[UUID, str] = (self.tenant.pk, self.actor.label)
            transaction.on_commit(lambda: tasks.enqueue_pruning(*ids))
            return Response(status=status.HTTP_202_ACCEPTED)
        page = self.paginate_queryset(RetentionRun.objects.for_tenant(self.tenant))
        return self.get_paginated_response(RunSerializer(page, many=True).data)

    def _wanted(self, request: Request) -> RetentionPolicy:
        body = PolicySerializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        refuse_unknown(request.data, body.fields)
        return body.policy(retention.policy_of(self.tenant))
