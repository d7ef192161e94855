#!/bin/sh
# Fetches the OpenID provider that the tests run against: the npm package
# oidc-provider, and what it rests on, each by the hash in package-lock.json.
# Usage: fetch.sh [FOLDER]; the default is .tools/oidc-provider in the module's
# root.
set -eu

cd "$(dirname "$0")/../.."
folder=${1:-.tools/oidc-provider}
if cmp -s internal/oidctest/package-lock.json "$folder/fetched"; then
	exit 0
fi
for program in node npm; do
	if ! command -v "$program" >/dev/null; then
		echo "The OpenID provider that the tests run against takes $program, which is not there." >&2
		exit 1
	fi
done
mkdir -p "$folder"
rm -rf "$folder/fetched" "$folder/node_modules"
cp internal/oidctest/package.json internal/oidctest/package-lock.json "$folder"
if ! (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --omit=dev --loglevel=error >/dev/null); then
	echo "The OpenID provider that the tests run against can't be fetched: npm says why above." >&2
	exit 1
fi
cp internal/oidctest/package-lock.json "$folder/fetched"
