#!/bin/sh
# Fetches the OpenID provider that the tests run against: the npm package
# oidc-provider, and what it rests on, each by the hash in package-lock.json.
set -eu

cd "$(dirname "$0")/../.."
folder=.tools/oidc-provider
if cmp -s internal/oidctest/package-lock.json "$folder/fetched"; then
	exit 0
fi
rm -rf "$folder"
mkdir -p "$folder"
cp internal/oidctest/package.json internal/oidctest/package-lock.json "$folder"
(cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --omit=dev --loglevel=error >/dev/null)
cp internal/oidctest/package-lock.json "$folder/fetched"
