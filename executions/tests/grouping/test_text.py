import json

import pytest

from executions.grouping.fingerprint import classify
from executions.grouping.text import LONGEST_TEXT, ErrorInput, clean, pick, plain, read_error
from executions.tests.grouping.messages import FOLDER

RECORDED = json.loads((FOLDER / "recorded-errors.json").read_text("utf-8"))
BAD_REQUEST = "Bad request - please check your parameters"
REFUSED = "The service refused the connection - perhaps it is offline"


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["name"])
def test_it_judges_recorded_errors(case):
    grouping = classify(read_error(case["error"], status=case["status"]))

    assert (grouping.error_class, grouping.rule_key) == (case["class"], case["rule_key"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, ""),
        (404, "404"),
        (1.5, "1.5"),
        ("  padded ", "padded"),
        ([1, "a"], '[1, "a"]'),
        ({"message": "inside"}, "inside"),
        ({"a": 1}, '{"a": 1}'),
        ({"message": ""}, '{"message": ""}'),
        ("a\x00b", "a\ufffdb"),
        ("a\ud800b", "a?b"),
        ("e\u0301", "\u00e9"),
        ("\ufefftext", "text"),
        (b"bytes", "\"b'bytes'\""),
    ],
)
def test_it_makes_text_of_any_value(value, text):
    assert plain(value) == text


def test_it_makes_text_of_a_value_that_contains_itself():
    endless: list[object] = []
    endless.append(endless)

    assert plain(endless) == "[list]"


def test_it_cuts_a_text_of_ten_megabytes():
    assert len(clean("long " * 2_000_000)) <= LONGEST_TEXT


def test_it_takes_the_description_behind_a_general_sentence():
    picked = pick(ErrorInput(message=BAD_REQUEST, description="Bad Request: chat not found"))

    assert picked.detail == "Bad Request: chat not found"


@pytest.mark.parametrize(
    "description",
    ["", None, "Bad Request", "TypeError", BAD_REQUEST, "Double-check the value in 'Chat ID'"],
)
def test_it_passes_over_descriptions_that_tell_nothing(description):
    body = '400 - "{\\"error\\":{\\"message\\":\\"No such customer\\"}}"'
    picked = pick(ErrorInput(message=BAD_REQUEST, description=description, messages=(body,)))

    assert picked.detail == body


def test_it_takes_the_cause_where_nothing_else_tells():
    picked = pick(ErrorInput(message="Unknown error", cause={"message": "socket hang up"}))

    assert picked.detail == "socket hang up"


def test_it_keeps_the_sentence_of_an_errno_and_the_host_behind_it():
    grouping = classify(ErrorInput(message=REFUSED, messages=("connect ECONNREFUSED 10.0.0.5:80",)))

    assert grouping.rule_key == "connection.n8n_refused"
    assert ("host", "10.0.0.5:80") in grouping.attributes


def test_it_prefers_what_was_said_over_a_sentence_that_does_not_fit():
    false_alarm = "Operation not permitted, make sure you have the right permissions"
    grouping = classify(
        ErrorInput(message=false_alarm, description="Unknown field name: rolePermission")
    )

    assert grouping.error_class == "validation"


def test_it_reads_its_own_text_again():
    first = classify(ErrorInput(message=BAD_REQUEST, description="Bad Request: chat not found"))
    again = classify(ErrorInput(message=first.text))

    assert again.fingerprint == first.fingerprint
    assert first.text == f"{BAD_REQUEST}\nBad Request: chat not found"


@pytest.mark.parametrize(
    ("status", "rule_key"),
    [
        ("crashed", "resource.crashed_silently"),
        ("canceled", "timeout.run_without_error"),
        ("error", "unknown.no_message"),
        ("anything", "unknown.no_message"),
    ],
)
def test_it_has_a_group_for_each_way_of_ending_without_a_word(status, rule_key):
    for error in (None, {}, {"message": ""}, {"message": None}):
        grouping = classify(read_error(error, status=status))

        assert grouping.rule_key == rule_key
        assert classify(ErrorInput(message=grouping.text)).fingerprint == grouping.fingerprint


@pytest.mark.parametrize(
    "error",
    ["text", 5, [], {"message": {"message": "x"}}, {"node": 3, "messages": "no"}, {"httpCode": []}],
)
def test_it_reads_error_objects_of_any_shape(error):
    assert classify(read_error(error)).fingerprint


def test_it_takes_the_type_of_the_failed_node_from_the_error():
    error = read_error({"message": "x", "node": {"type": "n8n-nodes-base.stopAndError"}})

    assert classify(error).error_class == "user_defined"
