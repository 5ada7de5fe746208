#!/usr/bin/env python3
"""A reader of Offsite stores, written from docs/format.md alone: Python's standard library, gpg, gpgv and zstd.

    reader.py STORE OPERATOR_PUBLIC.asc HOST SET RUN|latest [--extract DIR] [--check-cuts] [--trust FPR]

STORE is a directory. The private key is in gpg's home ($GNUPGHOME). Prints one JSON line for each entry. It exists to
prove that the document is complete; recovery/recover.sh is what to use on a bad day. Numbers such as "8.3" are sections
of docs/format.md.
"""

import argparse
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile

ID = r"\d{8}T\d{6}Z-[0-9a-f]{12}"
PREFIX = r"[A-Za-z0-9][A-Za-z0-9._:@=+-]{0,190}"
SET = r"[a-z0-9][a-z0-9_-]{0,31}"
OBJECT_KEY = re.compile(
    rf"(data|meta)/({PREFIX})/({SET})/({ID})/({ID})/(?:(\d{{6,9}})|(index)|key-(\d{{1,9}}))-([0-9a-f]{{32}})\.pgp"
)


class Refused(Exception):
    """Something in the store must not be believed, or is damaged."""


def need(holds, why):
    if not holds:
        raise Refused(why)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def unbase64(text):
    """Base64 in the one form that encoding gives."""
    data = base64.b64decode(text, validate=True)
    need(base64.b64encode(data).decode() == text, "not base64 in its one form")
    return data


