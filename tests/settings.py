"""The product's settings for a test run: a VAR_DIR of its own, and passwords that hash fast.

pytest-django loads settings before any conftest, so this is the one place early enough to keep ./var untouched.
"""

import atexit
import os
import shutil
import tempfile

# pytest-xdist workers inherit the environment: their folders stand inside the first process's, which removes them all.
_outer = os.environ.get("TEST_RUN_DIR")
os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="disputes-test-", dir=_outer)
if not _outer:
    os.environ["TEST_RUN_DIR"] = os.environ["VAR_DIR"]
    atexit.register(shutil.rmtree, os.environ["VAR_DIR"], ignore_errors=True)
# Tests state the conditions that they are about; whatever the shell exported does not reach them.
for name in ("POLICY_PROFILE", "DJANGO_DEBUG", "ALLOWED_HOSTS", "SECRET_KEY", "SECRET_KEY_FILE", "FIELD_KEYS_FILE"):
    os.environ.pop(name, None)
for name in ("EMAIL_URL", "WEBHOOK_URL", "WEBHOOK_SECRET", "WEBHOOK_DEDUPES", "SITE_URL"):
    os.environ.pop(name, None)
os.environ["INSECURE_HTTP"] = "1"

from config.settings import *  # noqa: E402, F403

ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
PASSWORD_HASHERS = ["tests.passwords.FastHasher", *PASSWORD_HASHERS]  # noqa: F405
STATIC_ROOT.mkdir()  # noqa: F405 - whitenoise warns when it is missing
