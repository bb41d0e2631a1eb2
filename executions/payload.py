"""The data of one execution, fetched from n8n when somebody asks to see them.

Nothing is stored: n8n keeps the data, and what is shown is masked and capped on the way. A run too
large to be fetched is found out by its size before its data are asked for.
"""

from dataclasses import dataclass, field

from django.conf import settings

from executions.grouping.secrets import scrub
from executions.masking import Leaf, Masker, Shown
from executions.models import Environment, Execution, SyncState
from executions.n8n.addresses import AddressPolicy
from executions.n8n.client import Limits, N8nClient
from executions.n8n.errors import N8nError, NotFound, TooLarge
from executions.n8n.execution_data import ExecutionData, NodeOutput
from executions.timeline import NodeTiming
from tenants.encryption import SecretUnreadable

LARGEST = 8 * 2**20
# A person waits for the answer.
LIMITS = Limits(connect_seconds=5, read_seconds=15, total_seconds=25, max_bytes=2 * LARGEST)


class PayloadUnavailable(Exception):
    """There is nothing to show; the text says why, ``state`` is the same for machines."""

    def __init__(self, state: str, sentence: str) -> None:
        super().__init__(sentence)
        self.state = state


@dataclass(frozen=True, slots=True)
class NodePart:
    """One run of a node with its items as they may be shown."""

    output: NodeOutput
    error: str
    branches: list[tuple[str, Shown]]
    failed: bool


@dataclass(frozen=True, slots=True)
class Payload:
    """A run's data, masked; ``left_out`` says what was too much for a page."""

    nodes: list[NodePart]
    timings: list[NodeTiming]
    custom_data: list[tuple[str, Shown]]
    is_redacted: bool
    hidden: int
    is_cut: bool
    nodes_left_out: int
    size_bytes: int | None
    parent_id: str = ""
    child_ids: list[str] = field(default_factory=list)


def fetch_payload(execution: Execution, environment: Environment | None) -> Payload:
    """Ask n8n now. Raises PayloadUnavailable."""
    if environment is None:
        raise PayloadUnavailable(
            "environment_removed", "Its environment was removed, so n8n cannot be asked any more."
        )
    if execution.epoch != epoch_of(environment):
        raise PayloadUnavailable(
            "gone", "This run is of an earlier database of this n8n, which no longer has it."
        )
    try:
        policy = AddressPolicy(allowed_networks=settings.ALLOWED_NETWORKS)
        with N8nClient(environment.base_url, environment.api_key, policy, limits=LIMITS) as client:
            return payload_of(_fetch(client, execution.n8n_execution_id))
    except NotFound as error:
        raise PayloadUnavailable(
            "gone",
            "n8n no longer has the data of this run: it was deleted there, or n8n does not save the"
            " data of runs of its kind.",
        ) from error
    except SecretUnreadable as error:
        raise PayloadUnavailable("key_unreadable", str(error)) from error
    except N8nError as error:
        raise PayloadUnavailable(error.reason, error.sentence) from error


def epoch_of(environment: Environment) -> int:
    """Which life of its database the n8n is in."""
    states = SyncState.objects.for_tenant(environment.tenant_id).filter(environment=environment)
    epoch: int = states.values_list("epoch", flat=True).get()
    return epoch


def _fetch(client: N8nClient, execution_id: str) -> ExecutionData:
    size = client.get_execution(execution_id).execution.size_bytes
    if size is not None and size > LARGEST:
        raise _too_large(size)
    try:
        data = client.get_execution_data(execution_id)
    except TooLarge as error:
        raise _too_large(size) from error
    if data.detail.is_too_large:
        raise _too_large(size)
    return data


def _too_large(size: int | None) -> PayloadUnavailable:
    said = f"are {size / 2**20:.1f} MB" if size else "are larger than what is fetched"
    return PayloadUnavailable(
        "too_large",
        f"The data of this run {said}; up to {LARGEST // 2**20} MB are fetched. Open it in n8n.",
    )


def payload_of(data: ExecutionData) -> Payload:
    """The data as they may be shown (pure)."""
    masker, detail = Masker(), data.detail
    nodes = [_part(output, masker) for output in data.outputs]
    custom = [(scrub(key), masker.show({key: value})) for key, value in detail.custom_data]
    return Payload(
        nodes=nodes,
        timings=[_timing(part) for part in nodes],
        custom_data=[(key, _only_part(shown)) for key, shown in custom],
        is_redacted=detail.is_redacted,
        hidden=masker.hidden,
        is_cut=masker.is_full,
        nodes_left_out=data.left_out,
        size_bytes=detail.execution.size_bytes,
        parent_id=detail.parent_execution_id,
        child_ids=list(
            dict.fromkeys(
                node.child_execution_id for node in detail.nodes if node.child_execution_id
            )
        ),
    )


def _part(output: NodeOutput, masker: Masker) -> NodePart:
    branches = [(name, masker.show(items)) for name, items in output.branches if not masker.is_full]
    failed = bool(output.error) or output.status in ("error", "crashed")
    return NodePart(output, scrub(output.error), branches, failed)


def _only_part(shown: Shown) -> Shown:
    return shown.parts[0][1] if not isinstance(shown, Leaf) and shown.parts else shown


def _timing(part: NodePart) -> NodeTiming:
    output = part.output
    return NodeTiming(
        node=output.node,
        node_type=output.node_type,
        started_at=output.started_at,
        milliseconds=output.execution_time_ms,
        failed=part.failed,
        items=output.items,
    )
