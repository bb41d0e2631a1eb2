"""What of other people's data may be looked at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executions.masking import (
    DEEPEST,
    LONGEST_TEXT,
    MOST_ITEMS,
    MOST_VALUES,
    Branch,
    Leaf,
    Masker,
    Shown,
    names_secret,
)
from executions.templatetags.payloads import payload_tree

TOKEN = "ghp_" + "a1B2" * 9


def texts(shown: Shown) -> list[str]:
    if isinstance(shown, Leaf):
        return [shown.text]
    return [text for _, part in shown.parts for text in texts(part)]


def shown_text(value: object) -> str:
    return payload_tree(Masker().show(value))


@pytest.mark.parametrize(
    "value",
    [
        {"password": "hunter2"},
        {"headers": {"authorization": "Basic aHVudGVyMg=="}},
        {"headers": [{"name": "X-Api-Key", "value": "hunter2"}]},
        {"Set-Cookie": ["sid=hunter2"]},
        {"client_secret": {"deep": ["hunter2"]}},
        {"apiKey": "hunter2", "n": 1},
        {"resumeToken": "hunter2"},
        {"pin": 4711},
        {"text": f"curl -H 'Authorization: Bearer {TOKEN}'"},
        {"url": "https://user:hunter2@host/path?api_key=hunter2"},
        {"body": '{"access_token": "hunter2hunter2"}'},
        {TOKEN: "as a key"},
    ],
)
def test_no_secret_is_shown(value: object) -> None:
    text = shown_text(value)

    for secret in ("hunter2", "aHVudGVyMg", "4711", TOKEN):
        assert secret not in text
    assert "[hidden]" in text


@pytest.mark.parametrize(
    ("key", "is_secret"),
    [
        ("total_tokens", False),
        ("tokenUsage", False),
        ("expires_in", False),
        ("author", False),
        ("monkey", False),
        ("passenger", False),
        ("X-Amz-Security-Token", True),
        ("db_password", True),
        ("refreshToken", True),
        ("credentials", True),
    ],
)
def test_a_key_tells_whether_its_value_is_a_secret(key: str, is_secret: bool) -> None:
    assert names_secret(key) is is_secret


def test_what_is_left_out_is_said() -> None:
    shown = Masker().show({"long": "x" * 10_000, "list": list(range(100))})

    assert isinstance(shown, Branch)
    (_, text), (_, items) = shown.parts
    assert isinstance(text, Leaf)
    assert isinstance(items, Branch)
    assert (len(text.text), text.note) == (LONGEST_TEXT, "6,000 more characters")
    assert (len(items.parts), items.left_out) == (MOST_ITEMS, 75)


def test_depth_and_number_of_values_have_a_limit() -> None:
    deep: object = "bottom"
    for _ in range(3 * DEEPEST):
        deep = [deep]
    wide = [[[n] * MOST_ITEMS for n in range(MOST_ITEMS)] for _ in range(MOST_ITEMS)]
    masker = Masker()

    assert "bottom" not in texts(masker.show(deep))
    assert len(texts(masker.show(wide))) <= MOST_VALUES
    assert masker.is_full


def test_hostile_text_stays_text() -> None:
    text = shown_text({"<script>": '</bdi><script>alert("1")</script>', "rtl": "\u202eabc"})

    assert "<script>" not in text
    assert "&lt;script&gt;" in text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_data_can_be_shown(value: object) -> None:
    assert shown_text(value).startswith('<div class="tree"')
