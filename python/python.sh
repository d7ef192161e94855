#!/bin/sh
# Installs Python, in which its client is tested, if there is none: Debian's
# package.
set -eu

if python3 -c 'import sys, ssl; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
	exit 0
fi
if ! command -v apt-get >/dev/null; then
	echo "Install Python 3.9 or later: its client is tested in it." >&2
	exit 1
fi
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
echo "Installing Python, in which its client is tested"
$as_root apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3
