"""No body is read without end, whatever it says of its length."""

import asyncio

import orjson
import pytest

from observatory.bodies import limited


async def reader(scope, receive, send):
    """As Django does it: all of the body, or nothing where the other side is gone."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def ask(*chunks, kind="http"):
    """The messages that are sent for a request in these chunks, and how many were read."""
    waiting = [
        {"type": "http.request", "body": chunk, "more_body": chunk is not chunks[-1]}
        for chunk in chunks
    ]
    sent = []

    async def receive():
        return waiting.pop(0)

    async def send(message):
        sent.append(message)

    asyncio.run(limited(reader, largest=10)({"type": kind, "path": "/x"}, receive, send))
    return sent, len(chunks) - len(waiting)


@pytest.mark.parametrize("chunks", [(b"",), (b"0123456789",), (b"01234", b"56789")])
def test_a_body_up_to_the_limit_comes_through(chunks):
    sent, _ = ask(*chunks)

    assert (sent[0]["status"], sent[1]["body"]) == (200, b"".join(chunks))


def test_a_larger_one_is_refused_before_it_has_come_whole():
    sent, read = ask(b"01234", b"567890", b"never read", b"nor this")

    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[0]["status"] == 413
    assert "more than 10 bytes" in orjson.loads(sent[1]["body"])["detail"]
    assert read == 2


def test_what_is_no_request_is_left_alone():
    sent, _ = ask(b"01234567890123", kind="websocket")

    assert sent[0]["status"] == 200
