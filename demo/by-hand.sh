#!/bin/sh
# One file out of one run with gpg, zstd and jq alone, to show that nothing else is needed. It checks no signatures:
# recovery/recover.sh does all of it properly.
# Usage: by-hand.sh STORE MANIFEST PATH > FILE        (the private key is in gpg's keyring)
set -eu
store=$1 manifest=$2 wanted=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The manifest's payload names every object of the run.
jq -rj .payload "$manifest" | base64 -d > "$work/payload"

# decrypt KIND NUMBER: the frames of a part
decrypt() {
  key=$(jq -r --arg start "$1/" --argjson number "$2" '.objects[][0] | select(startswith($start))
    | select((split("/")[-1] | split("-")[0]) as $n | $n != "index" and ($n | tonumber) == $number)' "$work/payload")
  gpg --quiet --batch --decrypt "$store/$key"
}

# cut PART FRAME_OFFSET FRAME_LENGTH OFFSET LENGTH: a chunk out of a decrypted part
cut_chunk() {
  tail -c +$(($2 + 1)) "$1" | head -c "$3" | zstd -dcq | tail -c +$(($4 + 1)) | head -c "$5"
}

# The index leads to the listing, the listing to the content.
gpg --quiet --batch --decrypt "$store/$(jq -r .index "$work/payload")" | zstd -dcq > "$work/index"
jq -r '.listing[][0] | @tsv' "$work/index" | while read -r _ part frame frame_length offset length; do
  [ -e "$work/meta-$part" ] || decrypt meta "$part" > "$work/meta-$part"
  cut_chunk "$work/meta-$part" "$frame" "$frame_length" "$offset" "$length"
done > "$work/listing"

jq -r --arg path "$wanted" 'select(.path == $path) | .locations[][0:6] | @tsv' "$work/listing" |
while read -r _ part frame frame_length offset length; do
  decrypt data "$part" > "$work/data"
  cut_chunk "$work/data" "$frame" "$frame_length" "$offset" "$length"
done
