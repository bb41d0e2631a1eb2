import pytest

from executions.grouping.unwrap import unwrap


@pytest.mark.parametrize(
    ("text", "core"),
    [
        ("NodeApiError: Error: read ECONNRESET", "read ECONNRESET"),
        ("[RE-WRAPPED]: The service failed", "The service failed"),
        ("Problem in node ‘Get rows‘: It broke", "It broke"),
        ("Problem in node 'Get rows'\nIt broke", "It broke"),
        ("error: relation does not exist", "relation does not exist"),
        ("TypeError [ERR_INVALID_URL]: Invalid URL", "Invalid URL"),
        ("ER_DUP_ENTRY: Duplicate entry", "Duplicate entry"),
        ("Uncaught (in promise): gone", "gone"),
        ("429 Rate limit reached", "Rate limit reached"),
        ("404 - Not there", "Not there"),
        ("HTTP 502: broken", "broken"),
        ("521 521: Web server is down", "Web server is down"),
        ("""(1054, "Unknown column 'id'")""", "Unknown column 'id'"),
        ("(1054, 'broken'", "(1054, 'broken'"),
        ("KeyError: 'length'", "KeyError: 'length'"),
        ("Error: 404", "Error: 404"),
        ("it broke [line 12, for item 3]", "it broke"),
        ("it broke [item 0]", "it broke"),
        ("it broke [condition 0, item 14]", "it broke"),
        ("it broke\n    at run (/x/y.js:1:2)\n    at next", "it broke"),
        ('"a text in quotes"', "a text in quotes"),
        ('{"message": "No such customer"}', "No such customer"),
        ('{"error": {"code": 404, "message": "No such customer"}}', "No such customer"),
        ('{"errors": [{"detail": "No such customer"}]}', "No such customer"),
        ('{"error": "invalid_grant", "error_description": "It is revoked."}', "It is revoked."),
        ('{"odd": {"deep": {"message": "No such customer"}}}', "No such customer"),
        ('404 - "{\\"message\\":\\"No such customer\\"}"', "No such customer"),
        ('400 {"type":"error","error":{"message":"Too long"}}', "Too long"),
        ('Sending failed: {"message": "No such customer"}', "Sending failed: No such customer"),
        ('{"message": "cut off here', "cut off here"),
        ("<html><head><title>502 Bad Gateway</title></head></html>", "Bad Gateway"),
        ("502 - <!DOCTYPE html><html><body><h1>Oops</h1></body></html>", "Oops"),
        ('Your <a href="https://a.example">quota</a> is <b>spent</b>', "Your quota is spent"),
        ('{"error": {"code": "model_not_found"}}', "model_not_found"),
        ("[object Object]", "[object Object]"),
        ('{"a": 1}', '{"a": 1}'),
        ("", ""),
    ],
)
def test_it_takes_wrappers_off(text, core):
    assert unwrap(text).text == core


def test_it_remembers_what_it_took_off():
    unwrapped = unwrap('NodeApiError: 404 - "{\\"message\\":\\"Not Found\\"}"')

    assert unwrapped.names == ("NodeApiError",)
    assert (unwrapped.status, unwrapped.from_body) == ("404", True)


def test_it_knows_the_position_in_a_program():
    assert unwrap("it broke [line 3]").had_position
    assert not unwrap("it broke [item 3]").had_position


def test_it_survives_fifty_thousand_brackets():
    assert unwrap("[" * 50_000).text
    assert unwrap('{"a":' * 50_000).text
