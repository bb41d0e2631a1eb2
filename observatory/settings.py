"""Settings of Observatory: every value that differs between installations comes from the
environment through observatory.env, and a wrong one stops the start.
"""

import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from redis.connection import parse_url

from executions.n8n.addresses import parse_allowed_networks
from observatory import env
from observatory.bootstrap import state_directory
from observatory.frontend import SERVED
from observatory.logging import configure_logging

BASE_DIR = Path(__file__).resolve().parent.parent
# What this installation alone keeps: the embedded servers' data, secrets, logs, the demo's diary.
STATE_DIR = state_directory()

# --- Secrets ---------------------------------------------------------------------------------
# Without them the project can be checked and its commands that need no secret can run; the web
# server and the workers refuse to start (observatory.startup).
SECRET_KEY = env.secret("OBSERVATORY_SECRET_KEY")
SECRET_KEY_IS_SET = bool(SECRET_KEY)
SECRET_KEY = SECRET_KEY or secrets.token_urlsafe(50)
ENCRYPTION_KEYS = tuple(
    key.strip() for key in env.secret("OBSERVATORY_ENCRYPTION_KEYS").split(",") if key.strip()
)

# --- Where it runs ---------------------------------------------------------------------------
DEBUG = env.boolean("OBSERVATORY_DEBUG", False)
ALLOWED_HOSTS = list(env.words("OBSERVATORY_ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]")))
PUBLIC_URL = env.text("OBSERVATORY_PUBLIC_URL").rstrip("/")
if PUBLIC_URL and urlsplit(PUBLIC_URL).scheme not in ("http", "https"):
    raise ImproperlyConfigured(
        f"OBSERVATORY_PUBLIC_URL is {PUBLIC_URL!r}; it must begin with http:// or https://."
    )
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []
HTTPS = env.boolean("OBSERVATORY_HTTPS", PUBLIC_URL.startswith("https://"))
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
BEHIND_PROXY = env.boolean("OBSERVATORY_BEHIND_PROXY", False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"

# --- Applications ----------------------------------------------------------------------------
INSTALLED_APPS = [
    "observatory.apps.ObservatoryConfig",
    "analytics",
    "executions",
    "tenants",
    "observatory.apps.ObservatoryAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "django_celery_beat",
    "django_eventstream",
    "django_structlog",
    "axes",
    "csp",
]
MIDDLEWARE = [
    "observatory.metrics.requests.RequestMetrics",
    "observatory.reporting.RequestTraces",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "observatory.compression.CompressionMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
    "tenants.changes.ChangesMiddleware",
]
ROOT_URLCONF = "observatory.urls"
ASGI_APPLICATION = "observatory.asgi.application"
WSGI_APPLICATION = "observatory.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tenants.appearance.appearance",
            ],
        },
    }
]

# --- PostgreSQL ------------------------------------------------------------------------------
# DATABASE_URL names the application's role. The owner, who migrates, is in DATABASE_OWNER_URL
# and is used by no web process and no worker (observatory.database).
DATABASE_URL = env.secret("DATABASE_URL")
DATABASE_OWNER_URL = env.secret("DATABASE_OWNER_URL")
# Without an address commands that need no database still run, and the others are refused by
# Django's dummy (observatory.bootstrap says so in a sentence).
DATABASES: dict[str, dict[str, Any]] = {"default": {"ENGINE": "django.db.backends.dummy"}}
if DATABASE_URL:
    DATABASES["default"] = {
        "OPTIONS": {},
        **dj_database_url.parse(DATABASE_URL),
        "ATOMIC_REQUESTS": True,
        "CONN_MAX_AGE": 0,
    }
    if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
        raise ImproperlyConfigured("DATABASE_URL must begin with postgres:// or postgresql://.")
