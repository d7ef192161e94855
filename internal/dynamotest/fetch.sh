#!/bin/sh
# Fetches the DynamoDB server that the tests run against: dynoxide, a static
# binary under an open licence, from the npm registry, by its hash.
# Usage: fetch.sh [FILE]; the default is .tools/dynoxide in the module's root.
set -eu

package=@dynoxide/linux-x64@1.2.1
integrity=sBHqlxJ9ANkLluFkYRfd5r8Y0ApFew4FhOrlhgRAgD4XzEoFOukEo1nuBTQ1+jTtofqwn4NWQ2k0Tn5mNTjgUg==

cd "$(dirname "$0")/../.."
file=${1:-.tools/dynoxide}
if [ -x "$file" ] && [ "$(cat "$file.integrity" 2>/dev/null)" = "$integrity" ]; then
	exit 0
fi
if [ "$(uname -s)-$(uname -m)" != Linux-x86_64 ]; then
	echo "There is no $package for $(uname -s) on $(uname -m): start a DynamoDB server of your own" >&2
	echo "and name its URL in STATUSD_TEST_DYNAMODB_ENDPOINT." >&2
	exit 1
fi
mkdir -p "$(dirname "$file")"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && npm pack --silent "$package" >/dev/null)
found=$(openssl dgst -sha512 -binary "$folder"/*.tgz | openssl base64 -A)
if [ "$found" != "$integrity" ]; then
	echo "$package is not what it was: its sha512 is $found" >&2
	exit 1
fi
tar -xzf "$folder"/*.tgz -C "$folder" package/dynoxide
mv "$folder/package/dynoxide" "$file"
chmod +x "$file"
echo "$integrity" >"$file.integrity"
