#!/bin/sh
# Runs a training and tells statusd that it started, that it is alive, and how
# it ended. It ends as the training does, whether or not statusd was there.
#
#   STATUS_URL=http://statusd.example.com worker.sh bert-17 python train.py
#
# The training may say more by itself, under the same attempt:
#
#   report.sh "$STATUS_REQUEST_ID" in-progress progress=3/10 message='loss 0.31'
#
# STATUS_URL, STATUS_TOKEN, STATUS_ATTEMPT  as in report.sh; the attempt is the time if not given
# STATUS_EVERY          seconds between signs of life (30)
set -u
STATUS_REQUEST_ID=${1:?REQUEST_ID is missing}
shift
: "${1:?the command is missing}" "${STATUS_ATTEMPT:=$(date +%s)}" "${STATUS_EVERY:=30}"
export STATUS_REQUEST_ID STATUS_ATTEMPT

report() { sh "$(dirname "$0")/report.sh" "$STATUS_REQUEST_ID" "$@"; }

# In the background, so that the training need not wait for statusd: should
# this one arrive last, it changes nothing.
report started report_every="$STATUS_EVERY" &

"$@" &
training=$!

# Signs of life end with the training, whatever becomes of this script. A sleep
# that is left over must not keep the output open.
while sleep "$STATUS_EVERY" >/dev/null 2>&1; kill -0 "$training" 2>/dev/null; do report in-progress; done &
heart=$!

# Not earlier: a process that has just been forked off would lose a signal.
trap 'kill -TERM "$training"' TERM INT HUP

# A trapped signal ends wait, not the training.
while wait "$training"; code=$?; kill -0 "$training" 2>/dev/null; do :; done
kill "$heart"

if [ "$code" -eq 0 ]; then
    report success
else
    report fail exit_code="$code"
fi
exit "$code"
