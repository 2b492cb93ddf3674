"""Every setting of the product, read from the environment by helpers that fail with a hint.

Names that may be set: DATABASE_URL, REDIS_URL, SECRET_KEY[_FILE], FIELD_KEYS_FILE, DJANGO_DEBUG, ALLOWED_HOSTS,
POLICY_PROFILE, EMAIL_URL, WEBHOOK_URL, WEBHOOK_SECRET, WEBHOOK_DEDUPES, SITE_URL. Without any of them the product runs
embedded: SQLite, a filesystem broker and keys, all under var/, and nobody is told anything outside of it.
"""

import os
import sys
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from config.keys import read_or_make_secret

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("VAR_DIR") or BASE_DIR / "var")
VAR_DIR.mkdir(parents=True, exist_ok=True)


def env_bool(name: str, default: bool) -> bool:
    """The truth of an environment variable; anything but 1/0, true/false, yes/no, on/off is a start-up error."""
    raw = os.environ.get(name, "").strip().lower()
    if raw == "":
        return default
    if raw in {"1", "true", "yes", "on"}:
        return True
    if raw in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {raw!r}.")


def database(url: str) -> dict:
    """Django's DATABASES entry for a postgres:// or sqlite:// URL."""
    parts = urlsplit(url)
    if parts.scheme in {"postgres", "postgresql"}:
        query = dict(parse_qsl(parts.query))
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path.lstrip("/")),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": parts.hostname or "",
            "PORT": str(parts.port or ""),
            "CONN_MAX_AGE": 60,
            # A restarted database is met by a fresh connection instead of an error page.
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": {
                "options": "-c statement_timeout=60000 -c lock_timeout=15000 "
                "-c idle_in_transaction_session_timeout=60000",
                **query,
            },
        }
    if parts.scheme == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": unquote(parts.path[1:] if parts.path.startswith("//") else parts.path),
            "CONN_MAX_AGE": 60,
            "OPTIONS": {
                # IMMEDIATE takes the writer lock at BEGIN: without it, read-then-write loses intakes under load.
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA foreign_keys=ON;"
                "PRAGMA recursive_triggers=ON;PRAGMA cache_size=-32000;PRAGMA temp_store=MEMORY;",
            },
            "TEST": {"NAME": str(VAR_DIR / "test.sqlite3")},
        }
    raise ImproperlyConfigured("DATABASE_URL must start with postgres:// or sqlite:///, e.g. sqlite:///var/db.sqlite3.")


def mail(url: str) -> dict:
    """Django's EMAIL_* settings for an smtp:// URL; smtps:// speaks TLS from the start, smtp+tls:// STARTTLS."""
    parts = urlsplit(url)
    sender = dict(parse_qsl(parts.query)).get("from", "")
    if parts.scheme not in {"smtp", "smtps", "smtp+tls"} or not parts.hostname or "@" not in sender:
        raise ImproperlyConfigured("EMAIL_URL must look like smtp://user:password@host:25?from=notices@example.org.")
    return {
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": parts.port or {"smtp": 25, "smtps": 465, "smtp+tls": 587}[parts.scheme],
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
        "DEFAULT_FROM_EMAIL": sender,
    }


DEBUG = env_bool("DJANGO_DEBUG", False)
SECRET_KEY = os.environ.get("SECRET_KEY") or read_or_make_secret(
    Path(os.environ.get("SECRET_KEY_FILE") or VAR_DIR / "secret_key")
)
# Field keys live outside the database; audit.keyring reads and, at first set-up, makes this file.
FIELD_KEYS_FILE = Path(os.environ.get("FIELD_KEYS_FILE") or VAR_DIR / "field_keys.json")
ALLOWED_HOSTS = [h for h in os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",") if h]
# mlps: complexity and 90-day rotation (GB/T 22239-2019); asvs: length and lists only; demo: mlps without rotation.
POLICY_PROFILE = os.environ.get("POLICY_PROFILE", "mlps")
if POLICY_PROFILE not in {"mlps", "asvs", "demo"}:
    raise ImproperlyConfigured(f"POLICY_PROFILE must be mlps, asvs or demo, not {POLICY_PROFILE!r}.")
# TLS is the default; an intranet without it (and the local demo) must say so.
INSECURE_HTTP = env_bool("INSECURE_HTTP", DEBUG or POLICY_PROFILE == "demo")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "django_filters",
    "django_htmx",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "audit",
    "villages",
    "disputes",
    "followups",
    "ledgers",
    "config",
]

MIDDLEWARE = [
    "config.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.SecurityHeadersMiddleware",
    "config.middleware.RefuseNulMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.middleware.SignedInMiddleware",
    "config.middleware.RefusalLogMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context.shell",
            ],
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "builtins": ["config.templatetags.ui"],
        },
    }
]

DATABASES = {"default": database(os.environ.get("DATABASE_URL") or f"sqlite:///{VAR_DIR}/db.sqlite3")}

# --- accounts -------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "villages.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "villages.passwords.ContextWordsValidator"},
    {"NAME": "villages.passwords.ComplexityValidator"},
]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_NAME = "sessionid" if INSECURE_HTTP else "__Host-sessionid"
SESSION_COOKIE_AGE = 12 * 3600  # absolute life; the idle limit is IDLE_MINUTES
SESSION_COOKIE_SECURE = not INSECURE_HTTP
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
IDLE_MINUTES = int(os.environ.get("IDLE_MINUTES", "30"))
CSRF_COOKIE_NAME = "csrftoken" if INSECURE_HTTP else "__Host-csrftoken"
CSRF_COOKIE_SECURE = not INSECURE_HTTP
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "config.views.csrf_failure"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "config.views.locked_out"
AXES_VERBOSE = False

