#!/bin/sh
# Restores a run of an Offsite repository without Offsite: with gpg, gpgv, zstd, jq, sed and GNU coreutils alone.
# README.txt beside this script says how to use it; docs/format.md of the project describes everything it reads.
#
# Order of belief: the operator's key (yours) > trust.json > the host's key > the manifest > size and SHA-256 of every
# object > only then decryption > SHA-256 of every chunk > only then files. DIR stays empty until all of it has held.
set -eu
umask 077
export LC_ALL=C
tab=$(printf '\t')
usage() {
  cat >&2 <<'EOF'
usage: recover.sh STORE OPERATOR_PUBLIC.asc RUN|latest --host HOST --set SET --to DIR [options] [PATH...]
  STORE                 a local copy of the bucket; OPERATOR_PUBLIC.asc: your public key, not one from the store
  PATH...               as --list prints them, such as etc/hosts, with all beneath; everything if none is given
  --list                print what the run holds, and write nothing
  --key FILE            the private key, if it is not in your gpg keyring
  --passphrase-file F   its passphrase; else gpg asks for it
  --trust FINGERPRINT   believe this host key although trust.json does not certify it
  --keep-going          leave out what is damaged, instead of restoring nothing
EOF
  exit 2
}
say() { printf 'recover: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

store='' operator='' run='' host='' set='' to='' key='' trust='' passphrase='' list='' keep_going='' paths='[]'
while [ $# -gt 0 ]; do
  case $1 in
    --list) list=yes ;;
    --keep-going) keep_going=yes ;;
    --host | --set | --to | --key | --trust | --passphrase-file)
      [ $# -gt 1 ] || usage
      case $1 in
        --host) host=$2 ;; --set) set=$2 ;; --to) to=$2 ;; --key) key=$2 ;; --passphrase-file) passphrase=$2 ;;
        --trust) trust=$(printf %s "$2" | tr -d ' ' | tr a-f A-F) ;;
      esac
      shift ;;
    --*) usage ;;
    *)
      if [ -z "$store" ]; then store=$1
      elif [ -z "$operator" ]; then operator=$1
      elif [ -z "$run" ]; then run=$1
      else paths=$(jq -nc --argjson paths "$paths" --arg path "$1" '$paths + [$path]'); fi ;;
  esac
  shift
done
if [ -z "$run" ] || [ -z "$host" ] || [ -z "$set" ] || [ -z "$to$list" ]; then usage; fi
for tool in gpg gpgv zstd jq sha256sum; do command -v $tool >/dev/null || die "$tool is not installed"; done
[ -f "$operator" ] || die "$operator is not there"
[ -d "$store/runs" ] || die "$store is no store: it has no folder runs"

# Keys, manifests and one part at a time are in $work; files on their way are in $stage, on the file system of DIR.
work=$(mktemp -d "${TMPDIR:-/tmp}/recover.XXXXXX") stage='' made_to=''
cleanup() {
  GNUPGHOME=$work/gnupg gpgconf --kill all 2>/dev/null || :
  rm -rf "$work" ${stage:+"$stage"}
  [ -z "$made_to" ] || rmdir "$to" 2>/dev/null || :
}
trap cleanup EXIT
trap 'exit 130' INT HUP TERM
mkdir "$work/gnupg" "$work/sources" "$work/listing"

# With --key the private key is in a keyring of its own; else it is in yours. No session key is shown to anybody.
decrypt() {
  if [ -n "$key" ]; then set -- --homedir "$work/gnupg" "$@"; fi
  if [ -n "$passphrase" ]; then set -- --pinentry-mode loopback --passphrase-file "$passphrase" "$@"; fi
  gpg --quiet --batch --yes "$@" </dev/null
}
if tty -s; then GPG_TTY=$(tty); export GPG_TTY; fi
[ -z "$key" ] || decrypt --import "$key" || die "$key cannot be imported"

# ring FILE NAME: public keys in the form that gpgv takes. Those of the store mean nothing by themselves.
ring() { { gpg --homedir "$work/gnupg" --quiet --batch --yes --output "$work/$2.ring" --dearmor <"$1"; } 2>/dev/null; }

