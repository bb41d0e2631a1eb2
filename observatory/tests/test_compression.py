import gzip

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import RequestFactory

from observatory.compression import CompressionMiddleware

LONG = b"the same again " * 200


@pytest.fixture
def asked():
    return RequestFactory().get("/", headers={"accept-encoding": "gzip"})


def test_a_page_is_sent_compressed(asked):
    answer = CompressionMiddleware(lambda _: HttpResponse(LONG))(asked)

    assert answer["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.content) == LONG


def test_a_stream_arrives_as_it_comes(asked):
    answer = CompressionMiddleware(lambda _: StreamingHttpResponse([LONG, LONG]))(asked)

    assert "Content-Encoding" not in answer
    assert list(answer.streaming_content) == [LONG, LONG]


def test_the_site_compresses(client, db):
    answer = client.get("/sign-in", headers={"accept-encoding": "gzip"})

    assert answer["Content-Encoding"] == "gzip"