def run(arguments, data=b"", more=()):
    done = subprocess.run(arguments, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=more)
    need(done.returncode == 0, f"{arguments[0]} failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


# 3. Documents


def canonical(value):
    """RFC 8785 as section 3.2 restricts it."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int):
        need(abs(value) < 2**53, "an integer beyond 2^53")
        return str(value)
    if isinstance(value, str):
        value.encode()
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    need(isinstance(value, dict), "something that has no canonical form")
    pairs = sorted(value.items(), key=lambda pair: pair[0].encode("utf-16-be"))
    return "{" + ",".join(canonical(key) + ":" + canonical(item) for key, item in pairs) + "}"


def check_document(value, kind, known):
    need(isinstance(value, dict), "not an object")
    need(value.get("type") == f"offsite/{kind}/1", f"not of type offsite/{kind}/1")
    need(value.get("format") == 1, "of another format")
    unknown = [name for name in value.get("critical", []) if name not in known]
    need(not unknown, f"demands that readers understand {unknown}")
    return value


def payload_of(envelope, ring):
    """The payload of an envelope and the fingerprint of the key in the ring that signed it (3.3)."""
    document = json.loads(envelope.decode("utf-8"))
    payload = unbase64(document["payload"])
    signatures = document["signatures"]
    need(1 <= len(signatures) <= 8, "too many signatures, or none")
    for signature in signatures:
        need(len(signature) <= 16384, "a signature is too long")
        signer = verify(payload, signature, ring)
        if signer is not None:
            return payload, signer
    return payload, None


def verify(payload, signature, ring):
    if not signature.startswith("-----BEGIN PGP SIGNATURE-----"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        for name, data in (("payload", payload), ("signature", signature.encode()), ("ring", ring)):
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)
        arguments = ["gpgv", "--homedir", folder, "--keyring", f"{folder}/ring", "--ignore-time-conflict"]
        arguments += ["--status-fd", "1", f"{folder}/signature", f"{folder}/payload"]
        status = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()
    lines = [line.split() for line in status.splitlines()]
    if any(line[1] == "REVKEYSIG" for line in lines):
        return None
    for line in lines:
        # VALIDSIG fingerprint date time expiry version reserved algorithm hash class primary
        if line[1] == "VALIDSIG" and line[6] == "4" and line[9] in ("8", "9", "10") and line[10] == "00":
            return line[11]
    return None


def signed_document(envelope, ring, kind, known, what):
    payload, signer = payload_of(envelope, ring)
    need(signer is not None, f"{what} is not signed by the key that must have signed it")
    value = json.loads(payload.decode("utf-8"))
    need(canonical(value).encode() == payload, f"{what} is not canonical JSON")
    return check_document(value, kind, known), payload, signer


# 4. Trust, 5. manifests

TRUST_FIELDS = {"type", "format", "critical", "serial", "hosts"}
ACCEPTED_FIELDS = {"type", "format", "critical", "prefix", "set", "run", "payload", "because", "at"}
MANIFEST_FIELDS = set(
    """type format critical name prefix set run chain sequence previous base sources requested actual promoted policy
    due started finished agent cipher recipients keyObjects objects index counts outcome gates scripts warnings error
    configHash stateLost ledgerUnknown""".split()
)
INDEX_FIELDS = set(
    "type format critical run chain sources seed listing counts scripts gates warnings moreWarnings".split()
)


class Store:
    def __init__(self, root, operator, also_trusted):
        self.root = root
        self.anchor = dearmor(open(operator, "rb").read())
        self.also_trusted = also_trusted
        self.trust = {"hosts": {}}
        if os.path.exists(f"{root}/config/trust.json"):
            envelope = self.get("config/trust.json", 2 * 16777216)
            self.trust, _, _ = signed_document(envelope, self.anchor, "trust", TRUST_FIELDS, "trust.json")

    def get(self, key, limit):
        with open(f"{self.root}/{key}", "rb") as file:
            data = file.read(limit + 1)
        need(len(data) <= limit, f"{key} is too large")
        return data

    def prefixes(self, host):
        named = [prefix for prefix, entry in self.trust["hosts"].items() if entry["name"] == host]
        there = os.listdir(f"{self.root}/hosts")
        return sorted({*named, *(prefix for prefix in there if prefix == host or prefix.endswith(f":{host}"))})

    def runs(self, prefix, name):
        folder = f"{self.root}/runs/{prefix}/{name}"
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return [one for one in names if re.fullmatch(ID, one) and os.path.exists(f"{folder}/{one}/manifest.json")]

    def manifest(self, prefix, name, run_id):
        """A manifest that is validly signed by a registered key, and that key's fingerprint."""
        key = f"runs/{prefix}/{name}/{run_id}/manifest.json"
        envelope = self.get(key, 2 * 67108864)
        for fingerprint in self.fingerprints(prefix):
            ring = dearmor(self.get(f"hosts/{prefix}/{fingerprint}.asc", 65536))
            payload, signer = payload_of(envelope, ring)
            if signer == fingerprint:
                value, payload, _ = signed_document(envelope, ring, "manifest", MANIFEST_FIELDS, key)
                check_manifest(value, prefix, name, run_id)
                return value, sha256(payload), signer
        raise Refused(f"{key} is not signed by any key registered for {prefix}")

    def fingerprints(self, prefix):
        """Of the keys that trust.json names, and of no more than 100 others that are registered."""
        folder = f"{self.root}/hosts/{prefix}"
        named = [key["fingerprint"] for key in self.trust["hosts"].get(prefix, {"keys": []})["keys"]]
        there = [one[:-4] for one in os.listdir(folder) if re.fullmatch(r"[0-9A-F]{40}\.asc", one)]
        return [one for one in named if one in there] + [one for one in there if one not in named][:100]

    def is_certified(self, manifest, signer):
        entry = self.trust["hosts"].get(manifest["prefix"])
        if entry is None or entry["name"] != manifest["name"]:
            return False
        number = manifest["sequence"]
        return any(
            key["fingerprint"] == signer and key["from"] <= number and (key["until"] is None or number <= key["until"])
            for key in entry["keys"]
        )

    def is_accepted(self, manifest, payload_hash):
        if manifest["outcome"] != "suspect":
            return manifest["outcome"] in ("complete", "partial")
        place = [manifest[name] for name in ("prefix", "set", "run")]
        try:
            envelope = self.get("accepted/{}/{}/{}.json".format(*place), 2 * 65536)
            word, _, _ = signed_document(envelope, self.anchor, "accepted", ACCEPTED_FIELDS, "the acceptance")
        except (FileNotFoundError, Refused):
            return False
        return [word[name] for name in ("prefix", "set", "run")] == place and word["payload"] == payload_hash

    def select(self, host, name, wanted):
        best = None
        for prefix in self.prefixes(host):
            candidates = []
            for run_id in self.runs(prefix, name):
                if wanted not in ("latest", run_id):
                    continue
                try:
                    manifest, payload_hash, signer = self.manifest(prefix, name, run_id)
                except Refused:
                    if wanted != "latest":
                        raise
                    continue
                if not self.is_certified(manifest, signer) and signer not in self.also_trusted:
                    need(wanted == "latest", f"run {run_id} is signed by {signer}, which is not certified")
                    continue
                need(wanted == "latest" or manifest["outcome"] != "failed", f"run {run_id} failed")
                if wanted != "latest" or self.is_accepted(manifest, payload_hash):
                    candidates.append((manifest["sequence"], manifest))
            if candidates:
                newest = max(candidates, key=lambda one: one[0])[1]
                if best is None or newest["run"] > best["run"]:
                    best = newest
        need(best is not None, "no such run, or none that is accepted and believed")
        return best


def dearmor(armored):
    with tempfile.TemporaryDirectory() as home:
        return run(["gpg", "--homedir", home, "--quiet", "--batch", "--dearmor"], armored)


def check_manifest(manifest, prefix, name, run_id):
    need([manifest[one] for one in ("prefix", "set", "run")] == [prefix, name, run_id], "the manifest of another run")
    need(manifest["cipher"] == "seipd1", "another cipher")
    need(manifest["outcome"] in ("complete", "partial", "suspect", "failed"), "an unknown outcome")
    failed = manifest["outcome"] == "failed"
    sources = manifest["sources"]
    if not failed:
        need(sources and sources[-1] == [manifest["chain"], run_id, None], "the last source is not the run itself")
        need(all(hash_ and one != run_id for _, one, hash_ in sources[:-1]), "a source without a hash")
    attempts = set()
    for attempt, key, _, digest in manifest["keyObjects"]:
        match = OBJECT_KEY.fullmatch(key)
        need(match and match[8] and match[1] == "meta" and [match[2], match[3]] == [prefix, name], "a foreign key object")
        need(int(match[8]) == attempt and attempt not in attempts, "a wrong key object, or two")
        need(digest.startswith(match[9]), f"the hash of {key} is not the one in its name")
        attempts.add(attempt)
    seen, indexes = set(), []
    for key, _, digest, attempt in manifest["objects"]:
        match = OBJECT_KEY.fullmatch(key)
        need(match and not match[8] and [match[2], match[3]] == [prefix, name], f"a foreign object: {key}")
        need(digest.startswith(match[9]), f"the hash of {key} is not the one in its name")
        need(attempt in attempts, f"no key object for {key}")
        if match[7]:
            need(match[1] == "meta", "an index among the data")
            indexes.append(key)
        number = (match[1], int(match[6])) if match[6] else "index"
        need(number not in seen, f"two objects are {number}")
        seen.add(number)
    need(indexes == ([] if failed else [manifest["index"]]), "its index is not among its objects")
    need(not failed or manifest["index"] is None, "a failed run with an index")


# 6. Encryption


def check_outer_form(part, recipients):
    """The bytes of section 6.1, as far as they are not encrypted."""
    at = packets = 0
    while part[at] == 0xC1:
        if part[at + 1] < 192:
            length, body = part[at + 1], at + 2
        else:
            length, body = ((part[at + 1] - 192) << 8) + part[at + 2] + 192, at + 3
        need(12 <= length <= 4096 and part[body] == 3, "a session-key packet is not of its form")
        at, packets = body + length, packets + 1
    need(packets == recipients, f"{packets} session-key packets for {recipients} recipients")
    rest = len(part) - at - 6
    need(part[at : at + 7] == b"\xd2\xff" + rest.to_bytes(4, "big") + b"\x01", "the encrypted packet is not of its form")
    return rest - 1 - 18 - 12 - 22


class RunReader:
    def __init__(self, store, manifest):
        self.store = store
        self.manifest = manifest
        self.sources = {}
        self.session_keys = {}
        self.parts = {}
        self.frames = {}
        line = next(line for line in manifest["objects"] if line[0] == manifest["index"])
        content = decompress(self.open(manifest, line), 268435456)
        self.index = check_document(json.loads(content.decode("utf-8")), "index", INDEX_FIELDS)
        need(self.index["run"] == manifest["run"], "the index of another run")
        need(self.index["sources"] == manifest["sources"], "index and manifest disagree about the sources")

    def source(self, number):
        """The manifest whose parts a location means (8.4)."""
        if number not in self.sources:
            _, run_id, payload_hash = self.manifest["sources"][number]
            found = self.manifest
            if payload_hash is not None:
                key = f"runs/{self.manifest['prefix']}/{self.manifest['set']}/{run_id}/manifest.json"
                payload = unbase64(json.loads(self.store.get(key, 2 * 67108864))["payload"])
                need(sha256(payload) == payload_hash, f"{key} is not the manifest that the run was built on")
                found = check_document(json.loads(payload.decode("utf-8")), "manifest", MANIFEST_FIELDS)
                check_manifest(found, self.manifest["prefix"], self.manifest["set"], run_id)
            self.sources[number] = found
        return self.sources[number]

    def session_key(self, manifest, attempt):
        """From the key object of the attempt (6.3)."""
        name = (manifest["run"], attempt)
        if name not in self.session_keys:
            _, key, size, digest = next(one for one in manifest["keyObjects"] if one[0] == attempt)
            sealed = self.fetch(key, size, digest)
            document = json.loads(run(["gpg", "--quiet", "--batch", "--decrypt"], sealed))
            need(document["attempt"] == attempt, "the key object of another attempt")
            need(document["run"] == OBJECT_KEY.fullmatch(key)[5], "the key object of another run")
            self.session_keys[name] = document["sessionKey"]
        return self.session_keys[name]

    def fetch(self, key, size, digest):
        data = self.store.get(key, size)
        need(len(data) == size and sha256(data) == digest, f"{key} is damaged")
        return data

    def open(self, manifest, line):
        key, size, digest, attempt = line
        part = self.fetch(key, size, digest)
        length = check_outer_form(part, len(manifest["recipients"]))
        reading, writing = os.pipe()
        os.write(writing, self.session_key(manifest, attempt).encode())
        os.close(writing)
        arguments = ["gpg", "--quiet", "--batch", "--override-session-key-fd", str(reading), "--decrypt"]
        content = run(arguments, part, more=(reading,))
        os.close(reading)
        need(len(content) == length, f"{key} holds {len(content)} bytes, not {length}")
        return content

    def chunk(self, kind, location, digest):
        """The bytes of a chunk that have the SHA-256 `digest`, of a part of that kind (8.3)."""
        source, number, frame_offset, frame_length, offset, length = location
        if (kind, source, number) not in self.parts:
            manifest = self.source(source)
            wanted = [line for line in manifest["objects"] if number_of(line[0]) == (kind, number)]
            need(len(wanted) == 1, f"no {kind} part {number} in source {source}")
            self.parts = {**self.parts, (kind, source, number): self.open(manifest, wanted[0])}
        content = self.parts[kind, source, number]
        need(0 < frame_length and frame_offset + frame_length <= len(content), "a frame beyond the part")
        name = (kind, source, number, frame_offset, frame_length)
        if name not in self.frames:
            self.frames = {name: decompress(content[frame_offset : frame_offset + frame_length], 67108864)}
        chunk = self.frames[name][offset : offset + length]
        need(length > 0 and len(chunk) == length, "a chunk beyond its frame")
        need(base64.b64encode(hashlib.sha256(chunk).digest()).decode() == digest, "a chunk has another hash")
        return chunk

    def entries(self):
        """The listing's entries, in order (9)."""
        entry, last = None, None
        for location, digest, _, _ in self.index["listing"]:
            text = self.chunk("meta", location, digest)
            need(text.endswith(b"\n"), "a line without an end")
            for line in text[:-1].split(b"\n"):
                value = json.loads(line.decode("utf-8"))
                if "more" in value:
                    need(list(value) == ["more"], "a more line with other fields")
                    entry["locations"] += value["more"]
                    continue
                if entry is not None:
                    yield entry
                entry = value
                path = raw(entry, "path")
                need(last is None or order(last) < order(path), f"out of order: {path!r}")
                last = path
        if entry is not None:
            yield entry

    def content(self, entry):
        """The content of a file, holes as zeros."""
        locations = entry.get("locations", [])
        data = entry.get("data", [[0, entry["size"]]] if entry["size"] else [])
        need(sum(one[5] for one in locations) == sum(length for _, length in data), "locations do not fill the file")
        if len(locations) == 1:
            digests = [entry["hash"]]
        else:
            digests = [one[6] for one in locations]
            whole = base64.b64encode(hashlib.sha256(b"".join(map(unbase64, digests))).digest()).decode()
            need(not locations or whole == entry["hash"], "the digests do not give the hash")
        chunks = [self.chunk("data", one[:6], digest) for one, digest in zip(locations, digests)]
        stored = b"".join(chunks)
        content, taken, end = bytearray(entry["size"]), 0, 0
        for offset, length in data:
            need(offset >= end and length > 0 and offset + length <= entry["size"], "extents are not in order")
            content[offset : offset + length] = stored[taken : taken + length]
            taken, end = taken + length, offset + length
        return bytes(content), stored, [len(chunk) for chunk in chunks]


def number_of(key):
    match = OBJECT_KEY.fullmatch(key)
    return (match[1], int(match[6])) if match[6] else None


def decompress(frame, limit):
    content = run(["zstd", "--decompress", "--quiet", "--stdout"], frame)
    need(len(content) <= limit, "a frame is too large")
    return content


# 8.1 Chunks


def cuts(data, seed):
    """Where a writer cuts: lengths of the chunks of `data`."""
    table = []
    for block in range(32):
        digest = hashlib.sha256(seed + b"offsite gear" + bytes([block])).digest()
        table += [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 32, 4)]
    lengths = []
    for segment in range(0, len(data), 67108864):
        start, stop = segment, min(len(data), segment + 67108864)
        while start < stop:
            lengths.append(cut(data, start, stop, table))
            start += lengths[-1]
    return lengths


