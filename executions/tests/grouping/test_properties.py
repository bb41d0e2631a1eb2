"""Whatever n8n or a service says: it is classified, always alike, and leaves nothing behind."""

import random
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from executions.grouping.classes import CLASSES
from executions.grouping.fingerprint import classify, classify_anew
from executions.grouping.masks import MOST_ATTRIBUTES, mask
from executions.grouping.secrets import scrub
from executions.grouping.text import LONGEST_TEXT, ErrorInput, clean
from executions.tests.grouping.messages import development_messages
from executions.tests.grouping.test_secrets import PLANTED

_PIECES = [
    *(text for text, _ in PLANTED),
    *(str(message.error.message) for message in development_messages()[::7]),
    "Bad request - please check your parameters", "Error: ", "[RE-WRAPPED]: ", "404 - ", "\n", " ",
    '"', "'", "`", "‘", "’", "“", "{", "}", "[", "]", '{"message":"', '\\"', "<html>", "<title>",
    "</title>", "{{", "}}", "[line 3]", "[hidden]", "<*>", "password=", "token: ", "Bearer ", "://",
    "@", "=", ":", "zzwild", "zzwilds", "\x00", "\ud800", "İ", "é", "😀", "-----BEGIN PRIVATE KEY",
]  # fmt: skip
texts = st.one_of(
    st.text(st.characters(), max_size=300),
    st.lists(st.sampled_from(_PIECES), max_size=12).map("".join),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
inputs = st.builds(
    ErrorInput,
    message=json_values,
    description=json_values,
    messages=st.lists(json_values, max_size=3).map(tuple),
    cause=json_values,
    http_code=json_values,
    name=json_values,
    node_type=st.none() | texts | st.sampled_from(["n8n-nodes-base.code", "n8n-nodes-base.redis"]),
    status=st.sampled_from(["error", "crashed", "canceled", "odd"]),
)


@given(inputs)
@settings(max_examples=300, deadline=None)
def test_it_classifies_anything(error):
    grouping = classify(error)

    assert grouping.error_class in CLASSES
    assert len(grouping.fingerprint) == 32 and int(grouping.fingerprint, 16) >= 0
    assert grouping.text and len(grouping.text) <= LONGEST_TEXT
    assert len(grouping.attributes) <= MOST_ATTRIBUTES
    assert "\x00" not in repr(grouping)
    repr(grouping).encode()


@given(inputs)
@settings(max_examples=300, deadline=None)
def test_it_groups_its_own_text_alike(error):
    first = classify(error)
    stored = ErrorInput(message=first.text, node_type=error.node_type, status=error.status)

    assert classify(stored).fingerprint == first.fingerprint
    assert classify(stored).text == first.text


@given(texts)
@settings(max_examples=300, deadline=None)
def test_it_scrubs_once_and_for_all(text):
    scrubbed = scrub(text)

    assert scrub(scrubbed) == scrubbed
    assert clean(clean(text)) == clean(text)


@given(texts, st.sampled_from(PLANTED), texts)
@settings(max_examples=300, deadline=None)
def test_it_finds_a_secret_wherever_it_stands(before, planted, after):
    text, secret = planted
    around = [
        re.sub(f"planted|{re.escape(secret)}", "", one, flags=re.I) for one in (before, after)
    ]
    message = f"{around[0]}\n {text} \n{around[1]}"

    assert secret not in repr(classify(ErrorInput(message=message, description=text)))


@given(texts)
@settings(max_examples=200, deadline=None)
def test_it_masks_within_limits(text):
    masked = mask(clean(text))

    assert all(token and " " not in token for token in masked.tokens)


@pytest.mark.parametrize("seed", range(3))
def test_it_does_not_depend_on_the_order_of_messages(seed):
    errors = [replace(message.error) for message in development_messages()]
    expected = [classify_anew(error) for error in errors]
    order = list(range(len(errors)))
    random.Random(seed).shuffle(order)

    found = {place: classify_anew(errors[place]) for place in order}

    assert [found[place] for place in range(len(errors))] == expected
