ARG PYTHON_IMAGE=python:3.12-slim-bookworm

# Everything is put together here; only /opt/gatepost leaves this stage.
FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# For the extension modules alone.  The base image's tag decides what Debian this is of.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
COPY requirements/runtime.lock requirements/compile.lock requirements/
# The packages first: a change of the gateway alone leaves this layer as it is.
RUN python -m venv /opt/gatepost \
 && /opt/gatepost/bin/pip install --require-hashes -r requirements/runtime.lock \
 && pip install --require-hashes -r requirements/compile.lock
COPY pyproject.toml README.md LICENSE ./
COPY scripts/build_hook.py scripts/extension_modules.py scripts/
COPY gateway/ gateway/
RUN GATEPOST_COMPILE=1 pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
 && /opt/gatepost/bin/pip install --no-deps dist/*.whl \
 && /opt/gatepost/bin/pip uninstall --yes pip

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="Gatepost" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/gatepost /opt/gatepost
# A read-only root can never write bytecode, and without it a start takes three times as long.
# The base image ships none for the standard library.  "unchecked-hash" is believed whatever the
# files' times are, which copying between layers changes.
RUN python -m compileall -q --invalidation-mode unchecked-hash /opt/gatepost/lib \
 && python -m compileall -q --invalidation-mode unchecked-hash \
      -x '/(ensurepip|idlelib|lib2to3|site-packages|test|tests|turtledemo)/' \
      "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
 && install -d -m 0700 -o 65532 -g 65532 /var/lib/gatepost
ENV PATH=/opt/gatepost/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    GATEPOST_DATA_DIR=/var/lib/gatepost
USER 65532:65532
WORKDIR /var/lib/gatepost
VOLUME /var/lib/gatepost
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 CMD ["gatepost", "healthcheck"]
ENTRYPOINT ["gatepost"]
CMD ["serve"]
