import pytest

from executions.grouping.masks import LONGEST_ATTRIBUTE, MOST_ATTRIBUTES, mask


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("Order 6577255153 failed", "order <*> failed"),
        ("see https://a.example/x?y=1.", "see <*>"),
        ("mail to ana.diaz@example.com", "mail to <*>"),
        ("id 36b52949-b501-419f-ace3-0161ed0c74f1", "id <*>"),
        ("host 10.0.0.4:5432, ::1:25", "host <*>"),
        ("at 2026-11-23T17:34:17.123Z", "at <*>"),
        ("after 30 seconds, 27.7s, 5 MB", "after <*>"),
        ("open /tmp/x.json or C:\\x\\y", "open <*> or <*>"),
        ("column \"timeout\" of 'stock' in `db`", "column <*> of <*> in <*>"),
        ("column “timeout” of ‘stock’ in «db»", "column <*> of <*> in <*>"),
        ("Node 'When clicking ‘Run’' failed", "node <*> failed"),
        ("Can’t get it – really…", "cannot get it really"),
        ("It doesn't, won't and isn't", "it does not will not and is not"),
        ("the customer's 'Bob's order' failed", "the customer's <*> failed"),
        ("model gpt-4o-mini is gone", "model <*> is gone"),
        ("items.flatMap2 is not a function", "<*> is not a function"),
        ("authToken is not defined", "<*> is not defined"),
        ("field customer_id is missing", "field <*> is missing"),
        ("permission denied for table stock", "permission denied for table <*>"),
        ("table stock does not exist", "table <*> does not exist"),
        ("database is locked", "database is locked"),
        ("the model is overloaded", "the model is overloaded"),
        ("Model overloaded", "model overloaded"),
        ("Invalid sort direction: sideways", "invalid sort direction <*>"),
        ("Unsupported language: perl", "unsupported language <*>"),
        ("Invalid token: expired", "invalid token expired"),
        ("getaddrinfo ENOTFOUND redis", "getaddrinfo enotfound <*>"),
        ("Request failed with status code 404", "request failed with status code 404"),
        ("error code: 1015", "error code 1015"),
        ("status 10154", "status <*>"),
        ("Failed, reason: dailyLimit", "failed reason dailylimit"),
        ("Graph: rateLimitExceeded", "graph ratelimitexceeded"),
        ("Graph: orderId", "graph <*>"),
        ("The server responded with 503", "the server responded with 503"),
        ("It ended with 503 rows", "it ended with <*> rows"),
        ("Rejected: 550 5.1.1 Unknown", "rejected <*> 5.1.1 unknown"),
        ("Failed: SQLSTATE[42S02] and SQLSTATE 42P01", "failed sqlstate[42s02 and sqlstate 42p01"),
        ("error 0x80070005 of 0x7ffe1234", "error 0x80070005 of <*>"),
        ("errorCode=003001; statusCode=429", "errorcode=003001 statuscode=429"),
        ("Error code: InvalidParameter", "error code invalidparameter"),
        ("Slack error: 'no_text'", "slack error no_text"),
        ("TS2304", "ts2304"),
        ("Order TS2304", "order <*>"),
        ("12 of 404 items", "<*> of <*> items"),
        ('error response: "channel_not_found"', "error response channel_not_found"),
        ('error response: "no_permission"', "error response no_permission"),
        ("RESOURCE_EXHAUSTED or E11000", "resource_exhausted or e11000"),
        ("ThrottlingException happened", "throttlingexception happened"),
        ("java.lang.NullPointerException", "nullpointerexception"),
        ("read/write and image/png", "read/write and <*>"),
        ("the value {{ $json.url }} is bad", "the value <*> is bad"),
        ("3 item(s) left", "<*> items left"),
        ("[hidden] is wrong", "<*> is wrong"),
        ("ids 1, 2, 3 and 4", "ids <*> and <*>"),
        ("---", ""),
        ("", ""),
    ],
)
def test_it_leaves_the_template(text, template):
    assert mask(text).template == template


def test_it_keeps_values_as_attributes():
    masked = mask("Sheet 'Leads' of https://a.example/x, 10.0.0.4:80, id ab12, file /tmp/x")

    assert masked.attributes == (
        ("name", "Leads"),
        ("host", "a.example"),
        ("host", "10.0.0.4:80"),
        ("id", "ab12"),
        ("path", "/tmp/x"),
    )


def test_it_limits_attributes():
    masked = mask(" ".join(f"'{number}{'x' * 130}'" for number in range(40)))

    assert len(masked.attributes) == MOST_ATTRIBUTES
    assert all(len(value) <= LONGEST_ATTRIBUTE for _, value in masked.attributes)


def test_it_keeps_no_address_of_a_person_as_attribute():
    assert mask("mail to ana.diaz@example.com").attributes == ()
