from executions.grouping.classes import CLASSES


def test_it_has_the_classes_in_full():
    assert len(CLASSES) == 23
    assert all(key == one.key for key, one in CLASSES.items())


def test_it_advises_in_sentences():
    for one in CLASSES.values():
        assert one.title and one.meaning.endswith(".") and one.advice.endswith("."), one.key
        assert one.retry_helps in ("yes", "no", "maybe")


def test_it_says_that_waiting_helps_against_a_rate_limit_and_not_against_a_quota():
    assert CLASSES["rate_limit"].retry_helps == "yes"
    assert CLASSES["quota"].retry_helps == "no"
