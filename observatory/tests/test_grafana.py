"""The example dashboard asks what the application answers."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from executions.tests.factories import EnvironmentFactory
from tenants.scope import operator_scope
from tenants.tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db

DASHBOARD = json.loads(
    (Path(settings.BASE_DIR) / "docs" / "grafana" / "observatory-infinity.json").read_text()
)
TYPES = {"timestamp": str, "string": str, "number": (int, float, type(None))}


@pytest.mark.parametrize("panel", DASHBOARD["panels"], ids=lambda panel: panel["title"])
def test_a_panel_gets_the_columns_that_it_draws(client, panel):
    with operator_scope():
        member = MembershipFactory()
        EnvironmentFactory(tenant=member.tenant)
    client.force_login(member.user)
    (target,) = panel["targets"]
    now = timezone.now()
    bounds = {
        "${__from:date:iso}": f"{now - timedelta(days=1):%Y-%m-%dT%H:%M:%S}.000Z",
        "${__to:date:iso}": f"{now:%Y-%m-%dT%H:%M:%S}.000Z",
    }
    chosen = {
        one["key"]: bounds.get(one["value"], one["value"])
        for one in target["url_options"]["params"]
    }

    answer = client.get(target["url"], chosen)

    assert answer.status_code == 200, answer.content
    for row in answer.json():
        for column in target["columns"]:
            assert isinstance(row[column["selector"]], TYPES[column["type"]])
