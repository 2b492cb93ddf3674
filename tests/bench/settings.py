"""The product's settings in production dress, over plain HTTP, with the floors' addresses beside the product's own."""

import os

os.environ.setdefault("INSECURE_HTTP", "1")
os.environ.setdefault("POLICY_PROFILE", "asvs")

from config.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.urls"
TEMPLATES[0]["DIRS"].append(BASE_DIR / "tests" / "bench" / "templates")  # noqa: F405
