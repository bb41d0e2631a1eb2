"""Server entry; the event stream needs ASGI."""

import gc
import os
import warnings
from concurrent.futures import ThreadPoolExecutor

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "observatory.settings")
os.environ.setdefault("OBSERVATORY_DB_POOL", "20")
# whitenoise reads files synchronously, which Django remarks on at every one of them.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous")

django.setup(set_prefix=False)

import observatory.urls  # noqa: E402, F401 - the first visitor need not wait for it
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

# What is loaded by now stays. To look through all of it takes the collector a tenth of a second, at
# about one answer in forty.
gc.collect()
gc.freeze()