# believe ENVELOPE RING OUT: the payload goes to OUT, and $signer is whose key of the ring signed exactly these bytes.
# Not the exit code of gpgv but its status lines decide: it exits 0 for revoked keys and weak hashes as well.
believe() {
  signer=''
  jq -r '.payload, (.signatures[:8][] | @base64)' "$1" >"$work/envelope" 2>/dev/null || return 1
  head -n 1 "$work/envelope" | base64 -d >"$3" 2>/dev/null || return 1
  signer=$(tail -n +2 "$work/envelope" | while read -r signature; do
    printf %s "$signature" | base64 -d >"$work/signature"
    gpgv --homedir "$work/gnupg" --keyring "$work/$2.ring" --ignore-time-conflict --status-fd 1 \
      "$work/signature" "$3" 2>/dev/null | {
      found=''
      while read -r _ word _ _ _ _ version _ _ hash class primary _; do
        case $word:$version:$hash:$class in
          REVKEYSIG:*) found=''; break ;;
          VALIDSIG:4:8:00 | VALIDSIG:4:9:00 | VALIDSIG:4:10:00) found="$primary " ;;
        esac
      done
      printf %s "$found"
    }
  done)
  signer=${signer%% *}
  [ -n "$signer" ]
}
hash_of() { sha256sum <"$1" | head -c 64; }
# For jq: of this type and version, and demanding nothing that this script does not know.
# shellcheck disable=SC2016
is_document='def is_document($t): .type == "offsite/\($t)/1" and .format == 1 and (.critical // []) == [];'

# --- 1. trust.json, signed by the operator ---
ring "$operator" operator || die "$operator is no OpenPGP key"
if [ -e "$store/config/trust.json" ]; then
  believe "$store/config/trust.json" operator "$work/trust" ||
    die "refused: config/trust.json is not signed by the key in $operator. Nothing in this store is believed"
else
  [ -n "$trust" ] || die "refused: the store has no config/trust.json, so no host key is certified (see --trust)"
  echo '{"type":"offsite/trust/1","format":1,"hosts":{}}' >"$work/trust"
