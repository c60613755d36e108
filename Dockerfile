# One image for `kakehashi serve` and `kakehashi work`. The base is pinned by tag, because the
# digest has to be looked up where you build: FROM python:3.11-slim-bookworm@sha256:… if you can.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements.txt requirements-build.txt ./
# The build's own tools stay out of the environment that is shipped.
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes --only-binary :all: -r requirements-build.txt \
    && python -m venv --without-pip /opt/kakehashi \
    && /opt/build/bin/pip --python /opt/kakehashi/bin/python \
        install --require-hashes --only-binary :all: -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY gateway gateway
COPY adapters adapters
COPY schemas schemas
COPY config config
RUN /opt/build/bin/pip wheel --no-index --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/build/bin/pip --python /opt/kakehashi/bin/python install --no-index --no-deps /dist/*.whl

FROM python:3.11-slim-bookworm
# Installing packages is no business of a running gateway.
RUN pip uninstall --yes --root-user-action=ignore pip setuptools wheel \
    && groupadd --gid 10001 kakehashi \
    && useradd --uid 10001 --gid kakehashi --no-create-home --home-dir /var/lib/kakehashi kakehashi \
    && install --directory --owner=kakehashi --group=kakehashi --mode=0700 \
        /var/lib/kakehashi /var/lib/kakehashi/keys \
        /var/lib/kakehashi/state /var/lib/kakehashi/dropped
COPY --from=build /opt/kakehashi /opt/kakehashi
COPY --chmod=0755 deploy/entrypoint.sh /usr/local/bin/kakehashi-entrypoint
ENV PATH=/opt/kakehashi/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    KAKEHASHI_CONFIG=/etc/kakehashi/kakehashi.yaml
USER 10001:10001
WORKDIR /var/lib/kakehashi
EXPOSE 8080 8081
# The gateway answers what it was asked, lets workers finish, and closes the journal last.
STOPSIGNAL SIGTERM
# Of `serve`; a worker listens on nothing, so compose.yaml switches this off for it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8081/livez', timeout=4)"]
ENTRYPOINT ["kakehashi-entrypoint"]
CMD ["serve"]
