"""Failures for tests of error groups, grouped as their messages are."""

import factory
from django.utils import timezone

from analytics.models import ErrorGroup
from analytics.tests.counting import add_run
from executions.grouping.fingerprint import classify, group_columns
from executions.grouping.text import ErrorInput
from executions.models import DetailState


def fail(environment, at, message="connect ECONNREFUSED 10.0.0.1:5432", **values):
    """A failed run whose reason is known."""
    code, node_type = values.get("error_code", ""), values.get("error_node_type", "")
    grouping = classify(ErrorInput(message=message, http_code=code, node_type=node_type))
    return add_run(
        environment,
        at,
        status="error",
        error_message=grouping.text,
        error_values=[list(pair) for pair in grouping.attributes] or None,
        detail_state=DetailState.FETCHED,
        **(group_columns(grouping) | values),
    )


class ErrorGroupFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = ErrorGroup

    fingerprint = factory.Sequence(lambda n: f"{n:032x}")
    grouping_version = 1
    error_class = "unknown"
    template = "something is odd"
    state = "ongoing"
    first_seen_at = factory.LazyFunction(timezone.now)
    last_seen_at = factory.SelfAttribute("first_seen_at")
    state_since = factory.SelfAttribute("first_seen_at")
    created_at = factory.LazyFunction(timezone.now)