def cut(data, start, stop, table):
    end = min(stop, start + 4194304)
    if end - start <= 262144:
        return end - start
    minimum, average, hash_ = start + 262144, start + 1048576, 0
    for at in range(minimum - 32, end):
        hash_ = ((hash_ << 1) + table[data[at]]) & 0xFFFFFFFF
        if at >= minimum and hash_ >> (10 if at < average else 14) == 0:
            return at + 1 - start
    return end - start


# 9. Names


def raw(entry, name):
    """The bytes of `name` or `name64`."""
    need((name in entry) != (name + "64" in entry), f"both {name} and {name}64, or neither")
    return entry[name].encode() if name in entry else unbase64(entry[name + "64"])


def order(path):
    return path.replace(b"/", b"\x00")


def safe(path):
    need(len(path) <= 4096 and b"\0" not in path, f"unsafe path {path!r}")
    for piece in path.split(b"/"):
        need(piece not in (b"", b".", b"..") and len(piece) <= 255, f"unsafe path {path!r}")
    return path


def extract(reader, entry, folder, links, leaf):
    """Section 14: everything but the attributes."""
    path = safe(raw(entry, "path"))
    need(leaf is None or not path.startswith(leaf + b"/"), f"{path!r} lies under something that is no directory")
    target, kind = folder + b"/" + path, entry["type"]
    content = None
    if kind == "directory":
        os.mkdir(target, 0o700)
    elif kind == "symlink":
        os.symlink(raw(entry, "target"), target)
    elif kind == "fifo":
        os.mkfifo(target)
    elif kind == "file" and ("error" not in entry or "stale" in entry):
        content = [entry.get(name) for name in ("size", "hash", "data", "locations")]
        first = raw(entry, "link") if "link" in entry or "link64" in entry else None
        if first in links:
            need(links[first][1] == content, "two names of one file differ")
            os.link(links[first][0], target)
        else:
            with open(target, "xb") as file:
                file.write(reader.content(entry)[0])
            if first is not None:
                links[first] = (target, content)
    else:
        return path, None
    return path, target


