import pytest

from executions.grouping import words
from executions.grouping.classes import CLASSES
from executions.grouping.rules.rule import Rule
from executions.grouping.words import Evidence, circumstances, class_of, read_weights
from executions.tests.grouping.learn import as_text, learn, rule_samples


def test_it_takes_compounds_apart_and_knows_long_words_by_their_beginning():
    signs = words.words(Evidence(("channel_not_found", "<*>", "certificates")))

    assert signs == {
        "channel_not_found", "chann~", "channel", "not", "found", "certificates", "certi~",
    }  # fmt: skip


def test_it_reads_the_names_of_errors_as_words():
    signs = words.words(Evidence((), names=("ThrottlingException", "ER_LOCK_DEADLOCK")))

    assert {"throttling", "exception", "lock", "deadlock"} <= signs


@pytest.mark.parametrize(
    ("evidence", "signs"),
    [
        (Evidence((), code="404"), {"#404", "##not_found", "@", "@@none"}),
        (Evidence(("status", "code", "503")), {"#503", "##server_error", "@", "@@none"}),
        (Evidence(("read", "econnreset")), {"#", "##connection", "@", "@@none"}),
        (
            Evidence((), names=("ER_DUP_ENTRY",), node_type="n8n-nodes-base.mySql"),
            {"#", "##conflict", "@mySql", "@@database"},
        ),
        (Evidence((), node_type="n8n-nodes-base.merge"), {"#", "@merge", "@@item"}),
        (Evidence((), node_type="n8n-nodes-base.code"), {"#", "@code", "@@code"}),
        (Evidence((), node_type="@n8n/n8n-nodes-langchain.agent"), {"#", "@agent", "@@model"}),
        (Evidence((), node_type="n8n-nodes-base.slack"), {"#", "@slack", "@@other"}),
    ],
)
def test_it_reads_codes_and_nodes(evidence, signs):
    assert circumstances(evidence) == signs


def test_it_says_unknown_of_words_that_it_never_met():
    assert class_of(Evidence(("zorp", "blorped"))) == "unknown"
    assert class_of(Evidence(("zorp", "blorped"), code="503")) == "server_error"


def test_it_weighs_the_description_too():
    assert class_of(Evidence(("zorp",), hint=("certificate", "expired"))) == "tls"


def test_it_learns_what_words_tell():
    rules = [
        Rule("tls.a", ("x",), ("The certificates of Zorp", "No certificate")),
        Rule("dns.b", ("x",), ("The host of Zorp", "No host")),
    ]

    weights = read_weights(as_text(learn(list(rule_samples(rules)))))

    assert class_that_has_most("certi~", weights) == "tls"
    assert class_that_has_most("host", weights) == "dns"


def test_it_writes_the_same_weights_for_the_same_messages():
    rules = [Rule("tls.a", ("x",), ("No certificate",)), Rule("dns.b", ("x",), ("No host",))]

    assert len({as_text(learn(list(rule_samples(rules)))) for _ in range(2)}) == 1


def class_that_has_most(sign, weights):
    return tuple(CLASSES)[max(weights[sign], key=lambda pair: pair[1])[0]]
