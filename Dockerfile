# The image of web, worker, beat and migrate; docker-compose.yml says which command each runs.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 \
    VAR_DIR=/app/var SECRET_KEY_FILE=/keys/secret_key FIELD_KEYS_FILE=/keys/field_keys.json

RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin app
WORKDIR /app

COPY requirements.txt .
RUN pip install --require-hashes --no-deps -r requirements.txt

COPY . .
# Static files belong to the image. The keys do not: this step has throw-away ones, the running product makes its own.
RUN SECRET_KEY=build-only FIELD_KEYS_FILE=/tmp/field_keys.json python manage.py collectstatic --noinput \
    && rm -f /tmp/field_keys.json \
    && mkdir -p var/files /keys && chown -R app:app var /keys && chmod 700 /keys

USER app
VOLUME ["/app/var/files", "/keys"]
EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "config.wsgi:application"]