def set_attributes(entry, target):
    if os.geteuid() == 0:
        os.chown(target, entry["uid"], entry["gid"], follow_symlinks=False)
    if entry["type"] != "symlink":
        os.chmod(target, entry["mode"])
    seconds, _, nanoseconds = entry["mtime"].partition(".")
    time = int(seconds) * 10**9 + int(nanoseconds)
    os.utime(target, ns=(time, time), follow_symlinks=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("store")
    parser.add_argument("operator")
    parser.add_argument("host")
    parser.add_argument("set")
    parser.add_argument("run")
    parser.add_argument("--extract")
    parser.add_argument("--check-cuts", action="store_true")
    parser.add_argument("--trust", action="append", default=[])
    options = parser.parse_args()
    try:
        store = Store(options.store, options.operator, options.trust)
        reader = RunReader(store, store.select(options.host, options.set, options.run))
        if options.extract:
            os.mkdir(options.extract)
        made, links, leaf = [], {}, None
        for entry in reader.entries():
            if options.extract:
                path, target = extract(reader, entry, os.fsencode(options.extract), links, leaf)
                leaf = leaf if entry["type"] == "directory" else path
                if target is not None:
                    made.append((entry, target))
            if options.check_cuts and len(entry.get("locations", [])) > 1:
                _, stored, lengths = reader.content(entry)
                need(cuts(stored, unbase64(reader.index["seed"])) == lengths, "the chunks are cut elsewhere")
            print(json.dumps(entry))
        for entry, target in reversed(made):
            set_attributes(entry, target)
    except Refused as refusal:
        print(f"refused: {refusal}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
