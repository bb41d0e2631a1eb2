"""Pages that are fetched ahead: in what portions they are handed over."""

import threading

import pytest

from executions import descent
from executions.descent import Page, pages_ahead
from executions.n8n.errors import BadResponse


class Descending:
    """Gives so many numbered pages, then None; stands still at the fourth until it is let go."""

    def __init__(self, pages, error=None):
        self._pages, self._error, self._asked = pages, error, 0
        self.is_at_fourth, self.go_on = threading.Event(), threading.Event()

    def next_page(self):
        self._asked += 1
        if self._asked == 4:
            self.is_at_fourth.set()
            self.go_on.wait(20)
        if self._asked <= self._pages:
            return Page([], next_position=str(self._asked), server_date=None, refused=0)
        if self._error is not None:
            raise self._error
        return None


def numbers(pages):
    return [int(page.next_position) for page in pages]


@pytest.fixture
def portions(monkeypatch):
    """The first two portions of pages; the second is taken when three more are there or begun."""
    monkeypatch.setattr(descent, "PAGES_AHEAD", 3)

    def portions(descending):
        with pages_ahead(descending) as come:
            yield numbers(next(come))
            descending.is_at_fourth.wait(20)
            yield numbers(next(come))
            descending.go_on.set()
            for pages in come:
                yield numbers(pages)

    return portions


def test_pages_that_came_meanwhile_are_handed_over_together_but_the_first_one(portions):
    found = list(portions(Descending(5)))

    assert found[:2] == [[1], [2, 3]]
    assert sum(found[2:], []) == [4, 5]


def test_what_came_before_a_fault_is_handed_over_before_it_is_raised(portions):
    found = []

    with pytest.raises(BadResponse):
        found.extend(portions(Descending(3, error=BadResponse("n8n", fault="it broke"))))

    assert found == [[1], [2, 3]]
