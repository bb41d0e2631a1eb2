import pytest

from executions.grouping.classes import CLASSES
from executions.grouping.fingerprint import classify, classify_anew
from executions.grouping.text import ErrorInput


def error_class(message, **fields):
    return classify(ErrorInput(message=message, **fields)).error_class


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ('column "timeout" does not exist', "database"),
        ("Our cache said: deadline exceeded for shard", "timeout"),
        ("Quota of 300 requests per minute was passed", "rate_limit"),
        ("You have used all credits, please upgrade your plan", "quota"),
        ("The remote certificate could not be checked", "tls"),
        ("lookup shop.example: no such host", "dns"),
        ("the shop closed the connection early", "connection"),
        ("Sorry, that API token was rejected", "auth"),
        ("The key lacks the scope orders.read", "permission"),
        ("A contact with that mail already exists there", "conflict"),
        ("We could not find that contact", "not_found"),
        ("Our servers failed, internal server error", "server_error"),
        ("worker ran out of memory while merging", "resource"),
        ("The answer was cut by the content filter of the model", "ai_model"),
    ],
)
def test_it_judges_texts_that_no_rule_knows(message, expected):
    assert error_class(message) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("401", "auth"),
        (403, "permission"),
        ("404", "not_found"),
        ("409", "conflict"),
        ("429", "rate_limit"),
        ("402", "quota"),
        ("418", "validation"),
        ("503", "server_error"),
        ("504", "timeout"),
        ("ECONNREFUSED", "connection"),
        ("eai_again", "dns"),
        ("CERT_HAS_EXPIRED", "tls"),
        ("ER_SOMETHING_NEW", "database"),
        ("23505", "conflict"),
        ("42P01", "database"),
        ("P0001X", "unknown"),
        (None, "unknown"),
    ],
)
def test_it_falls_back_on_the_code(code, expected):
    assert error_class("Zorp blorped", http_code=code) == expected


def test_it_lets_a_specific_text_win_over_the_status():
    assert error_class("Insufficient credits for this call", http_code="429") == "quota"
    assert error_class("That chat was not found", http_code="400") == "not_found"


def test_it_lets_the_description_win_over_the_status():
    description = "You are sending too many requests"

    assert error_class("Zorp blorped", http_code="400", description=description) == "rate_limit"


def test_it_lets_a_status_win_over_weak_words():
    assert error_class("The thing is not as it must be", http_code="403") == "permission"


def test_it_takes_a_code_node_for_the_cause_of_its_own_texts():
    node = "n8n-nodes-base.code"

    assert error_class("Order is not found", node_type=node) == "code"
    assert error_class("Unexpected end of JSON input", node_type=node) == "data"
    assert error_class("connect ECONNREFUSED ::1:80", node_type=node) == "connection"
    assert error_class("Order is odd [line 3]") == "code"


def test_it_takes_a_database_node_for_a_refused_statement():
    node = "n8n-nodes-base.postgres"

    assert error_class("frobnicate of bigints is unknown", node_type=node) == "database"
    assert error_class("the server closed the connection early", node_type=node) == "connection"


def test_it_believes_the_author_of_a_stop_and_error_node():
    node = "n8n-nodes-base.stopAndError"

    assert error_class("Unauthorized", node_type=node) == "user_defined"


def test_it_keeps_texts_of_authors_apart_from_those_of_programs():
    author = classify(ErrorInput(message="Unauthorized", node_type="n8n-nodes-base.stopAndError"))

    assert author.fingerprint != classify(ErrorInput(message="Unauthorized")).fingerprint


def test_it_groups_without_regard_to_node_and_code():
    first = classify(ErrorInput(message="Zorp 5 blorped", node_type="x", http_code="400"))
    second = classify(ErrorInput(message="zorp 6 blorped!", node_type="y", http_code="500"))

    assert first.fingerprint == second.fingerprint


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Zorp blorped", "Zorp was blorped"),
        ("Request failed with status code 404", "Request failed with status code 403"),
        ('Slack error response: "users_not_found"', 'Slack error response: "user_not_found"'),
        ("Connection timeout", "Connection refused"),
    ],
)
def test_it_keeps_different_errors_apart(one, other):
    groups = {classify(ErrorInput(message=text)).fingerprint for text in (one, other)}

    assert len(groups) == 2


def test_it_tells_short_details_apart_by_their_sentence():
    sentences = (
        "Forbidden - perhaps check your credentials?",
        "Bad request - please check your parameters",
    )
    groups = {
        classify(ErrorInput(message=one, description="zorp")).fingerprint for one in sentences
    }

    assert len(groups) == 2


def test_it_puts_all_wordings_of_a_sentence_under_one_template():
    wordings = (
        "JSON parameter need to be an valid JSON",
        "JSON parameter needs to be valid JSON",
    )
    found = {(one.fingerprint, one.template) for one in map(_of, wordings)}

    assert len(found) == 1


def test_it_answers_alike_with_and_without_its_memory():
    error = ErrorInput(message="Zorp 5 blorped", http_code="404")

    assert classify(error) == classify(error) == classify_anew(error)


def test_it_does_not_take_true_for_one():
    assert classify(ErrorInput(message=1)).text == "1"
    assert classify(ErrorInput(message=True)).rule_key == "unknown.no_message"


def test_it_keeps_the_fingerprints_that_are_stored():
    # A change here moves errors between groups: raise GROUPING_VERSION with it.
    rule = classify(ErrorInput(message="getaddrinfo ENOTFOUND redis"))
    text = classify(ErrorInput(message="Zorp 5 blorped"))

    assert rule.fingerprint == "9934cf3e95b620b3e942a0b84b726537"
    assert text.fingerprint == "2f81902745cdfe86b73f402fbd0aabbb"


def _of(message):
    grouping = classify(ErrorInput(message=message))
    assert grouping.error_class in CLASSES
    return grouping
