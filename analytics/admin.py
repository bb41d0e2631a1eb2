"""How the numbers' own upkeep stands, for operators."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from kombu.exceptions import OperationalError

from analytics import tasks
from analytics.models import ViewState
from tenants.admin import ReadOnlyAdmin


@admin.register(ViewState)
class ViewStateAdmin(ReadOnlyAdmin):
    list_display = ("name", "succeeded_at", "started_at", "duration_ms", "row_count", "error")
    actions = ("refresh",)

    @admin.action(description="Refresh now", permissions=["view"])
    def refresh(self, request: HttpRequest, rows: QuerySet[ViewState]) -> None:
        names = [state.name for state in rows]
        try:
            for name in names:
                tasks.refresh_view.apply_async(args=(name,), expires=tasks.VIEW_EXPIRES)
        except OperationalError as error:
            self.message_user(request, f"The queue cannot be reached: {error}", messages.ERROR)
            return
        self.message_user(request, f"A worker refreshes {', '.join(names)} now.")
