"""Tokens of a search as conditions on executions; the one place where they become SQL.

Tokens of one name widen each other, of different names narrow, negated ones take away. Texts
narrow each other too. Names of workflows and environments are looked up first, so that the big
table is asked for ids that its indexes begin with. Texts of errors are looked for among runs that
did not succeed only, which have an index of their own.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, tzinfo
from uuid import UUID

from django.db.models import BooleanField, ExpressionWrapper, Max, OuterRef, Q, QuerySet

from executions.models import Environment, Execution, SyncState, Workflow
from executions.moments import parse_moment
from executions.search import SearchFault, Term, parse_length
from executions.statuses import NormalizedStatus

COMPARED = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
COLUMNS = {
    "status": "normalized_status",
    "mode": "mode",
    "class": "error_class",
    "group": "fingerprint",
    "version": "workflow_version_id",
}
# What only runs have that did not succeed.
OF_ERRORS = frozenset({"class", "group"})
# Names that mean a thing together; every other token stands for itself.
WIDENING = frozenset({*COLUMNS, "workflow", "env", "tag", "node", "id"})
NOT_SUCCESSFUL = ~Q(normalized_status=NormalizedStatus.SUCCESS)
# More workflows than this of one name pattern are not spelled out.
MOST_WORKFLOWS = 500


class Conditions:
    """Builds conditions for one tenant at one moment; ``zone`` is that of days without one."""

    def __init__(
        self, tenant_id: UUID, environments: Sequence[Environment], now: datetime, zone: tzinfo
    ) -> None:
        self.tenant_id, self.environments = tenant_id, environments
        self.now, self.zone = now, zone
        self._of_name: dict[str, Callable[[list[str]], Q]] = {
            "workflow": self._workflows,
            "env": self._environments,
            "tag": self._tags,
            "node": _nodes,
            "id": self._ids,
        }

    def of(self, terms: Iterable[Term]) -> Q:
        """All of the terms. Raises SearchFault where one names what there is not."""
        whole = Q()
        together: dict[tuple[str, bool], list[str]] = defaultdict(list)
        for term in terms:
            if term.name in WIDENING:
                together[term.name, term.is_negated].append(term.value)
            elif term.name in ("duration", "started"):
                whole &= self._compared(term)
            else:
                whole &= ~_text(term.value) if term.is_negated else _text(term.value)
        for (name, is_negated), values in together.items():
            found = self._of_values(name, values)
            whole &= ~found if is_negated else found
        return whole

    def bounds(self, terms: Iterable[Term]) -> tuple[datetime | None, datetime | None]:
        """The earliest and the latest start that the tokens allow."""
        started = [term for term in terms if term.name == "started"]
        after = [self._moment(term) for term in started if term.comparison[0] == ">"]
        before = [self._moment(term) for term in started if term.comparison[0] == "<"]
        return max(after, default=None), min(before, default=None)

    def _moment(self, term: Term) -> datetime:
        return parse_moment(term.value, now=self.now, zone=self.zone)

    def _of_values(self, name: str, values: list[str]) -> Q:
        if column := COLUMNS.get(name):
            found = Q(**{f"{column}__in": values})
            return NOT_SUCCESSFUL & found if name in OF_ERRORS else found
        return self._of_name[name](values)

    def _compared(self, term: Term) -> Q:
        if term.name == "duration":
            return Q(**{f"execution_time__{COMPARED[term.comparison]}": parse_length(term.value)})
        return Q(**{f"occurred_at__{COMPARED[term.comparison]}": self._moment(term)})

    def _environments(self, values: list[str]) -> Q:
        return Q(environment_id__in=sorted({pk for text in values for pk in self._named(text)}))

    def _named(self, text: str) -> list[UUID]:
        pattern = _pattern(text)
        found = [
            one.pk
            for one in self.environments
            if str(one.pk) == text or re.search(pattern, one.name, re.IGNORECASE | re.DOTALL)
        ]
        if not found:
            there = ", ".join(one.name for one in self.environments[:20]) or "none yet"
            raise SearchFault(
                f"“env:{text[:40]}” is not one of your environments; there are: {there}."
            )
        return found

    def _workflows(self, values: list[str]) -> Q:
        """By id, or by the name that the workflow has in its environment."""
        named = Q(workflow_id__in=values)
        for text in values:
            named |= Q(name__iregex=_pattern(text))
        return self._of_workflows(named, values)

    def _tags(self, values: list[str]) -> Q:
        return self._of_workflows(Q(tags__overlap=values))

    def _of_workflows(self, wanted: Q, by_id: Sequence[str] = ()) -> Q:
        """The runs of some workflows by their ids, and by environments where ids do not tell.

        ``by_id`` are meant wherever they are: a workflow that was never listed has only its id.
        """
        known = Workflow.objects.for_tenant(self.tenant_id)
        ids = known.filter(wanted).values("workflow_id")[:MOST_WORKFLOWS]
        is_wanted = ExpressionWrapper(wanted, output_field=BooleanField())
        rows = known.filter(workflow_id__in=ids).annotate(is_wanted=is_wanted)
        of_environment: dict[UUID, set[str]] = defaultdict(set)
        others = False
        for environment_id, workflow_id, fits in rows.values_list(
            "environment_id", "workflow_id", "is_wanted"
        ):
            others |= not fits
            if fits:
                of_environment[environment_id].add(workflow_id)
        whole = Q(workflow_id__in=sorted(set(by_id).union(*of_environment.values())))
        if not others:
            return whole
        pairs = Q(workflow_id__in=list(by_id))
        for environment_id, found in of_environment.items():
            pairs |= Q(environment_id=environment_id, workflow_id__in=sorted(found))
        # The first condition bounds the index, the second says in which environment.
        return whole & pairs

    def _ids(self, values: list[str]) -> Q:
        """n8n's ids by their unique index, which wants environments and epochs; else our own."""
        own = [UUID(text) for text in values if _is_uuid(text)]
        states = SyncState.objects.for_tenant(self.tenant_id)
        epochs = states.aggregate(highest=Max("epoch"))["highest"] or 1
        return Q(pk__in=own) | Q(
            environment_id__in=[one.pk for one in self.environments],
            epoch__in=range(1, epochs + 1),
            n8n_execution_id__in=values,
        )


def tagged_workflows(tenant_id: UUID, tags: Sequence[str]) -> QuerySet[Workflow]:
    """The workflows of an outer query's executions, as far as they have one of the tags now."""
    return Workflow.objects.for_tenant(tenant_id).filter(
        environment=OuterRef("environment_id"),
        workflow_id=OuterRef("workflow_id"),
        tags__overlap=list(tags),
    )


def matching(tenant_id: UUID, condition: Q) -> QuerySet[Execution]:
    """The tenant's executions that fulfil a condition."""
    return Execution.objects.for_tenant(tenant_id).filter(condition)


def _text(value: str) -> Q:
    return NOT_SUCCESSFUL & Q(error_message__icontains=value)


def _nodes(values: list[str]) -> Q:
    found = Q()
    for text in values:
        found |= Q(error_node__iregex=_pattern(text)) if "*" in text else Q(error_node=text)
    return NOT_SUCCESSFUL & found


def _pattern(text: str) -> str:
    """A regular expression, for Python and PostgreSQL alike, whose stars stand for any text."""
    return f"^{'.*'.join(re.escape(part) for part in text.split('*'))}$"


def _is_uuid(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text.lower()) is not None
