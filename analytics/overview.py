"""The whole of a tenant in one answer, each part read once."""

from dataclasses import dataclass

from analytics.environment_health import EnvironmentRow, environment_rows
from analytics.kpis import Kpis, kpis_of
from analytics.questions import Question
from analytics.status import RISKY_WORKFLOWS, Status, status_of
from analytics.stuck import stuck_runs
from analytics.workflow_ranking import Order
from analytics.workflow_table import TablePage, workflow_table
from executions.states import states_of
from tenants.models import Role, Tenant


@dataclass(frozen=True, slots=True)
class Overview:
    """What is going on, how each part does, and what to look at."""

    kpis: Kpis
    workflows: TablePage
    environments: list[EnvironmentRow]
    status: Status


def overview_of(
    tenant: Tenant,
    question: Question,
    role: Role = Role.VIEWER,
    *,
    workflows: int = 10,
    with_vitals: bool = True,
) -> Overview:
    """All parts of the question's period, in eight queries at most."""
    kpis = kpis_of(question)
    table = workflow_table(question, Order(limit=max(workflows, RISKY_WORKFLOWS)))
    states = states_of(tenant, question.environments)
    stuck = stuck_runs(question.selection)
    return Overview(
        kpis=kpis,
        workflows=table,
        environments=environment_rows(
            question, states, kpis.of_environments, with_vitals=with_vitals
        ),
        status=status_of(tenant, question, kpis, states, table.rows, stuck, role),
    )


def status_of_tenant(tenant: Tenant, question: Question, role: Role = Role.VIEWER) -> Status:
    """The verdict on its own."""
    kpis = kpis_of(question)
    risky = workflow_table(question, Order(limit=RISKY_WORKFLOWS)).rows
    stuck = stuck_runs(question.selection)
    states = states_of(tenant, question.environments)
    return status_of(tenant, question, kpis, states, risky, stuck, role)
