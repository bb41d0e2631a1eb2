"""Going down n8n's list of executions, page after page, beside the writing of what was found.

n8n is asked for one page at a time and without a pause: while one page is written, the next one
waits and the one after it is fetched. Pages that came while others were written are handed over
together, so that writing, most of which is the same for one page and for two, keeps up with n8n.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from executions.models import SyncRun
from executions.n8n.client import execution_cursor
from executions.n8n.errors import BadResponse
from executions.normalize import ExecutionRecord, normalize
from executions.turn import Turn

# The page that waits and the one that is fetched.
PAGES_AHEAD = 2
# A page that leads nowhere is asked for so often; then it is what n8n has.
ASKED_AGAIN = 3
TAKES_OUR_CURSORS = "takes_our_cursors"


@dataclass(frozen=True, slots=True)
class Page:
    """A page as records; ``next_position`` is the cursor below it, None at the end of the list."""

    records: list[ExecutionRecord]
    next_position: str | None
    server_date: datetime | None
    refused: int

    @property
    def orders(self) -> list[int]:
        return [record.id_order for record in self.records if record.id_order is not None]


@dataclass(frozen=True, slots=True)
class Floor:
    """Where a walk ends, by id or by time."""

    order: int | None
    at: datetime | None

    def is_reached_by(self, page: Page) -> bool:
        if self.order is not None and page.orders and min(page.orders) <= self.order:
            return True
        starts = [record.started_at for record in page.records if record.started_at is not None]
        # All of the page: one run that waited for weeks says nothing of its neighbours.
        return self.at is not None and bool(starts) and max(starts) < self.at


class Descent:
    """The pages below the position of a walk, until its floor or the end of the turn."""

    def __init__(self, turn: Turn, run: SyncRun) -> None:
        self._turn = turn
        self._position = run.position
        self._lowest = run.lowest_order
        self._passed = run.pages
        self._floor = Floor(run.floor_order, run.floor_at)
        self._is_over = False

    def next_page(self) -> Page | None:
        """The next page, None after the last one. Raises N8nError, and is over after that.

        One that leads nowhere is asked for again; raises BadResponse where n8n keeps giving a page
        that was there before.
        """
        if self._is_over:
            return None
        self._is_over = True
        page = self._fetch()
        for _ in range(ASKED_AGAIN):
            if self._leads_on(page):
                break
            page = self._fetch()
        if not self._leads_on(page) and (page.records or page.next_position == self._position):
            host = self._turn.client.host
            raise BadResponse(host, fault="its list of executions leads in a circle")
        self._pass(page)
        return page

    def _fetch(self) -> Page:
        listed = self._turn.client.list_executions(cursor=self._position or None)
        records = [normalize(item) for item in listed.items]
        position = self._below(records, listed.next_cursor)
        return Page(records, position, listed.server_date, len(listed.refused))

    def _below(self, records: list[ExecutionRecord], cursor: str | None) -> str | None:
        """The cursor of the next page.

        Made from the lowest id where ids are numbers: it can only fall, and n8n's own one is wrong
        where it leads in a circle.
        """
        orders = [record.id_order for record in records if record.id_order is not None]
        ours = self._turn.state.capabilities.get(TAKES_OUR_CURSORS, True)
        if cursor is None or not ours or not orders or len(orders) < len(records):
            return cursor
        return execution_cursor(str(min(orders)))

    def _leads_on(self, page: Page) -> bool:
        """Whether a page goes below all that was passed; an empty one may be the end or a fault."""
        if not page.records:
            return self._position == ""
        if self._passed == 0:
            return True
        if len(page.orders) < len(page.records):
            return page.next_position is None or page.next_position != self._position
        return self._lowest is None or min(page.orders) < self._lowest

    def _pass(self, page: Page) -> None:
        self._passed += 1
        self._position = page.next_position or self._position
        passed = () if self._lowest is None else (self._lowest,)
        self._lowest = min((*page.orders, *passed), default=None)
        self._is_over = (
            page.next_position is None
            or self._floor.is_reached_by(page)
            or not self._turn.has_time()
        )


@contextmanager
def pages_ahead(descent: Descent) -> Iterator[Iterator[list[Page]]]:
    """The descent's pages, fetched in a thread of their own that ends with the block.

    Each time all that have come, but the first page by itself: it is the one that is waited for.
    """
    thread = ThreadPoolExecutor(1, thread_name_prefix="next-page")

    def pages() -> Iterator[list[Page]]:
        upcoming = deque(thread.submit(descent.next_page) for _ in range(PAGES_AHEAD))
        come: list[Page] = []
        is_first = True
        while (page := upcoming.popleft().result()) is not None:
            upcoming.append(thread.submit(descent.next_page))
            come.append(page)
            if is_first or not _has_come(upcoming[0]):
                yield come
                come, is_first = [], False
        if come:
            yield come

    try:
        yield pages()
    finally:
        thread.shutdown(cancel_futures=True)


def _has_come(page: Future[Page | None]) -> bool:
    return page.done() and page.exception() is None
