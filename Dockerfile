# Two images, by docker-bake.hcl: `slim` has Python's own image underneath, `distroless` nothing.
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
COPY scripts/build_hook.py scripts/extension_modules.py scripts/lean scripts/
COPY gateway/ gateway/
RUN GATEPOST_COMPILE=1 pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
 && /opt/gatepost/bin/pip install --no-deps dist/*.whl \
 && scripts/lean /opt/gatepost \
 && install -d -m 0700 -o 65532 -g 65532 /state/gatepost

# The whole root file system of the image without a system.
FROM build AS tree
COPY scripts/distroless scripts/
RUN python scripts/distroless /opt/gatepost /tree

FROM scratch AS distroless
LABEL org.opencontainers.image.title="Gatepost" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=tree /tree/ /
COPY --from=build --chown=65532:65532 /state/ /var/lib/
ENV PATH=/opt/gatepost/bin \
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

# The last one is what `docker build` makes where no target is named.
FROM ${PYTHON_IMAGE} AS slim
LABEL org.opencontainers.image.title="Gatepost" \
      org.opencontainers.image.licenses="Apache-2.0"
# The base image ships no bytecode for the standard library.  scripts/lean says why it is needed.
RUN python -m compileall -q --invalidation-mode unchecked-hash \
      -x '/(ensurepip|idlelib|lib2to3|site-packages|test|tests|turtledemo)/' \
      "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
COPY --from=build /opt/gatepost/ /opt/gatepost/
COPY --from=build --chown=65532:65532 /state/ /var/lib/
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
