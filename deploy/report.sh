#!/bin/sh
# Tells statusd where a job is:
#
#   report.sh REQUEST_ID STATUS [FIELD=VALUE]...
#   report.sh bert-17 in-progress progress=3/10 message='loss 0.31'
#
# It prints the answer as one line. It never fails, so that it can't end a
# training under set -e, and it never takes longer than 30 seconds, or 3 for
# in-progress: of those there will be another. Needs curl 7.71 or later.
#
# STATUSD_SERVER   where statusd is (http://127.0.0.1:8080)
# STATUSD_ATTEMPT  which try at the job this is: a scheduler's retry counter, or
#                  date +%s, taken once when the worker starts. The number of a
#                  later try is higher. It makes a report safe to repeat.
# STATUSD_TOKEN    the token to report with, where statusd asks for one
set -u
url=${STATUSD_SERVER:-http://127.0.0.1:8080}/status/${1:?REQUEST_ID is missing}
status=${2:?STATUS is missing}
shift 2

fields=$#
for field; do
    set -- "$@" --data-urlencode "$field"
done
shift "$fields"

case $status in
in-progress) set -- --max-time 3 "$@" ;;
*) set -- --max-time 4 --retry 4 --retry-all-errors --retry-max-time 15 "$@" ;;
esac

# Others can see a command's arguments, so that the token is none.
answer=$(printf '%s' "${STATUSD_TOKEN:+Authorization: Bearer $STATUSD_TOKEN}" |
    curl --silent --show-error --header 'Accept: text/plain' --header @- \
    --data-urlencode "status=$status" ${STATUSD_ATTEMPT:+--data-urlencode "attempt=$STATUSD_ATTEMPT"} \
    "$@" "$url" 2>&1) || answer="$answer
$status was not reported: ${answer##*: }"
printf 'statusd: %s\n' "${answer##*
}" # of several tries the last
exit 0
