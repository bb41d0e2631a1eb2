from pathlib import Path
from typing import Any

import pytest

from observatory.stack.static import fingerprint, is_collected, note_collected


@pytest.fixture
def source(settings: Any, tmp_path: Path) -> Path:
    """A file of ours, and a folder with nothing collected yet."""
    file = tmp_path / "source" / "page.css"
    file.parent.mkdir()
    file.write_text("a {}")
    settings.STATICFILES_DIRS = [file.parent]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = tmp_path / "collected"
    settings.STATIC_ROOT.mkdir()
    return file


def test_files_that_were_collected_are_not_collected_again(source: Path) -> None:
    assert not is_collected(fingerprint())

    note_collected(fingerprint())

    assert is_collected(fingerprint())


def test_a_changed_file_is_collected_again(source: Path) -> None:
    note_collected(fingerprint())

    source.write_text("a { color: red }")

    assert not is_collected(fingerprint())


def test_a_new_file_is_collected(source: Path) -> None:
    note_collected(fingerprint())

    source.with_name("new.css").write_text("")

    assert not is_collected(fingerprint())
