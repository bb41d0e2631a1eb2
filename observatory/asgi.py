"""Server entry; the event stream needs ASGI."""

import os
import warnings
from concurrent.futures import ThreadPoolExecutor

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "observatory.settings")
os.environ.setdefault("OBSERVATORY_DB_POOL", "20")
# whitenoise reads files synchronously, which Django remarks on at every one of them.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous")

django.setup(set_prefix=False)

from observatory import reporting  # noqa: E402 - needs the settings
from observatory.bodies import limited  # noqa: E402 - needs the applications
from observatory.files import allow_many_open_files  # noqa: E402
from observatory.handler import Handler  # noqa: E402
from observatory.startup import refuse_unsafe_start  # noqa: E402 - needs the applications

application = limited(Handler())

reporting.start("observatory-web")
allow_many_open_files()

# The server imports this inside its event loop, where Django refuses to speak to the database.
with ThreadPoolExecutor(1) as outside_the_loop:
    outside_the_loop.submit(refuse_unsafe_start).result()
