"""How far the reason of a failure is known."""

from django.db import models


class DetailState(models.IntegerChoices):
    """What is known of an execution's error."""

    NOT_NEEDED = 0, "Not needed"
    PENDING = 1, "Pending"
    FETCHED = 2, "Fetched"
    GONE = 3, "Gone from n8n"
    TOO_LARGE = 4, "Too large to be read"
