"""The companies of the demonstration: their workflows, and what went wrong in the last weeks."""

from dataclasses import dataclass

from executions.n8n.fake_catalog import HANDLER, Incident, Plan, Rhythm
from executions.n8n.fake_workflows import CALL, CODE, HTTP, SET, WAIT, FakeNode, stable_id


def call(name: str, service: str, key: str = "") -> FakeNode:
    """A node that calls a service, with a credential of this name if it needs one."""
    credentials = {"httpHeaderAuth": {"id": stable_id(key), "name": key}} if key else {}
    url = f"https://{service}.example/api"
    return FakeNode(name, HTTP, {"method": "POST", "url": url}, credentials)


def code(name: str) -> FakeNode:
    return FakeNode(name, CODE, {"jsCode": "return $input.all();"})


def edit(name: str) -> FakeNode:
    return FakeNode(name, SET)


def calling(name: str, workflow: str) -> FakeNode:
    target = {"__rl": True, "mode": "id", "value": stable_id(workflow)}
    return FakeNode(name, CALL, {"source": "database", "workflowId": target})


def pause(name: str) -> FakeNode:
    return FakeNode(name, WAIT, {"resume": "webhook"})


ON_CALL = Plan(HANDLER, typical_ms=350, steps=(edit("Format"), call("Post", "chat", "Chat bot")))
PRICE = "Pricing: work out a price"
INVOICE = "Invoices: create the PDF"

SHOP = (
    Plan(
        "Orders: intake from the shop",
        per_day=180,
        rhythm=Rhythm.SHOP,
        typical_ms=420,
        fails=0.015,
        errors=("code", "type_error"),
        tags=("production", "orders"),
        steps=(code("Check order"), call("Save order", "erp", "ERP"), edit("Answer")),
    ),
    Plan(
        "Orders: send the confirmation",
        per_day=170,
        rhythm=Rhythm.SHOP,
        typical_ms=800,
        fails=0.012,
        errors=("rate_limited", "timeout"),
        tags=("production", "orders"),
        steps=(edit("Build mail"), call("Send mail", "mail", "Mail service")),
    ),
    Plan(
        "Orders: sync to the ERP",
        every=15,
        typical_ms=6_500,
        fails=0.02,
        errors=("refused", "timeout", "duplicate"),
        tags=("production", "orders", "erp"),
        steps=(call("Get orders", "shop", "Shop"), code("Map"), call("Push", "erp", "ERP")),
    ),
    Plan(
        "Payments: settle",
        per_day=150,
        rhythm=Rhythm.SHOP,
        typical_ms=1_300,
        fails=0.006,
        errors=("server_error", "unauthorized"),
        tags=("production", "finance"),
        calls=INVOICE,
        steps=(call("Charge", "payments", "Payments"), calling("Make invoice", INVOICE)),
    ),
    Plan(
        INVOICE,
        typical_ms=2_100,
        fails=0.02,
        errors=("data",),
        tags=("production", "finance"),
        steps=(code("Number it"), call("Render", "pdf")),
    ),
    Plan(
        "Quotes: answer a request",
        per_day=35,
        rhythm=Rhythm.OFFICE,
        typical_ms=700,
        fails=0.01,
        errors=("stopped",),
        tags=("production", "sales"),
        calls=PRICE,
        steps=(calling("Ask for price", PRICE), edit("Quote")),
    ),
    Plan(
        PRICE,
        typical_ms=260,
        fails=0.06,
        errors=("code", "type_error"),
        tags=("production", "sales"),
        steps=(code("Price"),),
    ),
    Plan(
        "Returns: approval",
        per_day=11,
        rhythm=Rhythm.OFFICE,
        typical_ms=900,
        waits=1.0,
        fails=0.02,
        errors=("stopped", "expression"),
        tags=("production", "support"),
        steps=(edit("Ask"), pause("Wait for answer"), call("Book return", "erp", "ERP")),
    ),
    Plan(
        "CRM: sync contacts",
        every=30,
        typical_ms=14_000,
        spread=0.8,
        fails=0.015,
        errors=("rate_limited", "reset"),
        tags=("production", "crm"),
        steps=(call("Read contacts", "crm", "CRM"), code("Compare"), call("Write", "crm", "CRM")),
    ),
    Plan(
        "CRM: enrich leads",
        per_day=60,
        rhythm=Rhythm.OFFICE,
        typical_ms=2_600,
        fails=0.04,
        errors=("not_found", "not_found", "timeout"),
        tags=("production", "crm", "sales"),
        steps=(call("Look up company", "companies", "Company data"), edit("Score")),
    ),
    Plan(
        "Storefront: events to the CRM",
        per_day=12_300,
        typical_ms=140,
        spread=0.5,
        fails=0.004,
        errors=("rate_limited", "reset"),
        days_live=2.0,
        tags=("production", "crm"),
        steps=(edit("Pick fields"), call("Track", "crm", "CRM")),
    ),
    Plan(
        "Marketing: morning newsletter",
        every=1_440,
        at=6 * 60,
        typical_ms=240_000,
        spread=0.3,
        fails=0.05,
        errors=("rate_limited",),
        tags=("production", "marketing"),
        steps=(call("Read subscribers", "crm", "CRM"), call("Send", "mail", "Mail service")),
    ),
    Plan(
        "Reports: revenue of yesterday",
        every=1_440,
        at=5 * 60 + 30,
        weekdays_only=True,
        typical_ms=38_000,
        fails=0.08,
        errors=("data", "malformed"),
        tags=("production", "finance"),
        steps=(call("Query", "warehouse-db", "Data warehouse"), code("Sum up")),
    ),
    Plan(
        "Warehouse: stock levels",
        every=15,
        at=4,
        typical_ms=3_200,
        fails=0.012,
        errors=("refused", "malformed"),
        tags=("production", "warehouse"),
        steps=(call("Read stock", "warehouse", "Warehouse"), code("Compare")),
    ),
    Plan(
        "Support: sort tickets",
        per_day=90,
        rhythm=Rhythm.OFFICE,
        typical_ms=5_400,
        spread=0.9,
        fails=0.03,
        errors=("rate_limited", "unavailable", "data"),
        tags=("production", "support"),
        steps=(call("Classify", "language-model", "Language model"), edit("Assign")),
    ),
    Plan(
        "Backup: export to storage",
        every=1_440,
        at=2 * 60 + 30,
        typical_ms=720_000,
        spread=0.3,
        fails=0.06,
        errors=("timeout", "reset"),
        tags=("production", "it"),
        steps=(call("Export", "shop", "Shop"), call("Upload", "storage", "Storage")),
    ),
    Plan("Legacy: FTP import", is_archived=True, tags=(), steps=(call("Fetch", "ftp"),)),
    ON_CALL,
)

