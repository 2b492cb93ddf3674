"""Whether the PostgreSQL and the Redis of DATABASE_URL and REDIS_URL answer; if not, one loud sentence and exit 1."""

import os
import sys
from urllib.parse import urlsplit

import psycopg2
import redis


def main() -> int:
    missing = []
    database, broker = os.environ["DATABASE_URL"], os.environ["REDIS_URL"]
    try:
        # Tests make databases of their own beside the named one, so the server's own database has to let us in.
        parts = urlsplit(database)
        psycopg2.connect(parts._replace(path="/postgres", query="").geturl(), connect_timeout=5).close()
    except psycopg2.Error as error:
        missing.append(f"PostgreSQL ({parts.hostname}:{parts.port or 5432}): {str(error).strip().splitlines()[0]}")
    try:
        redis.Redis.from_url(broker, socket_timeout=5, socket_connect_timeout=5).ping()
    except redis.RedisError as error:
        missing.append(f"Redis ({urlsplit(broker).hostname}:{urlsplit(broker).port or 6379}): {error}")
    if missing:
        line = "*" * 100
        print(
            f"{line}\nNOT RUN: the tests on real services, because these do not answer:\n  "
            + "\n  ".join(missing)
            + "\nStart them (apt-get install postgresql redis-server) or set DATABASE_URL and REDIS_URL."
            + f"\n{line}",
            file=sys.stderr,
        )
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
