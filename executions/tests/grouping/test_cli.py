import io
import json
import re

import pytest
from django.core.management import CommandError, call_command

from executions.grouping.cli import InvalidLine, classify_lines, suggest, suggestion_lines


def test_it_answers_each_line_with_its_group_and_class():
    lines = [
        '{"id": "a", "message": "getaddrinfo ENOTFOUND redis"}',
        "",
        '{"id": 7, "message": "getaddrinfo ENOTFOUND db", "node_type": null}',
        '{"message": "Bad request - please check your parameters", "description": "Slow down"}',
    ]

    first, second, third = map(json.loads, classify_lines(lines))

    assert (first["id"], second["id"], third["id"]) == ("a", 7, None)
    assert first["group"] == second["group"] != third["group"]
    assert [one["class"] for one in (first, second, third)] == ["dns", "dns", "rate_limit"]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("nonsense", "Line 2 is not JSON"),
        ("[1]", 'Line 2 has to be an object with "id" and "message".'),
        ('{"id": 1}', 'Line 2 has to be an object with "id" and "message".'),
        ("[" * 100_000, "Line 2 is not JSON"),
    ],
)
def test_it_refuses_what_is_no_error(line, sentence):
    with pytest.raises(InvalidLine, match=re.escape(sentence)):
        list(classify_lines(['{"message": "x"}', line]))


def test_it_suggests_rules_for_what_it_does_not_know():
    messages = ["Zorp 5 blorped west", "Zorp 6 blorped west", "Zorp 6 blorped east", "Quux"]
    lines = [json.dumps({"message": text}) for text in [*messages, "read ECONNRESET"]]

    clusters = suggest(lines)

    assert [(one.pattern, one.count, one.templates) for one in clusters] == [
        ("zorp {} blorped {}", 3, 2),
        ("quux", 1, 1),
    ]
    assert list(suggestion_lines(clusters[:1])) == [
        "# messages: 3, wordings: 2, class now: unknown",
        "zorp {} blorped {}",
        "    > Zorp 5 blorped west",
        "    > Zorp 6 blorped east",
    ]


def test_it_suggests_rules_for_every_text_without_one_when_asked():
    line = json.dumps({"message": "Order 5 was not found in the attic"})

    assert suggest([line]) == []
    assert [one.error_class for one in suggest([line], every_unruled=True)] == ["not_found"]


def test_it_classifies_standard_input(monkeypatch):
    answer = run("classify_errors", '{"id": 1, "message": "socket hang up"}\n', monkeypatch)

    assert json.loads(answer)["class"] == "connection"


def test_it_takes_broken_bytes_on_standard_input(monkeypatch):
    broken = io.TextIOWrapper(io.BytesIO(b'{"id": 1, "message": "\xff\xfe blorped"}\n'), "ascii")
    monkeypatch.setattr("sys.stdin", broken)
    answer = io.StringIO()

    call_command("classify_errors", stdout=answer)

    assert json.loads(answer.getvalue())["class"] == "unknown"


def test_it_prints_suggestions_up_to_a_limit(monkeypatch):
    lines = '{"message": "Zorp"}\n{"message": "Quux blorped here"}\n'

    answer = run("suggest_error_rules", lines, monkeypatch, top=1)

    assert answer.count("# messages") == 1


@pytest.mark.parametrize("command", ["classify_errors", "suggest_error_rules"])
def test_it_says_which_line_is_wrong(command, monkeypatch):
    with pytest.raises(CommandError, match="Line 1 is not JSON"):
        run(command, "nonsense", monkeypatch)


def test_it_refuses_a_limit_below_one(monkeypatch):
    with pytest.raises(CommandError, match="--top is 0; it has to be 1 or more"):
        run("suggest_error_rules", "", monkeypatch, top=0)


def run(command, text, monkeypatch, **options):
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    answer = io.StringIO()
    call_command(command, stdout=answer, **options)
    return answer.getvalue()