STAGING = tuple(
    Plan(
        name,
        per_day=per_day,
        rhythm=Rhythm.OFFICE,
        typical_ms=600,
        fails=fails,
        errors=errors,
        tags=("staging",),
        steps=(code("Check"), call("Call", "sandbox", "Sandbox")),
    )
    for name, per_day, fails, errors in (
        ("Orders: intake from the shop", 40, 0.12, ("code", "type_error", "expression")),
        ("Orders: send the confirmation", 30, 0.08, ("no_credentials", "expression")),
        ("Payments: settle", 25, 0.10, ("unauthorized", "expression")),
        ("Support: sort tickets", 20, 0.15, ("malformed", "no_credentials")),
        ("Experiment: voice orders", 15, 0.30, ("unavailable", "type_error")),
    )
) + (ON_CALL,)

FACTORY = (
    Plan(
        "Production: machine readings", every=5, typical_ms=1_100, fails=0.006,
        errors=("timeout", "refused"), tags=("production", "plant"),
        steps=(call("Read machines", "plant", "Plant"), code("Check limits")),
    ),
    Plan(
        "Production: shift report", every=480, typical_ms=26_000, fails=0.03, errors=("data",),
        tags=("production", "plant"), steps=(call("Query", "plant", "Plant"), code("Sum up")),
    ),
    Plan(
        "Purchasing: approve an order", per_day=22, rhythm=Rhythm.OFFICE, typical_ms=700,
        waits=1.0, fails=0.02, errors=("stopped",), tags=("production", "purchasing"),
        steps=(edit("Ask"), pause("Wait for approval"), call("Release", "erp", "ERP")),
    ),
    Plan(
        "Purchasing: orders to the ERP", every=20, typical_ms=8_200, fails=0.018,
        errors=("duplicate", "timeout"), tags=("production", "purchasing", "erp"),
        steps=(call("Read", "purchasing"), code("Map"), call("Write", "erp", "ERP")),
    ),
    Plan(
        "Finance: read bank statements", every=1_440, at=4 * 60 + 45, weekdays_only=True,
        typical_ms=52_000, fails=0.07, errors=("unauthorized", "malformed"),
        tags=("production", "finance"), steps=(call("Fetch", "bank", "Bank"), code("Match")),
    ),
    Plan(
        "Finance: read incoming invoices", per_day=48, rhythm=Rhythm.OFFICE, typical_ms=7_800,
        spread=0.9, fails=0.035, errors=("data", "rate_limited", "stopped"),
        tags=("production", "finance"),
        steps=(call("Recognize", "documents", "Documents"), code("Check sums")),
    ),
    Plan(
        "Finance: reminders", every=1_440, at=7 * 60, weekdays_only=True, typical_ms=64_000,
        fails=0.04, errors=("rate_limited",), tags=("production", "finance"),
        steps=(call("Open items", "erp", "ERP"), call("Send", "mail", "Mail")),
    ),
    Plan(
        "HR: welcome a new colleague", per_day=3, rhythm=Rhythm.OFFICE, typical_ms=15_000,
        fails=0.05, errors=("no_credentials", "not_found"), tags=("production", "hr"),
        steps=(call("Create accounts", "directory", "Directory"), call("Mail", "mail", "Mail")),
    ),
    Plan(
        "HR: vacation requests", per_day=14, rhythm=Rhythm.OFFICE, typical_ms=1_200, fails=0.01,
        errors=("expression",), tags=("production", "hr"),
        steps=(edit("Read"), call("Book", "hr", "HR system")),
    ),
    Plan(
        "IT: certificates that end soon", every=60, typical_ms=4_000, fails=0.01,
        errors=("dns", "timeout"), saves_success=False, tags=("production", "it"),
        steps=(call("Look", "certificates"), code("Compare")),
    ),
    Plan(
        "Sales: offer as a PDF", per_day=40, rhythm=Rhythm.OFFICE, typical_ms=2_400, fails=0.02,
        errors=("server_error", "dns"), tags=("production", "sales"),
        steps=(edit("Fill in"), call("Render", "erp-legacy.globex")),
    ),
    Plan(
        "Sales: pipeline digest", every=1_440, at=6 * 60 + 15, weekdays_only=True,
        typical_ms=18_000, fails=0.03, errors=("rate_limited",), tags=("production", "sales"),
        steps=(call("Query", "crm", "CRM"), edit("Write")),
    ),
    Plan(
        "Service: sensor alarms", per_day=220, typical_ms=380, spread=0.5, fails=0.006,
        errors=("reset", "unavailable"), tags=("production", "service"),
        steps=(code("Judge"), call("Open ticket", "tickets", "Tickets")),
    ),
    ON_CALL,
)  # fmt: skip

