# The binary for the image next to this, compiled in a container. Its context is the checkout, its result
# one file:
#
#   docker build -f deploy/images/compile.Dockerfile --output target/image .
#
# Not tried by our tests: they reach no registry that has this base.
ARG RUST=rust:1.95-slim-bookworm
FROM ${RUST} AS compile
RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get update \
 && apt-get install --yes --no-install-recommends g++ gcc libc6-dev libssl-dev make pkg-config
WORKDIR /palisade
COPY . .
RUN cargo build --release --locked --package palisade \
 && strip --strip-debug -o /palisade-binary target/release/palisade

FROM scratch
COPY --from=compile /palisade-binary /palisade