# A pool lets many event streams and slow pages of the web share few connections (observatory.asgi
# asks for one); workers and commands open one connection when they need it.
DATABASE_POOL = env.integer("OBSERVATORY_DB_POOL", 0, minimum=0, maximum=200)
if DATABASE_URL and DATABASE_POOL:
    DATABASES["default"]["OPTIONS"]["pool"] = {
        "min_size": 1,
        "max_size": DATABASE_POOL,
        "timeout": 10,
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
WEB_STATEMENT_TIMEOUT_MS = env.integer(
    "OBSERVATORY_STATEMENT_TIMEOUT_MS", 5000, minimum=100, maximum=600_000
)

# --- Redis and Celery ------------------------------------------------------------------------
REDIS_URL = env.secret("REDIS_URL", "redis://127.0.0.1:6379/0")
CACHES = {
    "default": {
        "BACKEND": "observatory.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "observatory",
    }
}
# Events reach every web process through Redis, and are stored so that a page that was away gets
# what it missed.
REDIS_ADDRESS = parse_url(REDIS_URL)  # type: ignore[no-untyped-call]
EVENTSTREAM_REDIS = {
    name: value for name, value in REDIS_ADDRESS.items() if name != "connection_class"
} | {
    "ssl": REDIS_URL.startswith("rediss://"),
    # A sender waits no longer for a Redis that is away.
    "socket_connect_timeout": 2,
    "socket_timeout": 2,
}
EVENTSTREAM_STORAGE_CLASS = "tenants.realtime.ReturningStorage"
EVENTSTREAM_CHANNELMANAGER_CLASS = "tenants.realtime.TenantChannels"
STREAMS_PER_USER = env.integer("OBSERVATORY_STREAMS_PER_USER", 20, minimum=1, maximum=100_000)
# What a client that was away can still hear: so old, and so many of one tenant.
EVENT_HOURS = env.integer("OBSERVATORY_EVENT_HOURS", 24, minimum=1, maximum=168)
EVENTS_PER_TENANT = env.integer("OBSERVATORY_EVENTS_PER_TENANT", 2000, minimum=100, maximum=100_000)

# --- Copying from n8n ------------------------------------------------------------------------
SYNC_SECONDS = env.integer("OBSERVATORY_SYNC_SECONDS", 30, minimum=5, maximum=86_400)
try:
    ALLOWED_NETWORKS = parse_allowed_networks(env.text("OBSERVATORY_ALLOWED_NETWORKS"))
except ValueError as error:
    raise ImproperlyConfigured(f"OBSERVATORY_ALLOWED_NETWORKS: {error}") from error

# --- People ----------------------------------------------------------------------------------
AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# The password of the first administrator; only used when that account is made.
ADMIN_PASSWORD = env.secret("OBSERVATORY_ADMIN_PASSWORD")
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"
# Five wrong passwords for one account from one address close it there for a quarter of an hour.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "registration/locked_out.html"
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False

# --- REST ------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tenants.authentication.TokenAuthentication",
        "tenants.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["tenants.authentication.IsMember"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "tenants.keyset.KeysetPagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "observatory.api.problem_response",
    "DEFAULT_THROTTLE_CLASSES": ["tenants.throttling.CallerThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "user": env.text("OBSERVATORY_API_RATE", "600/min"),
        "push": env.text("OBSERVATORY_PUSH_RATE", "1200/min"),
    },
    "UNAUTHENTICATED_USER": None,
}
# How old an answer may be that is given to several who ask the same; 0: each gets one of its own.
SHARED_ANSWER_SECONDS = env.integer("OBSERVATORY_SHARED_SECONDS", 5, minimum=0, maximum=60)
SPECTACULAR_SETTINGS = {
    "TITLE": "Observatory",
    "DESCRIPTION": "What your n8n automations did, what failed and why.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {"NormalizedStatus": "executions.statuses.NormalizedStatus.choices"},
}

# --- What the browser gets -------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
# The second holds what npm fetched (observatory.frontend).
STATICFILES_DIRS = [BASE_DIR / "static", SERVED]
# What browsers ask for by a fixed address, such as /favicon.ico.
WHITENOISE_ROOT = BASE_DIR / "static" / "root"
# While developing, files are served from where they are written.
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'self'"],
    }
}
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

# --- Watching Observatory itself -------------------------------------------------------------
# Without a token /metrics answers this machine only.
METRICS_TOKEN = env.secret("OBSERVATORY_METRICS_TOKEN")
# Faults and traces go where these name a place, by the names that the libraries themselves use.
SENTRY_DSN = env.secret("SENTRY_DSN")
OTLP_ENDPOINT = env.text("OTEL_EXPORTER_OTLP_ENDPOINT")
for name, address in (("SENTRY_DSN", SENTRY_DSN), ("OTEL_EXPORTER_OTLP_ENDPOINT", OTLP_ENDPOINT)):
    if address and urlsplit(address).scheme not in ("http", "https"):
        raise ImproperlyConfigured(f"{name} must begin with http:// or https://.")

# --- Logs ------------------------------------------------------------------------------------
LOG_FORMAT = env.text("OBSERVATORY_LOG_FORMAT", "console", allowed=("console", "json"))
LOG_LEVEL = env.text("OBSERVATORY_LOG_LEVEL", "INFO", allowed=("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING = configure_logging(LOG_FORMAT, LOG_LEVEL)
