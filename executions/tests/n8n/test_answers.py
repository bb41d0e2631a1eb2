from datetime import UTC, datetime, timedelta

import pytest

from executions.n8n.answers import read_json, retry_after, server_date
from executions.n8n.errors import BadResponse, NotN8n, TooLarge

NOW = datetime(2026, 11, 23, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("30", 30),
        (" 7 ", 7),
        ("1.5", 1.5),
        ("0", 0),
        ("-5", 0),
        ("315360000", 900),
        ("9" * 40, 900),
        ("9" * 400, None),
        ("Mon, 23 Nov 2026 18:00:20 GMT", 20),
        ("Mon, 23 Nov 2026 17:00:00 GMT", 0),
        ("Thu, 23 Nov 2036 18:00:00 GMT", 900),
        ("Mon, 23 Nov 2026 18:00:20", 20),
        ("soon", None),
        ("", None),
        ("NaN", None),
        ("٣", None),
    ],
)
def test_how_long_to_wait_is_never_more_than_a_quarter_of_an_hour(header, seconds):
    expected = None if seconds is None else timedelta(seconds=seconds)

    assert retry_after(header, NOW) == expected


@pytest.mark.parametrize(
    ("header", "moment"),
    [
        ("Mon, 23 Nov 2026 18:00:00 GMT", NOW),
        ("Mon, 23 Nov 2026 20:00:00 +0200", NOW),
        ("", None),
        ("yesterday", None),
    ],
)
def test_the_other_clock_is_read_from_its_header(header, moment):
    assert server_date({"Date": header}) == moment


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": "\\ud800"}', {"a": "\ud800"}),
        (b'{"a": "\xff"}', {"a": "\ufffd"}),
        (b"9007199254740993", 9007199254740993),
        (b'{"a": 1, "a": 2}', {"a": 2}),
    ],
)
def test_json_is_read_where_its_meaning_is_clear(body, value):
    assert read_json("host", body) == value


@pytest.mark.parametrize(
    "body",
    [b"", b"  ", b'{"data": [', b"NaN", b"[Infinity]", b"[" * 100_000, b"not json", b"\x00\x01"],
)
def test_what_is_no_json_is_a_bad_response(body):
    with pytest.raises(BadResponse) as caught:
        read_json("n8n.example", body)

    assert "n8n.example" in caught.value.sentence


@pytest.mark.parametrize("piece", [b"{},", b"[],", b'{"a":1},', b"1,"])
def test_what_would_grow_beyond_measure_is_not_taken_apart(piece):
    body = b"[" + piece * (1_500_000 // (piece.count(b",") + piece.count(b"{")) + 1) + b"0]"

    with pytest.raises(TooLarge) as caught:
        read_json("n8n.example", body)

    assert caught.value.sentence == (
        "The answer of n8n.example holds more than 1,500,000 values and was not taken apart."
    )


@pytest.mark.parametrize("body", [b"<!DOCTYPE html>", b"\n <html>", b"\xef\xbb\xbf<html>"])
def test_a_page_for_browsers_is_not_n8n(body):
    with pytest.raises(NotN8n):
        read_json("n8n.example", body)
