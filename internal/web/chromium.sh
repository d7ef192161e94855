#!/bin/sh
# Installs Chromium, in which the pages are tested, if there is none, and a font.
set -eu

[ -n "${STATUSD_TEST_CHROMIUM:-}" ] || command -v chromium >/dev/null ||
	sh "$(dirname "$0")/../../.ci/install" "Chromium, in which the pages are tested (or name one in STATUSD_TEST_CHROMIUM)" \
		chromium fonts-dejavu-core