# --- transport ------------------------------------------------------------------------------------------------------
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = not INSECURE_HTTP
SECURE_HSTS_SECONDS = 0 if INSECURE_HTTP else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = not INSECURE_HTTP
SECURE_HSTS_PRELOAD = not INSECURE_HTTP
if env_bool("BEHIND_TLS_PROXY", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
# Health checks come over plain HTTP from inside the host.
SECURE_REDIRECT_EXEMPT = [r"^healthz/"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 3000
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
ATTACHMENT_MAX_BYTES = 20 * 1024 * 1024
# The unit's own 仿宋 and 小标宋, which are not free to ship; papers are set in them where they are there.
PAPER_FONTS_DIR = os.environ.get("PAPER_FONTS_DIR", "")
ATTACHMENTS_PER_SUBMISSION, ATTACHMENTS_PER_CASE, PHOTOS_PER_CAPTURE = 10, 200, 3
# A whole submission, refused by its length before it is read; the proxy in front allows the same (docs/deployment.md).
UPLOAD_MAX_BYTES = 100 * 1024 * 1024

# --- language, time, files ------------------------------------------------------------------------------------------
LANGUAGE_CODE = "zh-hans"
# Each in its own words: who does not read the present language has to find theirs.
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_SECURE = not INSECURE_HTTP
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR_DIR / "staticfiles"
TESTING = "pytest" in sys.modules
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": VAR_DIR / "files", "base_url": None},
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG or TESTING
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG or TESTING

# --- API ------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    # Token first: its WWW-Authenticate header makes an anonymous request a 401 instead of a 403.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "config.rest.ActiveTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["config.rest.OrjsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "config.schema.Schema",
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.UserRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"user": os.environ.get("API_RATE", "600/min")},
    "EXCEPTION_HANDLER": "config.rest.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "矛盾纠纷联调系统 API",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    # No links within the buttons that open an operation: a keyboard or a screen reader meets one thing at a time.
    "SWAGGER_UI_SETTINGS": {"deepLinking": False},
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "COMPONENT_SPLIT_PATCH": False,  # a PATCH has required fields, too: the version that was read
    # Choices stay where they are used: the same words at two fields need not mean the same.
    "POSTPROCESSING_HOOKS": ["config.schema.add_error"],
    "OAS_VERSION": "3.1.0",
}

# --- cache: throttle counters live in the database, Redis is the broker and nothing else ------------------------------
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "config_cache",
        "OPTIONS": {"MAX_ENTRIES": 5000},
    }
}

# --- reminders ------------------------------------------------------------------------------------------------------
# Seconds; scaled down by the fault tests, never by a deployment.
PUMP_TICK_SECONDS = float(os.environ.get("PUMP_TICK_SECONDS", "30"))
PUMP_LEASE_SECONDS = float(os.environ.get("PUMP_LEASE_SECONDS", "60"))
PUMP_STALE_SECONDS = float(os.environ.get("PUMP_STALE_SECONDS", "180"))
REDIS_URL = os.environ.get("REDIS_URL", "")

# --- exports, imports and other work in the background ---------------------------------------------------------------
# Seconds; scaled down by the fault tests, never by a deployment.
JOB_LEASE_SECONDS = float(os.environ.get("JOB_LEASE_SECONDS", "60"))
JOBS_TICK_SECONDS = float(os.environ.get("JOBS_TICK_SECONDS", "3"))
JOBS_BUDGET_SECONDS = float(os.environ.get("JOBS_BUDGET_SECONDS", "20"))
# One fewer than there are worker processes: reminders must not wait for an export.
JOBS_AT_ONCE = int(os.environ.get("JOBS_AT_ONCE", "1"))
JOBS_PER_PERSON = 3
EXPORT_LIFE_SECONDS = 24 * 3600

# --- e-mail and the message gateway: off unless their addresses are set ----------------------------------------------
EMAIL_ON = bool(os.environ.get("EMAIL_URL"))
if EMAIL_ON:
    globals().update(mail(os.environ["EMAIL_URL"]))
WEBHOOK_URL = os.environ.get("WEBHOOK_URL", "")
WEBHOOK_SECRET = os.environ.get("WEBHOOK_SECRET", "")
WEBHOOK_DEDUPES = env_bool("WEBHOOK_DEDUPES", False)
if WEBHOOK_URL and (urlsplit(WEBHOOK_URL).scheme not in {"http", "https"} or not WEBHOOK_SECRET):
    raise ImproperlyConfigured("WEBHOOK_URL must be an http(s) address, and WEBHOOK_SECRET the key of its signatures.")
# Where a message sends its reader, as the browser knows it: https://disputes.example.org
SITE_URL = os.environ.get("SITE_URL", "").rstrip("/")
# Seconds until a server must have answered the call, and until a message must be over; scaled by the fault tests.
OUTBOX_CONNECT_SECONDS = float(os.environ.get("OUTBOX_CONNECT_SECONDS", "5"))
OUTBOX_TOTAL_SECONDS = float(os.environ.get("OUTBOX_TOTAL_SECONDS", "15"))

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "config.logs.OneLineFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("LOG_LEVEL", "INFO")},
    "loggers": {
        "axes": {"level": "ERROR"},
        # A tick every 30 seconds is no news; what a sweep did is logged by the pump itself.
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "kombu.connection": {"level": "ERROR"},
    },
}
