# syntax=docker/dockerfile:1
# The base can be named otherwise, for a mirror: --build-arg PYTHON_IMAGE=...
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
RUN python3 -m venv /uv && /uv/bin/pip install --no-cache-dir --disable-pip-version-check uv==0.13.9
WORKDIR /src
ENV UV_PROJECT_ENVIRONMENT=/app UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
# Dependencies first: they change less often than the code.
COPY pyproject.toml uv.lock ./
RUN /uv/bin/uv sync --frozen --no-dev --no-install-project --python "$(command -v python3)"
COPY README.md LICENSE ./
COPY operator operator
RUN /uv/bin/uv sync --frozen --no-dev --no-editable --python "$(command -v python3)"

FROM ${PYTHON_IMAGE}
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
ENTRYPOINT ["esc-operator"]
