# The base can be named otherwise, for a mirror: --build-arg PYTHON_IMAGE=...
# The digest is that of the index of all platforms: `docker buildx imagetools inspect python:3.13-slim` tells a newer one.
ARG PYTHON_IMAGE=python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
COPY deploy/image/uv.txt ./
RUN python3 -m venv /uv \
    && /uv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement uv.txt
# Which extras of pyproject.toml it has, separated by spaces: --build-arg EXTRAS="traces NAME"
ARG EXTRAS=traces
# Bytecode that does not ask for its source's time: builders and registries may rewrite the times of files.
ENV UV_PROJECT_ENVIRONMENT=/app UV_COMPILE_BYTECODE=1 PYC_INVALIDATION_MODE=UNCHECKED_HASH UV_LINK_MODE=copy
# Dependencies first: they change less often than the code.
COPY pyproject.toml uv.lock ./
RUN /uv/bin/uv sync --frozen --no-dev $(printf -- '--extra %s ' $EXTRAS) --no-install-project --python "$(command -v python3)"
COPY README.md LICENSE ./
COPY operator/esc_operator operator/esc_operator
# What uv leaves for its own use, a lock that everybody may write among it, is not for the image.
RUN /uv/bin/uv sync --frozen --no-dev $(printf -- '--extra %s ' $EXTRAS) --no-editable --python "$(command -v python3)" \
    && rm -f /app/.lock /app/.gitignore /app/CACHEDIR.TAG

FROM ${PYTHON_IMAGE}
# The slim images hold no bytecode of the standard library, and a container that may not write would compile it anew at each
# start. Nothing is installed into the finished image, so pip goes.
RUN lib="$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
    && rm -rf "$lib/ensurepip" "$lib/site-packages" /usr/local/bin/pip* \
    && python3 -m compileall -q --invalidation-mode unchecked-hash \
        -x '/(dist-packages|idlelib|lib2to3|pydoc_data|test|tests|tkinter|turtledemo)/' "$lib"
COPY --from=build /app /app
# LOGNAME: kopf asks for the user's name at its start, and no user ID that a cluster may choose has an entry in /etc/passwd.
ENV PATH=/app/bin:$PATH LOGNAME=esc-operator PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
LABEL org.opencontainers.image.title="esc-operator" \
      org.opencontainers.image.description="Environments and short-lived credentials for Kubernetes workloads" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 65532:65532
EXPOSE 8080 9090
ENTRYPOINT ["esc-operator"]
