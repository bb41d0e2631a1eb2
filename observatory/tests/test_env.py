import pytest
from django.core.exceptions import ImproperlyConfigured

from observatory import env


def test_it_takes_the_default_where_nothing_is_set(monkeypatch):
    monkeypatch.delenv("SAMPLE", raising=False)

    assert env.text("SAMPLE", "x") == "x"
    assert env.boolean("SAMPLE", True) is True
    assert env.integer("SAMPLE", 5, minimum=1, maximum=9) == 5
    assert env.words("SAMPLE", ("a",)) == ("a",)
    assert env.secret("SAMPLE", "s") == "s"


@pytest.mark.parametrize("word", ["1", "true", "YES", " on "])
def test_it_reads_yes(monkeypatch, word):
    monkeypatch.setenv("SAMPLE", word)

    assert env.boolean("SAMPLE", False) is True


@pytest.mark.parametrize("word", ["maybe", "2", "tru"])
def test_it_names_a_wrong_yes_or_no(monkeypatch, word):
    monkeypatch.setenv("SAMPLE", word)

    with pytest.raises(ImproperlyConfigured, match=f"SAMPLE is '{word}'; allowed are true"):
        env.boolean("SAMPLE", False)


@pytest.mark.parametrize("word", ["0", "10", "x", "1.5", "-3"])
def test_it_names_a_number_out_of_bounds(monkeypatch, word):
    monkeypatch.setenv("SAMPLE", word)

    with pytest.raises(ImproperlyConfigured, match="SAMPLE is .*whole numbers from 1 to 9"):
        env.integer("SAMPLE", 5, minimum=1, maximum=9)


def test_it_names_a_word_that_is_not_offered(monkeypatch):
    monkeypatch.setenv("SAMPLE", "xml")

    with pytest.raises(ImproperlyConfigured, match="SAMPLE is 'xml'; allowed are json, console"):
        env.text("SAMPLE", "json", allowed=("json", "console"))


def test_it_reads_a_secret_from_the_file_of_its_twin(monkeypatch, tmp_path):
    file = tmp_path / "secret"
    file.write_text("hidden\n")
    monkeypatch.setenv("SAMPLE_FILE", str(file))

    assert env.secret("SAMPLE") == "hidden"


def test_it_refuses_a_secret_that_is_set_twice(monkeypatch, tmp_path):
    monkeypatch.setenv("SAMPLE", "a")
    monkeypatch.setenv("SAMPLE_FILE", str(tmp_path / "b"))

    with pytest.raises(ImproperlyConfigured, match="Both SAMPLE and SAMPLE_FILE"):
        env.secret("SAMPLE")


def test_it_names_a_secret_file_that_cannot_be_read(monkeypatch, tmp_path):
    monkeypatch.setenv("SAMPLE_FILE", str(tmp_path / "missing"))

    with pytest.raises(ImproperlyConfigured, match="SAMPLE_FILE names .*missing"):
        env.secret("SAMPLE")
