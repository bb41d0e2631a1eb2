"""REST: errors as groups, what people do with them, and a tenant's own rules of grouping."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError as ModelValidationError
from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import group_actions, own_rules, tasks
from analytics.api import AnalyticsView, asked_of, parameters_of, question_in
from analytics.credential_board import credential_board
from analytics.error_groups import error_groups
from analytics.error_serializers import (
    ArchiveSerializer,
    AssignmentSerializer,
    CredentialBoardSerializer,
    ErrorGroupDetailSerializer,
    ErrorRuleSerializer,
    ErrorsSerializer,
    GroupEventSerializer,
    GroupStandingSerializer,
    MergeSerializer,
    NoteSerializer,
    PlaceOfRuleSerializer,
    ResolutionSerializer,
    RulePreviewSerializer,
    UnmergeSerializer,
)
from analytics.forms import ErrorsForm, PeriodForm
from analytics.group_actions import ActionNotAllowed, Limits
from analytics.group_detail import group_detail
from analytics.group_states import ResolvedIn
from analytics.models import ErrorGroup
from executions.error_rules import ErrorRule
from tenants.answers import written
from tenants.api import TenantViewSet, Unprocessable
from tenants.models import Role, User
from tenants.sharing import shared_answer


class Conflict(exceptions.APIException):
    """The thing stands otherwise than the request needs."""

    status_code = 409
    default_code = "conflict"


class CredentialsView(AnalyticsView):
    @extend_schema(parameters=parameters_of(PeriodForm), responses=CredentialBoardSerializer)
    @shared_answer
    def get(self, request: Request) -> Response:
        """Credentials that services refuse, and the workflows that will fail next."""
        question = question_in(self.asked(request))
        body = {"results": credential_board(question), "period": question.period}
        return Response(written(CredentialBoardSerializer, body))


class ErrorViewSet(TenantViewSet[ErrorGroup]):
    """Error groups, and what people do with them; each act is in the group's history."""

    queryset = ErrorGroup.objects.none()
    serializer_class = ErrorGroupDetailSerializer
    write_role = Role.OPERATOR
    pagination_class = None
    group: ErrorGroup

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Whose group it is comes before what the body says of it."""
        super().initial(request, *args, **kwargs)
        if self.detail:
            self.group = self.get_object()

    def get_object(self) -> ErrorGroup:
        group = group_actions.group_of(self.tenant, self.kwargs["pk"])
        if group is None:
            raise exceptions.NotFound
        return group

    @extend_schema(parameters=parameters_of(ErrorsForm), responses=ErrorsSerializer)
    @shared_answer
    def list(self, request: Request) -> Response:
        """What fails, one line for one cause; the most frequent first if nothing else is said."""
        asked = asked_of(request, self.tenant, ErrorsForm)
        question = question_in(asked)
        page = error_groups(question, asked.order)
        body = {
            "results": page.rows,
            "next_cursor": asked.next_cursor(page.total),
            "total": page.total,
            "total_failures": page.failures,
            "as_of": question.ledger.as_of,
            "coverage": question.ledger.of(question.span),
            "period": question.period,
        }
        return Response(written(ErrorsSerializer, body))

    @extend_schema(parameters=parameters_of(PeriodForm), responses=ErrorGroupDetailSerializer)
    @shared_answer
    def retrieve(self, request: Request, pk: str) -> Response:
        """One error group; one that was merged answers as the group that it is part of."""
        question = question_in(asked_of(request, self.tenant, PeriodForm))
        return Response(written(ErrorGroupDetailSerializer, group_detail(question, self.group)))

    @extend_schema(request=ResolutionSerializer, responses=GroupStandingSerializer)
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, pk: str) -> Response:
        """Hold it for done."""
        values = self.validated(ResolutionSerializer)
        resolved_in = ResolvedIn(values["resolved_in"])
        return self._done(group_actions.resolve, resolved_in=resolved_in)

    @extend_schema(request=None, responses=GroupStandingSerializer)
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, pk: str) -> Response:
        """Take back that it is resolved or archived."""
        return self._done(group_actions.reopen)

    @extend_schema(request=ArchiveSerializer, responses=GroupStandingSerializer)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: str) -> Response:
        """Put it out of sight, for good or until a limit is reached."""
        return self._done(group_actions.archive, limits=Limits(**self.validated(ArchiveSerializer)))

    @extend_schema(request=AssignmentSerializer, responses=GroupStandingSerializer)
    @action(detail=True, methods=["post"])
    def assign(self, request: Request, pk: str) -> Response:
        """Say who looks after it."""
        name = self.validated(AssignmentSerializer)["assignee"]
        return self._done(group_actions.assign, user=self._member(name) if name else None)

    @extend_schema(request=NoteSerializer, responses={201: GroupEventSerializer})
    @action(detail=True, methods=["post"])
    def notes(self, request: Request, pk: str) -> Response:
        """Add a note to its history."""
        text = self.validated(NoteSerializer)["text"]
        event = group_actions.add_note(self.group, actor=self.actor, text=text)
        return Response(GroupEventSerializer(event).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=MergeSerializer, responses=GroupStandingSerializer)
    @action(detail=True, methods=["post"])
    def merge(self, request: Request, pk: str) -> Response:
        """Let the failures of other groups count for this one."""
        ids = self.validated(MergeSerializer)["groups"]
        others = list(ErrorGroup.objects.for_tenant(self.tenant).filter(pk__in=ids))
        if missing := set(ids) - {one.pk for one in others}:
            raise exceptions.ValidationError(
                {"groups": f"{min(missing)} is not one of your errors."}
            )
        return self._done(group_actions.merge, others=others)

    @extend_schema(request=UnmergeSerializer, responses=GroupStandingSerializer)
    @action(detail=True, methods=["post"])
    def unmerge(self, request: Request, pk: str) -> Response:
        """Take a group out again that was merged into this one; answers that group."""
        member_id = self.validated(UnmergeSerializer)["group"]
        return self._done(group_actions.unmerge, member_id=member_id)

    def _done(self, act: Callable[..., ErrorGroup], **values: Any) -> Response:
        try:
            group = act(self.group, actor=self.actor, **values)
        except ActionNotAllowed as error:
            raise Conflict(str(error)) from error
        return Response(GroupStandingSerializer(group).data)

    def _member(self, name: str) -> User:
        members = User.objects.filter(memberships__tenant=self.tenant, username=name)
        if (user := members.first()) is None:
            raise exceptions.ValidationError({"assignee": f"“{name[:40]}” is no member here."})
        return user


class ErrorRuleViewSet(TenantViewSet[ErrorRule]):
    """A tenant's own rules of which failures belong together; of two that match the first wins."""

    queryset = ErrorRule.objects.none()
    serializer_class = ErrorRuleSerializer
    write_role = Role.OPERATOR
    http_method_names = ("get", "post", "patch", "delete", "head", "options")

    def get_queryset(self) -> Any:
        return own_rules.rules_of(self.tenant)

    @extend_schema(request=ErrorRuleSerializer, responses={201: ErrorRuleSerializer})
    def create(self, request: Request) -> Response:
        """Add a rule; stored failures follow in the background."""
        values = self.validated(ErrorRuleSerializer)
        rule = self._carried_out(own_rules.add_rule, self.tenant, values)
        return Response(ErrorRuleSerializer(rule).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=ErrorRuleSerializer, responses=ErrorRuleSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a rule; stored failures follow in the background."""
        rule = self.get_object()
        body = ErrorRuleSerializer(rule, data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        rule = self._carried_out(own_rules.change_rule, rule, body.validated_data)
        return Response(ErrorRuleSerializer(rule).data)

    def destroy(self, request: Request, pk: str) -> Response:
        """Remove a rule; its failures go back in the background."""
        own_rules.remove_rule(self.get_object(), actor=self.actor)
        self._enqueue()
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=ErrorRuleSerializer, responses=RulePreviewSerializer)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """Try a rule on the newest thousand failures; nothing is stored."""
        rule = ErrorRule(tenant=self.tenant, **self.validated(ErrorRuleSerializer))
        return Response(RulePreviewSerializer(own_rules.preview_rule(self.tenant.pk, rule)).data)

    @extend_schema(request=PlaceOfRuleSerializer, responses=ErrorRuleSerializer(many=True))
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None)
    def move(self, request: Request, pk: str) -> Response:
        """Put a rule at another place of the order; answers all rules in their new one."""
        rule = self.get_object()
        place = self.validated(PlaceOfRuleSerializer)["place"]
        own_rules.move_rule(rule, place, actor=self.actor)
        self._enqueue()
        return Response(ErrorRuleSerializer(self.get_queryset(), many=True).data)

    def _carried_out(self, act: Callable[..., ErrorRule], *subject: Any) -> ErrorRule:
        try:
            rule = act(*subject, actor=self.actor)
        except ModelValidationError as error:
            raise Unprocessable(" ".join(error.messages), "invalid") from error
        self._enqueue()
        return rule

    def _enqueue(self) -> None:
        """Begin at once; what is lost on the way, the next beat finds again."""
        tenant_id = self.tenant.pk
        transaction.on_commit(lambda: tasks.enqueue_regrouping(tenant_id))
