import asyncio
import threading

from asgiref.sync import SyncToAsync
from django.db import transaction
from django.http import HttpResponse
from django.test import AsyncRequestFactory
from django.urls import path
from django.utils.deprecation import MiddlewareMixin

from observatory.handler import Handler

steps = []


class Noting(MiddlewareMixin):
    """As Django's own are: for a loop and for a thread."""

    def process_request(self, request):
        steps.append(threading.current_thread())

    def process_response(self, request, response):
        steps.append(threading.current_thread())
        return response


@transaction.non_atomic_requests
def view(request):
    steps.append(threading.current_thread())
    return HttpResponse("seen")


urlpatterns = [path("", view)]


def test_middlewares_and_view_are_one_change_from_the_loop_to_one_thread(settings, monkeypatch):
    settings.MIDDLEWARE = [f"{__name__}.Noting"] * 3
    settings.ROOT_URLCONF = __name__
    changes, hand_over = [], SyncToAsync.__call__

    async def counted(self, *args, **kwargs):
        changes.append(self)
        return await hand_over(self, *args, **kwargs)

    monkeypatch.setattr(SyncToAsync, "__call__", counted)

    response = asyncio.run(Handler().get_response_async(AsyncRequestFactory().get("/")))

    assert response.content == b"seen"
    assert len(changes) == 1
    assert len(steps) == 7
    assert len(set(steps) - {threading.current_thread()}) == 1