fi
# The prefixes that may be the host's, certified under its name or named like it, each with its certified keys.
for folder in "$store/runs"/*/; do basename "$folder"; done >"$work/folders"
jq -nRr --arg host "$host" --slurpfile trust "$work/trust" "$is_document"'
  $trust[0] | if is_document("trust") then .hosts else error("another version") end | . as $hosts
  | [(to_entries[] | select(.value.name == $host or .key == $host) | .key),
     (inputs | select(. == $host or endswith(":" + $host)))]
  | unique[] | select(test("\\A[A-Za-z0-9][A-Za-z0-9._:@=+-]{0,190}\\z"))
  | [., ($hosts[.].keys[]?.fingerprint | select(test("\\A[0-9A-F]{40}\\z")))] | join(" ")
  ' "$work/folders" >"$work/prefixes" ||
  die "refused: config/trust.json is of another version"

# --- 2. the manifest, signed by a key that trust.json certifies for this prefix, name and sequence ---
# manifest PREFIX RUN OUT: the believed payload in OUT, and $sequence and $outcome; else $why says why not. $certified
# are the fingerprints that trust.json has for the prefix.
manifest() {
  file=$store/runs/$1/$set/$2/manifest.json why="the manifest of run $2 is not signed by any key registered for $1"
  # The certified keys, and no more than 100 others: whoever may write under the prefix can register any number.
  others=$(cd "$store/hosts/$1" && printf '%s\n' *.asc | sed -n 's/^\([0-9A-F]\{40\}\)[.]asc$/\1/p' | head -n 100) || :
  for fpr in $certified $trust $others; do
    if ring "$store/hosts/$1/$fpr.asc" host && believe "$file" host "$3" && [ "$signer" = "$fpr" ]; then break; fi
    signer=''
  done
  [ -n "$signer" ] || return 1
  verdict=$(jq -r --arg prefix "$1" --arg set "$set" --arg run "$2" --arg fpr "$signer" --arg also "$trust" \
    --slurpfile trust "$work/trust" "$is_document"'
    def own: split("/") as $k | ($k | length) == 6 and $k[1] == $prefix and $k[2] == $set
      and all($k[3], $k[4]; test("\\A[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}\\z"))
      and ($k[0] + "/" + $k[5] | test("\\A((data|meta)/([0-9]{6}|[1-9][0-9]{6,8})|meta/index)-[0-9a-f]{32}\\.pgp\\z"));
    def valid: is_document("manifest") and .prefix == $prefix and .set == $set and .run == $run and .cipher == "seipd1"
      and all(.objects[]; (.[0] | own) and (.[1] | type) == "number" and (.[2] | test("\\A[0-9a-f]{64}\\z"))
        and .[0][-36:-4] == .[2][:32])
      and ([.objects[][0] | split("/") | .[0] + (.[5] | split("-")[0])] | length == (unique | length))
      and (.outcome == "failed" or (.index as $i | any(.objects[]; .[0] == $i and (.[0] | test("/index-[^/]+\\z")))
        and .sources[-1] == [.chain, .run, null] and all(.sources[:-1][]; .[2] != null)));
    def certified: . as $m | $fpr == $also or ($trust[0].hosts[$m.prefix] // {keys: []} | .name == $m.name and
      any(.keys[]; .fingerprint == $fpr and .from <= $m.sequence and (.until == null or $m.sequence <= .until)));
    if valid | not then "is not valid, not of its place, or names what is not its own"
    elif certified | not then "is signed by \($fpr), which trust.json does not certify for it (see --trust)"
    elif .outcome == "failed" then "is of a run that failed: there is no backup" else "\(.sequence) \(.outcome)" end
    ' "$3" 2>/dev/null) || verdict='is damaged'
  why="the manifest of run $2 $verdict" sequence=${verdict%% *} outcome=${verdict#* }
  case $sequence in *[!0-9]* | '') return 1 ;; esac
}
# accepted PREFIX RUN: complete or partial, or suspect and the operator signed that it is good.
accepted() {
  case $outcome in complete | partial) return 0 ;; esac
  believe "$store/accepted/$1/$set/$2.json" operator "$work/word" &&
    jq -e --arg p "$1" --arg s "$set" --arg r "$2" --arg h "$(hash_of "$work/candidate")" "$is_document"'
      is_document("accepted") and [.prefix, .set, .run, .payload] == [$p, $s, $r, $h]' "$work/word" >/dev/null
}
chosen='' prefix=''
while read -r candidate certified; do
  best=0
  for folder in "$store/runs/$candidate/$set"/*/; do
    id=$(basename "$folder")
    case $id in *[!0-9A-Za-z-]*) continue ;; esac
    if [ ! -f "$folder/manifest.json" ] || { [ "$run" != latest ] && [ "$run" != "$id" ]; }; then continue; fi
    manifest "$candidate" "$id" "$work/candidate" || { say "refused: $why"; continue; }
    [ "$run" = "$id" ] || accepted "$candidate" "$id" || { say "passed over: run $id is suspect"; continue; }
    if [ "$sequence" -gt "$best" ]; then best=$sequence best_run=$id; mv "$work/candidate" "$work/best"; fi
  done
  # A host that was registered anew has several prefixes, and the newer ledger begins later.
  if [ "$best" -gt 0 ] && [ "$(printf '%s\n' "$chosen" "$best_run" | sort | tail -n 1)" = "$best_run" ]; then
    chosen=$best_run prefix=$candidate
    mv "$work/best" "$work/manifest"
  fi
done <"$work/prefixes"
[ -n "$chosen" ] || die "nothing to restore: no such run of host $host, set $set that can be believed and is accepted"
say "$(jq -c '{run, name, set, sequence, outcome, started} + (.counts | {files, bytes})' "$work/manifest")"