USES_CRM = ("CRM: sync contacts", "CRM: enrich leads", "Storefront: events to the CRM")
USES_ERP = ("Orders: sync to the ERP", "Orders: intake from the shop", "Warehouse: stock levels")
SHOP_INCIDENTS = (
    Incident(148.0, 145.5, USES_ERP, "refused"),
    Incident(31.0, 30.2, ("Support: sort tickets",), "rate_limited"),
    Incident(2.6, 2.1, USES_CRM, "unauthorized", share=0.35),
)
FACTORY_INCIDENTS = (
    Incident(292.0, 286.0, ("Purchasing: orders to the ERP",), "timeout"),
    Incident(
        9.0, 7.5, ("Finance: read incoming invoices", "Service: sensor alarms"), "unavailable"
    ),
)


@dataclass(frozen=True, slots=True)
class DemoServer:
    """One stand-in n8n of the demonstration, and whose it is."""

    tenant_slug: str
    tenant_name: str
    name: str
    plans: tuple[Plan, ...]
    incidents: tuple[Incident, ...]
    seed: int
    first_id: int

    @property
    def key(self) -> str:
        """The API key, which is no secret: it opens nothing but made-up data on this machine."""
        return f"demo-{self.tenant_slug}-{self.name.lower()}"


DEMO = (
    DemoServer("acme", "Acme Outdoor", "Production", SHOP, SHOP_INCIDENTS, 11, 482_113),
    DemoServer("acme", "Acme Outdoor", "Staging", STAGING, (), 12, 7_021),
    DemoServer("globex", "Globex Works", "Production", FACTORY, FACTORY_INCIDENTS, 13, 93_505),
)
