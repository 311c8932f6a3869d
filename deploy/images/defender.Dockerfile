# Palisade's Defender, around a binary that is built already. See README.md for how to build it and
# docs/defender.md for how to run it: it needs flags, and does nothing useful without them.
#
# The base: Debian of the release that the binary was built on, because it uses that release's C library
# and OpenSSL. No shell is used when it runs.
ARG BASE=debian:12-slim
FROM ${BASE}

# OpenSSL is the binary's; the authorities' certificates are for submitting files.
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates libssl3 \
 && apt-get clean \
 && rm -rf /var/lib/apt/lists/*

# Root by number, with the capabilities that it is given and no others: the kernel asks for both.
USER 0:0
RUN mkdir -p -m 0755 /etc/palisade /var/lib/palisade && mkdir -m 0700 /var/lib/palisade/defender
VOLUME /var/lib/palisade/defender

COPY defend.toml /etc/palisade/
COPY palisade /usr/local/bin/

# No health check: the watchdog inside ends an agent that stalls, and starts another.
STOPSIGNAL SIGTERM
ENTRYPOINT ["palisade", "defend", "--config", "/etc/palisade/defend.toml"]

ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Palisade Defender" \
      org.opencontainers.image.description="Watches the containers of a host, learns, and stops what policy says" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
