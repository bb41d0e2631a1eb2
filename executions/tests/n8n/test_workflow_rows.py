import pytest

from executions.n8n.payloads import RowFlag
from executions.n8n.workflow_rows import read_workflow, read_workflows
from executions.tests.n8n.recorded import recorded, recorded_rows

SCHEDULE = {"rule": {"interval": [{"field": "cronExpression", "expression": "0 6 * * 1-5"}]}}


def with_node(node, **fields):
    return read_workflow({"id": "w", "nodes": [node], **fields}).nodes[0]


def test_it_reads_the_recorded_workflows():
    items, refused = read_workflows(recorded_rows("workflows-page"))

    assert not refused
    first = items[0]
    assert (first.name, first.is_active, first.tags) == ("Leads: sync", True, ("sales", "prod"))
    assert first.version_id == "7b8275df-bb5d-4da2-a853-54776cae7761"
    assert first.trigger_count == 1
    assert dict(first.settings) == {"executionOrder": "v1"}


def test_a_single_workflow_names_its_project():
    assert read_workflow(recorded("workflow-parent")).project.startswith("Lab Owner")


def test_it_keeps_which_workflow_handles_errors():
    settings = dict(read_workflow(recorded("workflow-with-error-workflow")).settings)

    assert settings["errorWorkflow"] == "vCkAPv3TGwnKAPQ8"


def test_it_keeps_which_workflow_a_node_calls():
    nodes = {node.name: node for node in read_workflow(recorded("workflow-parent")).nodes}

    assert nodes["Call child"].parameters["workflowId"]["value"] == "szYYYmxhaxUsuKhf"
    assert nodes["Quote"].parameters is None


def test_it_keeps_the_schedule_of_a_trigger_and_nothing_else_of_it():
    node = {
        "name": "Every morning",
        "type": "n8n-nodes-base.scheduleTrigger",
        "parameters": SCHEDULE | {"password": "hunter2"},
    }

    assert with_node(node).parameters == SCHEDULE


def test_parameters_that_are_huge_are_left_out():
    node = {"type": "n8n-nodes-base.webhook", "parameters": {"path": "x" * 9_000}}

    assert with_node(node).parameters is None


def test_the_published_version_is_what_runs():
    draft, published = {"name": "draft"}, {"name": "published"}
    row = {"id": "w", "nodes": [draft], "activeVersion": {"nodes": [published]}}

    assert read_workflow(row | {"active": True}).nodes[0].name == "published"
    assert read_workflow(row | {"active": False}).nodes[0].name == "draft"


def test_a_node_tells_its_credentials_by_name_only():
    node = {
        "name": "Call CRM",
        "type": "n8n-nodes-base.httpRequest",
        "disabled": True,
        "credentials": {"httpHeaderAuth": {"id": "c1", "name": "CRM key", "data": "secret"}},
    }

    assert with_node(node).as_json() == {
        "name": "Call CRM",
        "type": "n8n-nodes-base.httpRequest",
        "disabled": True,
        "credentials": [{"type": "httpHeaderAuth", "id": "c1", "name": "CRM key"}],
    }


@pytest.mark.parametrize("tags", [["prod"], [{"name": "prod"}], [{"name": "prod"}, "prod", []]])
def test_tags_are_names_in_every_version(tags):
    assert read_workflow({"id": "w", "tags": tags}).tags == ("prod",)


def test_a_workflow_of_wrong_types_is_read_with_a_flag():
    row = {
        "id": 12,
        "name": 7,
        "active": "yes",
        "tags": 1,
        "nodes": {},
        "settings": [],
        "shared": 3,
    }

    workflow = read_workflow(row)

    assert (workflow.id, workflow.name, workflow.is_active) == ("12", "7", False)
    assert workflow.flags & RowFlag.WRONG_TYPE


def test_a_long_name_is_cut():
    assert len(read_workflow({"id": "w", "name": "n" * 1_000}).name) == 500


def test_a_workflow_without_an_id_leaves_the_others():
    items, refused = read_workflows([{"name": "nameless"}, {"id": "w"}, None])

    assert [item.id for item in items] == ["w"]
    assert len(refused) == 2
