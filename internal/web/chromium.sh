#!/bin/sh
# Installs Chromium, in which the pages are tested, if there is none: Debian's
# package, and a font.
set -eu

if [ -n "${STATUSD_TEST_CHROMIUM:-}" ] || command -v chromium >/dev/null; then
	exit 0
fi
if ! command -v apt-get >/dev/null; then
	echo "Install Chromium, or name one in STATUSD_TEST_CHROMIUM: the pages are tested in it." >&2
	exit 1
fi
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
echo "Installing Chromium, in which the pages are tested"
$as_root apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core
