"""The shapes of answers, and of bodies, about error groups."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from analytics.group_states import ResolvedIn
from analytics.serializers import CompletenessSerializer, PeriodSerializer, SpanSerializer
from executions.error_rules import MOST_RULES, ErrorRule
from executions.grouping.classes import CLASSES

MOST_MERGED = 50


class PlaceSerializer(serializers.Serializer[Any]):
    environment_id = serializers.UUIDField()
    environment_name = serializers.CharField()
    workflow_id = serializers.CharField()
    workflow_name = serializers.CharField()
    failures = serializers.IntegerField()


class TrendPointSerializer(SpanSerializer):
    count = serializers.IntegerField()


class ErrorGroupSerializer(serializers.Serializer[Any]):
    """An error group with what the period says of it."""

    id = serializers.UUIDField()
    fingerprint = serializers.CharField(help_text="Filter of executions: group=…")
    error_type = serializers.CharField(
        help_text="What all of its messages have in common; <*> stands for what differs."
    )
    error_class = serializers.CharField()
    class_title = serializers.CharField(source="about.title")
    state = serializers.CharField()
    state_since = serializers.DateTimeField()
    count = serializers.IntegerField()
    previous_count = serializers.IntegerField(help_text="In the period of equal length before.")
    first_seen = serializers.DateTimeField(help_text="Ever, not only in the period.")
    last_seen = serializers.DateTimeField()
    affected_workflows = PlaceSerializer(many=True, help_text="The five that failed most often.")
    affected_workflow_count = serializers.IntegerField()
    affected_environments = serializers.ListField(child=serializers.CharField())
    sample_messages = serializers.ListField(
        child=serializers.CharField(), help_text="Up to five different ones, the newest first."
    )
    trend = TrendPointSerializer(many=True)
    assignee = serializers.CharField(allow_null=True)
    advice = serializers.CharField(source="about.advice", help_text="What to do about its class.")
    retry_helps = serializers.ChoiceField(
        source="about.retry_helps", choices=["yes", "no", "maybe"], help_text="Trying again."
    )


@extend_schema_serializer(many=False)
class ErrorsSerializer(serializers.Serializer[Any]):
    results = ErrorGroupSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(help_text="Groups of all pages.")
    total_failures = serializers.IntegerField(help_text="Failures of all pages.")
    as_of = serializers.DateTimeField(allow_null=True)
    coverage = CompletenessSerializer()
    period = PeriodSerializer()


class ValueSerializer(serializers.Serializer[Any]):
    value = serializers.CharField()
    count = serializers.IntegerField()


class VariationSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField(help_text="host, id, name, path, node, status or code.")
    different = serializers.IntegerField(help_text="How many different values there are.")
    top = ValueSerializer(many=True)


class MemberSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    error_type = serializers.CharField()
    error_class = serializers.CharField()


class GroupEventSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    kind = serializers.CharField()
    text = serializers.CharField()


class FailedRunSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="Id of an execution that is still stored.")
    occurred_at = serializers.DateTimeField()


class ErrorGroupDetailSerializer(serializers.Serializer[Any]):
    """Everything that is known of one error group."""

    group = ErrorGroupSerializer(source="row")
    meaning = serializers.CharField(source="about.meaning")
    hint = serializers.CharField(help_text="A hint at the cause; empty where there is none.")
    rule = serializers.CharField(source="rule_key", help_text="What grouped it; empty: its text.")
    grouping_version = serializers.IntegerField(source="group.grouping_version")
    fingerprints = serializers.ListField(child=serializers.CharField(), source="row.fingerprints")
    resolved_in = serializers.CharField(source="group.resolved_in")
    archived_until = serializers.DateTimeField(source="group.archived_until", allow_null=True)
    archived_until_count = serializers.IntegerField(
        source="group.archived_until_count", allow_null=True
    )
    archived_until_rate = serializers.IntegerField(
        source="group.archived_until_rate", allow_null=True
    )
    affected_workflows = PlaceSerializer(many=True, source="row.places")
    variations = VariationSerializer(
        many=True, help_text="What differs between its newest 1,000 failures in the period."
    )
    members = MemberSerializer(many=True, help_text="Groups that were merged into it.")
    history = GroupEventSerializer(many=True)
    first_run = FailedRunSerializer(allow_null=True)
    last_run = FailedRunSerializer(allow_null=True)


class GroupStandingSerializer(serializers.Serializer[Any]):
    """How a group stands after an act."""

    id = serializers.UUIDField()
    state = serializers.CharField()
    state_since = serializers.DateTimeField()
    resolved_in = serializers.CharField()
    archived_until = serializers.DateTimeField(allow_null=True)
    archived_until_count = serializers.IntegerField(allow_null=True)
    archived_until_rate = serializers.IntegerField(allow_null=True)
    assignee = serializers.CharField(source="assignee.username", allow_null=True, default=None)


class ResolutionSerializer(serializers.Serializer[Any]):
    resolved_in = serializers.ChoiceField(
        choices=[one.value for one in ResolvedIn],
        default=ResolvedIn.NOW.value,
        help_text="With current_version or next_version, late failures of older versions are no"
        " regression.",
    )


class ArchiveSerializer(serializers.Serializer[Any]):
    """When it comes back; without any limit never."""

    until = serializers.DateTimeField(required=False, allow_null=True)
    count = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=10_000, help_text="More failures."
    )
    rate = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=10_000,
        help_text="Failures within an hour.",
    )


class AssignmentSerializer(serializers.Serializer[Any]):
    assignee = serializers.CharField(
        max_length=150, allow_null=True, help_text="Name of a member; null for nobody."
    )


class NoteSerializer(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=5000)


class MergeSerializer(serializers.Serializer[Any]):
    groups = serializers.ListField(
        child=serializers.UUIDField(),
        min_length=1,
        max_length=MOST_MERGED,
        help_text="Ids of the groups whose failures count for this one from now on.",
    )


class UnmergeSerializer(serializers.Serializer[Any]):
    group = serializers.UUIDField(help_text="Id of a group that was merged into this one.")


class ErrorRuleSerializer(serializers.ModelSerializer[ErrorRule]):
    """Which failures belong together, whatever else groups them."""

    error_class = serializers.ChoiceField(choices=["", *CLASSES], required=False)

    class Meta:
        model = ErrorRule
        fields = ("id", "name", "kind", "pattern", "error_class", "created_by", "created_at")
        read_only_fields = ("id", "created_by", "created_at")


class PlaceOfRuleSerializer(serializers.Serializer[Any]):
    """Where a rule stands: they are tried in this order."""

    place = serializers.IntegerField(min_value=1, max_value=MOST_RULES)


class TouchedSerializer(serializers.Serializer[Any]):
    fingerprint = serializers.CharField()
    error_type = serializers.CharField()
    failures = serializers.IntegerField()


class RulePreviewSerializer(serializers.Serializer[Any]):
    """What a rule would do to the newest thousand failures."""

    examined = serializers.IntegerField()
    matched = serializers.IntegerField()
    groups = TouchedSerializer(many=True, help_text="The groups that they are in now.")
    sample_messages = serializers.ListField(child=serializers.CharField())


class UsingWorkflowSerializer(serializers.Serializer[Any]):
    workflow_id = serializers.CharField()
    workflow_name = serializers.CharField()
    is_active = serializers.BooleanField()
    nodes = serializers.ListField(child=serializers.CharField())
    failures = serializers.IntegerField()
    last_failure_at = serializers.DateTimeField(allow_null=True)
    has_run_since = serializers.BooleanField(help_text="It ran later without failing.")


class CredentialRowSerializer(serializers.Serializer[Any]):
    environment_id = serializers.UUIDField()
    environment_name = serializers.CharField()
    credential_type = serializers.CharField()
    credential_id = serializers.CharField()
    credential_name = serializers.CharField(
        help_text="The node's name where it names no credential any more."
    )
    is_known = serializers.BooleanField()
    seems_mended = serializers.BooleanField()
    failures = serializers.IntegerField()
    last_failure_at = serializers.DateTimeField()
    failing = UsingWorkflowSerializer(many=True)
    next_to_fail = UsingWorkflowSerializer(
        many=True, help_text="Active workflows that use it and have not failed with it yet."
    )


class CredentialBoardSerializer(serializers.Serializer[Any]):
    results = CredentialRowSerializer(many=True)
    period = PeriodSerializer()
