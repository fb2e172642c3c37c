# newsreel's image. It holds every process; docker-compose.yml (or another orchestrator) says which one it runs.

FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
# What changes seldom comes first: the dependencies are a layer of their own.
COPY requirements.lock requirements-dev.lock ./
RUN python -m venv /venv && /venv/bin/pip install --require-hashes --requirement requirements.lock
# The build backend is pinned and hashed too, and stays out of /venv.
RUN awk '/^[a-z]/ { wanted = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/ } wanted' \
      requirements-dev.lock > build.lock \
 && pip install --require-hashes --requirement build.lock
COPY pyproject.toml README.md ./
COPY config config
COPY tasks tasks
COPY workers workers
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheel . && /venv/bin/pip install --no-deps /wheel/*.whl

FROM python:3.11-slim
COPY --from=build /venv /venv
COPY config/flower.py /etc/newsreel/flower.py
# /var/lib/newsreel is all that a process writes to, so that the rest can be mounted read-only.
RUN useradd --uid 10001 --no-create-home --home-dir /var/lib/newsreel --shell /usr/sbin/nologin newsreel \
 && install --directory --owner newsreel --group newsreel --mode 0700 /var/lib/newsreel
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 NEWSREEL_WORKSPACE_DIR=/var/lib/newsreel/workspace
WORKDIR /var/lib/newsreel
USER 10001:10001
ENTRYPOINT []
CMD ["newsreel", "--help"]
