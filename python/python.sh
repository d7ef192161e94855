#!/bin/sh
# Installs Python, in which its client is tested, if there is none.
set -eu

python3 -c 'import sys, ssl; sys.exit(sys.version_info < (3, 9))' 2>/dev/null ||
	sh "$(dirname "$0")/../.ci/install" "Python 3.9 or later, in which its client is tested" python3
