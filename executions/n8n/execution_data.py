"""What each node of one execution put out, beside what is read of every execution.

The only reader that takes items over. It keeps nothing of them itself: whoever asks masks them
before they are shown and stores none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from executions.n8n.execution_details import MAX_CODE, MAX_NAME, MAX_NODES, read_detail, words_of
from executions.n8n.fields import Notes, count, mapping, moment, sequence, text
from executions.n8n.payloads import ExecutionDetail

MAX_ERROR = 4_000


@dataclass(frozen=True, slots=True)
class NodeOutput:
    """One run of one node. ``branches`` are the items by output, as n8n has them."""

    node: str
    node_type: str
    run: int
    order: int
    started_at: datetime | None
    execution_time_ms: int | None
    status: str
    came_from: tuple[str, ...]
    error: str
    branches: tuple[tuple[str, list[object]], ...]

    @property
    def items(self) -> int:
        return sum(len(items) for _, items in self.branches)


@dataclass(frozen=True, slots=True)
class ExecutionData:
    """An execution with the output of its nodes, in the order in which they ran."""

    detail: ExecutionDetail
    outputs: tuple[NodeOutput, ...]
    left_out: int = 0


def read_data(row: object) -> ExecutionData:
    """A single execution with data. Raises UnusableRow where it has no id."""
    detail, notes = read_detail(row), Notes()
    fields = mapping(row)
    types = {
        str(mapping(node).get("name")): text(mapping(node).get("type"), notes, MAX_NAME)
        for node in sequence(mapping(fields.get("workflowData")).get("nodes"))
    }
    run_data = mapping(mapping(mapping(fields.get("data")).get("resultData")).get("runData"))
    found = [
        _output(name, types.get(name, ""), place, mapping(run), notes)
        for name, runs in run_data.items()
        for place, run in enumerate(sequence(runs))
    ]
    found.sort(key=lambda output: (output.order, output.node, output.run))
    return ExecutionData(detail, tuple(found[:MAX_NODES]), max(0, len(found) - MAX_NODES))


def _output(
    name: str, node_type: str, place: int, run: Mapping[str, object], notes: Notes
) -> NodeOutput:
    sources = (mapping(one).get("previousNode") for one in sequence(run.get("source")))
    error = mapping(run.get("error"))
    return NodeOutput(
        node=text(name, notes, MAX_NAME),
        node_type=node_type,
        run=place,
        order=count(run.get("executionIndex"), notes) or 0,
        started_at=moment(run.get("startTime"), notes),
        execution_time_ms=count(run.get("executionTime"), notes),
        status=text(run.get("executionStatus"), notes, MAX_CODE),
        came_from=tuple(text(one, notes, MAX_NAME) for one in sources if one),
        error=words_of(error.get("message") or error.get("description"), notes, MAX_ERROR),
        branches=tuple(_branches(mapping(run.get("data")), notes)),
    )


def _branches(data: Mapping[str, object], notes: Notes) -> list[tuple[str, list[object]]]:
    """The items of each output that has any; AI nodes use other kinds of output than main."""
    found = []
    for kind, outputs in data.items():
        for place, branch in enumerate(sequence(outputs)):
            items = [mapping(item).get("json") for item in sequence(branch)]
            if items:
                found.append((f"{text(kind, notes, MAX_CODE)} {place + 1}", items))
    return found
