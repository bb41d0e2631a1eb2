"""Server entry for hosts without ASGI: everything but the event stream."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "observatory.settings")
application = get_wsgi_application()

from observatory.startup import refuse_unsafe_start  # noqa: E402 - needs the applications

refuse_unsafe_start()
