# One image for all parts: `odin operator`, `odin api` and the short-lived pods that remove directories.
# The base needs Node 20.19 or newer and npm; git, ssh and certificates are added with apt where it has none.
ARG BASE=node:24-bookworm-slim

# What is called beside Node: git and ssh for the jobs repository, the certificates that they trust, and a first process that
# reaps what they leave behind, which Node does not do.
FROM ${BASE} AS system
USER root
# ssh refuses to work for a user without an entry in /etc/passwd, and looks for keys in the home named there.
RUN set -eu; \
    if ! { command -v git && command -v ssh && command -v tini && [ -s /etc/ssl/certs/ca-certificates.crt ]; } >/dev/null; then \
      apt-get update; \
      DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        ca-certificates git openssh-client tini; \
      rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/cache/ldconfig/* /var/log/* \
        /var/lib/dpkg/*-old /usr/share/doc/* /usr/share/man/* /usr/share/locale/*; \
    fi; \
    if ! grep -q '^odin:' /etc/passwd; then \
      echo 'odin:x:10001:10001:odin:/home/odin:/usr/sbin/nologin' >>/etc/passwd; \
      echo 'odin:x:10001:' >>/etc/group; \
      mkdir -p /home/odin /var/lib/odin; \
      chown 10001:10001 /home/odin /var/lib/odin; \
    fi

FROM ${BASE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# The secrets are for networks with a mirror or with certificates of their own, and stay out of the image.
RUN --mount=type=secret,id=npmrc,target=/run/secrets/npmrc \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    set -eu; \
    if [ -e /run/secrets/npmrc ]; then export NPM_CONFIG_USERCONFIG=/run/secrets/npmrc; fi; \
    if [ -e /run/secrets/ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/ca; fi; \
    npm ci --ignore-scripts
COPY . .
# The program and its libraries become a few files, which start faster than a thousand; nothing else stays.
RUN set -eu; \
    npx tsc --sourceMap false --incremental false; \
    node dist/cli/bundle.js; \
    npm prune --omit=dev --ignore-scripts; \
    node dist/local/sbom.js --output sbom.cdx.json; \
    libc=$(node -p 'process.report.getReport().header.glibcVersionRuntime ? "musl" : "gnu"'); \
    rm -rf dist/bundle/node_modules/@libsql/linux-*-"$libc"

FROM system
LABEL org.opencontainers.image.title="odin" \
      org.opencontainers.image.description="Machine-learning pipelines on Kubernetes: one operator, one REST facade" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /build/package.json /build/LICENSE /build/sbom.cdx.json /opt/odin/
COPY --from=build /build/dist/bundle /opt/odin/dist/bundle
COPY --from=build /build/crds/generated /opt/odin/crds/generated
ENV NODE_ENV=production HOME=/home/odin
WORKDIR /var/lib/odin
# Numeric, so that Kubernetes can see that it is not root.
USER 10001:10001
EXPOSE 9003 9004
ENTRYPOINT ["tini", "--", "node", "/opt/odin/dist/bundle/odin.js"]
CMD ["--help"]