# --- 3. the manifests of the runs that it builds on, by their SHA-256; all parts by "source/kind/number" ---
jq -r '(.index as $i | .objects[] | select(.[0] == $i) | .[:3]),
  (.sources | to_entries[] | [.key, .value[1], .value[2] // "-"]) | @tsv' "$work/manifest" >"$work/needed"
tail -n +2 "$work/needed" | while IFS=$tab read -r source id hash; do
  file=$work/sources/$source
  if [ "$hash" = - ]; then cp "$work/manifest" "$file"; continue; fi
  { jq -rj .payload "$store/runs/$prefix/$set/$id/manifest.json" | base64 -d >"$file"; } 2>/dev/null || :
  [ "$(hash_of "$file")" = "$hash" ] || { say "the manifest of run $id is lost or damaged"; rm -f "$file"; }
done
jq -n 'reduce (inputs | (input_filename | split("/")[-1]) as $source | .objects[] | . as $object | .[0] | split("/")
  | ["\($source)/\(.[0])/\(.[5] | split("-")[0] | sub("^0*(?=[0-9])"; ""))", $object]) as [$id, $object]
  ({}; .[$id] = $object)' "$work/sources"/* >"$work/objects"

# --- 4. objects: size and SHA-256, and only then decryption, of the very bytes that were hashed ---
holds() { # KEY SIZE SHA256
  [ -f "$store/$1" ] && head -c $(($2 + 1)) "$store/$1" >"$work/object" &&
    [ "$(wc -c <"$work/object")" -eq "$2" ] && [ "$(hash_of "$work/object")" = "$3" ]
}
open() { # KEY SIZE SHA256: the content in $work/part
  holds "$@" || die "refused: $1 is lost or damaged: its size or SHA-256 is not the one in the manifest"
  decrypt --output "$work/part" --decrypt "$work/object" || die "$1 cannot be decrypted: is the private key there?"
}
slice() { dd if="$1" bs=1M iflag=skip_bytes,count_bytes skip="$2" count="$3" status=none; }
# extract PIECES FOLDER: each line "key size sha256 frame-offset frame-length offset length number digest" becomes the
# file FOLDER/number. Every part is decrypted once, every frame decompressed once, and in the end every digest checked.
extract() {
  opened='' frame=''
  sort -t "$tab" -k 1,1 -k 4,4n -k 6,6n -o "$1" "$1"
  while IFS=$tab read -r object size sha frame_at frame_length at length number _; do
    if [ "$object" != "$opened" ]; then open "$object" "$size" "$sha"; opened=$object frame=''; fi
    if [ "$frame_at $frame_length" != "$frame" ]; then
      slice "$work/part" "$frame_at" "$frame_length" | zstd -dqc | head -c 67108864 >"$work/frame"
      frame="$frame_at $frame_length"
    fi
    slice "$work/frame" "$at" "$length" >"$2/$number"
  done <"$1"
  cut -f 8 "$1" >"$2/numbers"
  cut -f 9 "$1" | base64 -d | od -An -v -tx1 -w32 | tr -d ' ' | paste -d ' ' - /dev/null "$2/numbers" >"$2/sums"
  [ ! -s "$1" ] || (cd "$2" && sha256sum --quiet --strict -c sums >&2) || die "refused: content without its SHA-256"
}

# jq knows no bytes: a name becomes text for printf %b in which every byte that is odd is an escape. The listing is
# signed, and taken for hostile all the same: whatever is not a name is checked before it becomes a column of a line.
# shellcheck disable=SC2016
jq_bytes='
  def bytes: (explode | map(if . > 96 then . - 71 elif . > 64 then . - 65 elif . > 47 and . < 58 then . + 4
      elif . == 43 then 62 elif . == 47 then 63 else empty end)) as $s
    | [range(0; ($s | length) * 6 - 7; 8) as $bit | ($bit / 6 | floor) as $i
      | (($s[$i] * 4096 + ($s[$i + 1] // 0) * 64 + ($s[$i + 2] // 0)) / [1024, 0, 256, 0, 64][$bit % 6] | floor) % 256];
  def octal(digits): . as $n | [range(digits; 0; -1) as $i | $n / pow(8; $i - 1) | floor % 8 | tostring] | add;
  def escaped: map(if . > 31 and . < 127 and . != 92 then [.] | implode else "\\0" + octal(3) end) | add // "";
  def name(n): if has(n) and has(n + "64") then error("two forms of a \(n)")
    elif has(n) and (.[n] | test("[^ -\\[\\]-~]") | not) then .[n]
    else (.[n + "64"] // (.[n] | @base64) | bytes) | if index(0) then error("a NUL in a \(n)") else escaped end end;
  def number: if type == "number" and . >= 0 and . < 9007199254740992 and . == floor then . else error("no number") end;
  def like(regex): if type == "string" and test("\\A(\(regex))\\z") then . else error("not like \(regex)") end;
  def digest: like("[A-Za-z0-9+/]{43}=");
  def part($kind; $objects): "\(.[0])/\($kind)/\(.[1])" as $id
    | ($objects[0][$id] // error("no manifest names part \($id)"))[:3] + (.[2:6] | map(number));'

# --- 5. index and listing ---
head -n 1 "$work/needed" >"$work/line"
IFS=$tab read -r object size sha <"$work/line"
open "$object" "$size" "$sha"
zstd -dqc <"$work/part" | head -c 268435456 >"$work/index"
jq -r --slurpfile m "$work/manifest" --slurpfile objects "$work/objects" "$is_document$jq_bytes"'
  if is_document("index") and [.run, .sources] == ($m[0] | [.run, .sources]) then .listing | to_entries[]
  else error("the index is not the one of this run, or of another version") end
  | (.value[0] | part("meta"; $objects)) + [.key, (.value[1] | digest)] | @tsv' "$work/index" >"$work/pieces" ||
  die "refused: the index, or what it names, is lost or damaged"
extract "$work/pieces" "$work/listing"
count=$(wc -l <"$work/pieces") i=0
while [ $i -lt "$count" ]; do cat "$work/listing/$i"; i=$((i + 1)); done >"$work/lines"

# --- 6. the plan: E lines for entries, in order; P lines for pieces of content; W lines for what is missing ---
plan() {
  jq -nr --argjson paths "$paths" --slurpfile objects "$work/objects" --rawfile bad "$work/bad" "$jq_bytes"'
    def refuse(why): error("the listing is refused: \(why)");
    # Its seconds are rounded down, and touch counts from zero: -2.500000000 is -1.5.
    def time: like("-?[0-9]{1,15}[.][0-9]{9}") | split(".") as [$s, $n]
      | if ($s | startswith("-") | not) or ($n | tonumber) == 0 then .
        else "-\(-1 - ($s | tonumber)).\(2000000000 - ($n | tonumber) | tostring[1:])" end;
    ($bad | split("\n") | map({key: ., value: true}) | from_entries) as $bad
    | [$paths[] | sub("^/+"; "") | sub("/+$"; "") | select(. != "") | {path: .} | name("path")] as $wanted
    | reduce inputs as $line ([]; if $line | has("more") then .[-1].locations += $line.more else . + [$line] end)
    | map(.path = name("path") | .link = if has("link") or has("link64") then name("link") else null end) as $all
    | (reduce $all[] as {$path, $type} ({};
        if .[$path] then refuse("\($path) is there twice") else .[$path] = $type end)) as $types
    | ($all[].path | . as $path | split("/") | if . == [] or any(.[]; . == "" or . == "." or . == "..")
        then refuse("\($path) leads elsewhere")
        elif any(range(1; length) as $i | .[:$i] | join("/"); $types[.] != "directory")
        then refuse("\($path) lies under something that is no directory") else empty end),
      ($wanted[] | . as $w | if any($all[].path; . == $w or startswith($w + "/")) then empty
        else error("\($w) is not in this run") end),
      foreach ($all[] | select($wanted == [] or (.path as $p | any($wanted[];
          . as $w | $p == $w or ($p | startswith($w + "/")) or ($w | startswith($p + "/")))))) as $e
        ({piece: 0, links: {}};
        ($e.locations // []) as $at | [$e.size, $e.hash, $e.data, $at] as $content
        | [($e.mode | number | octal(4)), ($e.uid | number), ($e.gid | number), ($e.mtime | time)] as $about
        | .out = if $e.error | not then [] else
            [["W", $e.path, ($e | name("error")), if $e.stale then "older content" else "no content" end]] end
        | if $e.type != "file" then .out += [["E", ($e.type | like("[a-z]+"))] + $about + [0, 0, 0, "-", $e.path,
            if $e.type == "symlink" then $e | name("target")
            elif $e.device then $e.device | map(number | tostring) | join(" ") else "-" end]]
          elif $e.error and ($e.stale | not) then .
          elif any($at[]; part("data"; $objects) | $bad[.[0]]) then .out += [["W", $e.path, "damaged", "no content"]]
          elif $e.link and .links[$e.link] then .links[$e.link] as [$first, $same]
            | if $same != $content then refuse("\($e.path) is not the same file as \($first)") else . end
            | .out += [["E", "link"] + $about + [0, 0, 0, "-", $e.path, $first]]
          elif ([$at[][5]] | add // 0) != (if $e.data then [$e.data[][1]] | add // 0 else $e.size end)
          then refuse("the locations of \($e.path) do not fill it")
          else .piece as $piece | .piece += ($at | length)
            | if $e.link then .links[$e.link] = [$e.path, $content] else . end
            | .out += [["E", "file"] + $about + [$piece, ($at | length), ($e.size | number),
                if $e.data then [$e.data[] | "\(.[0] | number) \(.[1] | number),"] | add // "," else "-" end,
                $e.path, "-"]]
              + [range($at | length) as $i | $at[$i]
                | ["P"] + part("data"; $objects) + [$piece + $i, (.[6] // $e.hash | digest)]]
          end;
        .out[] | map(tostring) | join("\t"))' "$work/lines" >"$work/plan" || die "nothing was restored"
  sed -n "s/^P$tab//p" "$work/plan" >"$work/pieces"
}
: >"$work/bad"
plan
entries() { sed -n "s/^E$tab//p" "$work/plan"; }
if [ -n "$list" ]; then
  entries | while IFS=$tab read -r type mode uid gid mtime _ _ size _ path extra; do
    printf '%s %-9s %5s:%-5s %12s %-20s %s -> %s\n' "$mode" "$type" "$uid" "$gid" "$size" "@$mtime" "$path" "$extra"
  done | sed 's/ -> -$//'
  exit 0
fi

# --- 7. every part is looked at before anything is written; then content, checked; then files, attributes last ---
cut -f 1-3 "$work/pieces" | sort -u | while IFS=$tab read -r object size sha; do
  holds "$object" "$size" "$sha" || printf '%s\n' "$object"
done >"$work/bad"
if [ -s "$work/bad" ]; then
  while read -r object; do say "$object is lost or damaged: another size or SHA-256"; done <"$work/bad"
  [ -n "$keep_going" ] || die "refused: nothing was restored (--keep-going leaves out what is damaged)"
  plan
fi
if [ ! -d "$to" ]; then mkdir -p "$to"; made_to=yes; fi
[ -z "$(ls -A "$to")" ] || die "$to is not empty"
to=$(cd "$to" && pwd)
stage=$(mktemp -d "$to/.recover.XXXXXX")
extract "$work/pieces" "$stage"

decode() { case $1 in *\\*) decoded=$(printf '%bx' "$1"); decoded=${decoded%x} ;; *) decoded=$1 ;; esac; }
fill() { # FILE FIRST-PIECE PIECES SIZE EXTENTS: the file of its pieces, or with holes where it has extents
  piece=$2 taken=0 extents=$5
  while [ $((piece += 1)) -lt $(($2 + $3)) ]; do
    cat "$stage/$piece" >>"$stage/$2"
    rm "$stage/$piece"
  done
  if [ "$5" = - ] && [ "$3" -gt 0 ]; then mv "$stage/$2" "$1"; return; fi
  truncate -s "$4" "$1"
  while [ -n "${extents#[-,]}" ]; do
    extent=${extents%%,*} extents=${extents#*,}
    dd if="$stage/$2" of="$1" bs=1M iflag=skip_bytes,count_bytes oflag=seek_bytes conv=notrunc status=none \
      skip="$taken" count="${extent#* }" seek="${extent% *}"
    taken=$((taken + ${extent#* }))
  done
}
root=$(id -u)
attributes() { # TYPE MODE OWNER MTIME FILE: the owner first, which clears set-id bits; the time last
  mode=$2
  if [ "$root" -eq 0 ]; then [ "$3" = 0:0 ] || chown -h "$3" "$5"
  elif [ "$1" = file ]; then mode=0${2#?}; fi # no set-id bits under another owner
  [ "$1" = symlink ] || chmod "$mode" "$5"
  touch -h -d "@$4" "$5"
}
entries >"$work/entries"
while IFS=$tab read -r type mode uid gid mtime first pieces size extents path extra; do
  decode "$extra"
  extra=$decoded
  decode "$path"
  file=$to/$decoded
  case $type in
    directory) mkdir "$file"; continue ;;
    link) ln -T "$to/$extra" "$file"; continue ;;
    file) fill "$file" "$first" "$pieces" "$size" "$extents" ;;
    symlink) ln -sT "$extra" "$file" ;;
    fifo) mkfifo "$file" ;;
    char | block) # shellcheck disable=SC2086
      mknod "$file" "${type%"${type#?}"}" $extra || { say "not restored: $path ($type)"; continue; } ;;
    *) say "not restored: $path ($type)"; continue ;;
  esac
  attributes "$type" "$mode" "$uid:$gid" "$mtime" "$file"
done <"$work/entries"
made_to=''
rm -rf "$stage"
tac "$work/entries" | while IFS=$tab read -r type mode uid gid mtime _ _ _ _ path _; do
  decode "$path"
  [ "$type" != directory ] || attributes directory "$mode" "$uid:$gid" "$mtime" "$to/$decoded"
done
sed -n "s/^W$tab/recover: not as it was: /p" "$work/plan" >&2
say "$(wc -l <"$work/entries") entries restored in $to, every byte verified"
[ -z "$(sed -n "/^W$tab/p" "$work/plan" | head -n 1)" ] || exit 3
