"""The course of figures as flat rows, for tools that draw charts: a row a point, or one for each
point and part where it is split.

A split names the parts with the most runs and adds the others up as one, so that the rows of a
point always add up to the whole, however many parts there are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from analytics.kpis import Figures, figures_of, kpis_of
from analytics.measures import Measures, total_of
from analytics.questions import Question
from analytics.reading import read_environments, read_workflows
from analytics.workflow_facts import Key, names_of
from executions.models import Workflow

MOST_PARTS = 20
OTHERS = "others"


class Split(StrEnum):
    """By what a series is split."""

    ENVIRONMENT = "environment"
    WORKFLOW = "workflow"


@dataclass(frozen=True, slots=True)
class Part:
    """What a row is about; the whole has no names, and what is not named apart is ``others``."""

    environment_id: UUID | None = None
    environment: str = ""
    workflow_id: str = ""
    workflow: str = ""


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """The figures of a part in a bucket; where nobody looked and nothing is known, blank."""

    time: datetime
    part: Part
    figures: Figures
    coverage: float | None

    @property
    def is_blank(self) -> bool:
        return self.coverage == 0 and self.figures.total_executions == 0


ByBucket = dict[int, Measures]
Parts = dict[Part, ByBucket]
K = TypeVar("K")


def series_of(question: Question, split: Split | None = None) -> list[SeriesRow]:
    """The rows by time; percentiles only where nothing is split, since histograms are dear."""
    if split is None:
        points = kpis_of(question).points
        return [SeriesRow(point.start, Part(), point.figures, point.coverage) for point in points]
    parts = _by_environment(question) if split is Split.ENVIRONMENT else _by_workflow(question)
    return sorted(_rows(question, parts), key=lambda row: row.time)


def _rows(question: Question, parts: Parts) -> Iterator[SeriesRow]:
    nothing = Measures()
    for part, measured in parts.items():
        ledger = question.ledger
        if part.environment_id is not None:
            ledger = ledger.only(part.environment_id)
        for number, bucket in enumerate(question.buckets):
            figures = figures_of(measured.get(number, nothing))
            yield SeriesRow(bucket.start, part, figures, ledger.of(bucket).share)


def _by_environment(question: Question) -> Parts:
    measured = read_environments(question.selection, enumerate(question.buckets))
    every = {
        environment.pk: measured.get(environment.pk, {}) for environment in question.environments
    }
    shown, rest = _busiest(every)
    names = {environment.pk: environment.name for environment in question.environments}
    return {Part(key, names[key]): every[key] for key in shown} | _sum(
        rest, Part(environment=OTHERS)
    )


def _by_workflow(question: Question) -> Parts:
    measured = read_workflows(question.selection, enumerate(question.buckets))
    shown, rest = _busiest(measured)
    environments = {environment.pk: environment.name for environment in question.environments}
    names = _names(question, shown)
    named = {
        Part(key[0], environments.get(key[0], ""), key[1], names.get(key, key[1])): measured[key]
        for key in shown
    }
    return named | _sum(rest, Part(environment=OTHERS, workflow=OTHERS))


def _busiest(measured: Mapping[K, ByBucket]) -> tuple[list[K], list[ByBucket]]:
    """The keys with the most runs, and what the others have."""
    ordered = sorted(measured, key=lambda key: (-_runs(measured[key]), str(key)))
    return ordered[:MOST_PARTS], [measured[key] for key in ordered[MOST_PARTS:]]


def _runs(by_bucket: ByBucket) -> int:
    return sum(measures.total for measures in by_bucket.values())


def _sum(rest: list[ByBucket], part: Part) -> Parts:
    if not rest:
        return {}
    buckets = {number for by_bucket in rest for number in by_bucket}
    return {
        part: {number: total_of(one[number] for one in rest if number in one) for number in buckets}
    }


def _names(question: Question, keys: list[Key]) -> dict[Key, str]:
    rows = Workflow.objects.for_tenant(question.selection.tenant_id).filter(
        workflow_id__in={workflow_id for _, workflow_id in keys}
    )
    known = {
        (environment_id, workflow_id): name
        for environment_id, workflow_id, name in rows.values_list(
            "environment_id", "workflow_id", "name"
        )
    }
    return known | names_of(question.selection, [key for key in keys if key not in known])
