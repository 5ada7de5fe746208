/** Signatures: what is valid, what is not, and that no clock has a say in it. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';
import * as openpgp from 'openpgp';
import { generateSigningKey, type PrivateKey, type PublicKey, readPrivateKey, readPublicKeys } from '../../pgp/keys.ts';
import { signWith } from '../../pgp/library.ts';
import { signDetached, verifyDetached } from '../../pgp/sign.ts';

const now = new Date('2026-11-21T12:00:00Z');
const data = Buffer.from('{"type":"offsite/manifest/1"}\r\n \n');
let host: PrivateKey;
let other: PrivateKey;
let signature: string;

async function hostKey(created: Date = now): Promise<PrivateKey> {
  const { privateArmored } = await generateSigningKey({ host: 'carcosa', now: created });
  return readPrivateKey(Buffer.from(privateArmored), 'key');
}

async function libraryKey(options: Partial<openpgp.KeyOptions> = {}): Promise<openpgp.PrivateKey> {
  const defaults = {
    type: 'ecc',
    curve: 'curve25519Legacy',
    userIDs: [{ name: 'Al', email: 'al@example.org' }],
  } as const;
  const { privateKey } = await openpgp.generateKey({
    ...defaults,
    userIDs: [...defaults.userIDs],
    ...options,
    format: 'object',
  });
  return privateKey;
}

const asPrivate = (key: openpgp.Key) => readPrivateKey(key.write(), 'key');
const publicKeys = (...keys: PrivateKey[]): PublicKey[] => keys.map((key) => key.publicKey);

/** A signature packet with whatever properties, by the primary key or `signer`, armored. */
async function forge(
  key: openpgp.PrivateKey,
  properties: Partial<openpgp.SignaturePacket>,
  { bytes = data as Uint8Array, signer = key.keyPacket } = {},
): Promise<string> {
  const packet = new openpgp.SignaturePacket();
  Object.assign(packet, {
    signatureType: openpgp.enums.signature.binary,
    publicKeyAlgorithm: signer.algorithm,
    hashAlgorithm: openpgp.enums.hash.sha512,
    ...properties,
  });
  const message = await openpgp.createMessage({ binary: bytes });
  const literal = message.packets[0] as openpgp.LiteralDataPacket;
  await signWith(packet, signer as openpgp.SecretKeyPacket, literal, { date: now, detached: true });
  const packets = new openpgp.PacketList<openpgp.SignaturePacket>();
  packets.push(packet);
  return new openpgp.Signature(packets).armor();
}

const packetOf = async (armored: string) => {
  const { packets } = await openpgp.readSignature({ armoredSignature: armored });
  const [packet] = packets;
  assert.ok(packet);
  return packet;
};

const armor = (bytes: Uint8Array) =>
  openpgp.armor(openpgp.enums.armor.signature, Uint8Array.from(bytes), undefined, undefined, undefined, true);

async function binaryOf(armored: string): Promise<Buffer> {
  return Buffer.from((await openpgp.readSignature({ armoredSignature: armored })).write() as Uint8Array);
}

before(async () => {
  [host, other] = await Promise.all([hostKey(), hostKey()]);
  signature = await signDetached(data, host, now);
});

describe('signing', () => {
  test('gives an armored signature of type 0x00 with SHA-512, the same one each time', async () => {
    assert.match(signature, /^-----BEGIN PGP SIGNATURE-----\n[\s\S]+\n-----END PGP SIGNATURE-----\n$/);
    const packet = await packetOf(signature);
    assert.deepEqual([packet.version, packet.signatureType, packet.hashAlgorithm], [4, 0, 10]);
    assert.equal(packet.created?.getTime(), now.getTime());
    assert.equal(await signDetached(data, host, now), signature);
  });

  test('is accepted by the library too', async () => {
    const { signatures } = await openpgp.verify({
      message: await openpgp.createMessage({ binary: data }),
      signature: await openpgp.readSignature({ armoredSignature: signature }),
      verificationKeys: host.publicKey.openpgp,
      date: now,
    });
    assert.equal(await signatures[0]?.verified, true);
  });

  test('any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), async (bytes) => {
        assert.equal(
          await verifyDetached(bytes, [await signDetached(bytes, host, now)], publicKeys(host)),
          host.fingerprint,
        );
      }),
      { numRuns: 50 },
    );
  });

  test('uses the newest signing subkey that has its secret, and is found under the primary fingerprint', async () => {
    const key = await libraryKey({ subkeys: [{ sign: true }, {}] });
    const signer = await asPrivate(key);
    const bySubkey = await signDetached(data, signer, now);
    const [subkey] = key.subkeys;
    assert.ok(subkey);
    assert.ok((await packetOf(bySubkey)).issuerKeyID.equals(subkey.getKeyID()));
    assert.equal(await verifyDetached(data, [bySubkey], publicKeys(signer)), signer.fingerprint);

    (subkey.keyPacket as unknown as { makeDummy(): void }).makeDummy();
    const byPrimary = await signDetached(data, await asPrivate(key), now);
    assert.ok((await packetOf(byPrimary)).issuerKeyID.equals(key.getKeyID()));
    assert.equal(await verifyDetached(data, [byPrimary], publicKeys(signer)), signer.fingerprint);

    (key.keyPacket as unknown as { makeDummy(): void }).makeDummy();
    await assert.rejects(signDetached(data, await asPrivate(key), now), { code: 'key-unreadable' });
  });

  test('works with RSA and NIST keys', async () => {
    for (const kind of [
      { type: 'rsa' as const, rsaBits: 2048 },
      { curve: 'nistP256' as const },
      { curve: 'nistP521' as const },
    ]) {
      const key = await asPrivate(await libraryKey(kind));
      assert.equal(await verifyDetached(data, [await signDetached(data, key, now)], publicKeys(key)), key.fingerprint);
    }
  });
});

describe('time', () => {
  const times = ['1970-01-01', '1970-01-02', '2026-11-21', '2050-01-01', '2106-02-07', '2200-01-01'].map(
    (t) => new Date(t),
  );

  test('of signing and of making the key may be any; the signature is never older than the key', async () => {
    for (const created of times) {
      const key = await hostKey(created);
      for (const signed of times) {
        const armored = await signDetached(data, key, signed);
        assert.equal(await verifyDetached(data, [armored], publicKeys(key)), key.fingerprint);
        const date = (await packetOf(armored)).created;
        assert.ok(date !== null && date >= key.openpgp.getCreationTime(), `${created} ${signed}`);
      }
    }
  });

  test('an expired key signs and verifies, also after its expiry', async () => {
    const date = new Date('2020-01-01T00:00:00Z');
    const expired = await libraryKey({ date, keyExpirationTime: 60, subkeys: [{ sign: true, keyExpirationTime: 60 }] });
    const key = await asPrivate(expired);
    assert.equal(await verifyDetached(data, [await signDetached(data, key, now)], publicKeys(key)), key.fingerprint);
  });

  test('an expired signature, and one from before the key, are valid', async () => {
    const key = await hostKey(new Date('2050-01-01T00:00:00Z'));
    const old = await forge(key.openpgp, { signatureExpirationTime: 1, signatureNeverExpires: false });
    assert.equal(await verifyDetached(data, [old], publicKeys(key)), key.fingerprint);
  });
});

describe('verifying', () => {
  test('is over exactly these bytes', async () => {
    const changed = [data.subarray(1), data.subarray(0, -1), Buffer.concat([data, Buffer.from('\n')]), Buffer.alloc(0)];
    changed.push(Buffer.from(data.toString().replace('\r\n', '\n')), Buffer.from(data.toString().trimEnd()));
    for (const bytes of changed) assert.equal(await verifyDetached(bytes, [signature], publicKeys(host)), null);
    for (let bit = 0; bit < data.length * 8; bit++) {
      const bytes = Buffer.from(data);
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      assert.equal(await verifyDetached(bytes, [signature], publicKeys(host)), null);
    }
  });

  test('finds the first of the keys that signed, among several signatures', async () => {
    const theirs = await signDetached(data, other, now);
    const both = armor(Buffer.concat([await binaryOf(signature), await binaryOf(theirs)]));
    assert.equal(await verifyDetached(data, [signature], publicKeys(other)), null);
    assert.equal(await verifyDetached(data, [signature], publicKeys(other, host)), host.fingerprint);
    for (const signatures of [
      [signature, theirs],
      [theirs, signature],
      ['rubbish', both],
    ]) {
      assert.equal(await verifyDetached(data, signatures, publicKeys(host, other)), host.fingerprint);
      assert.equal(await verifyDetached(data, signatures, publicKeys(other, host)), other.fingerprint);
    }
    assert.equal(await verifyDetached(data, [], publicKeys(host)), null);
    assert.equal(await verifyDetached(data, [signature], []), null);
  });

  test('refuses other types of signature over the same bytes', async () => {
    for (let signatureType = 1; signatureType < 256; signatureType++) {
      const packet = await packetOf(signature);
      const bytes = await binaryOf(signature);
      bytes[bytes.indexOf(packet.signatureData as Uint8Array) + 1] = signatureType;
      assert.equal(await verifyDetached(data, [armor(bytes)], publicKeys(host)), null, `type ${signatureType}`);
    }
    const canonical = Buffer.from('lines that end\r\nas text signatures have it\r\n');
    const text = await forge(host.openpgp, { signatureType: openpgp.enums.signature.text }, { bytes: canonical });
    assert.equal(await verifyDetached(canonical, [text], publicKeys(host)), null);
    const standalone = await forge(host.openpgp, { signatureType: openpgp.enums.signature.standalone });
    assert.equal(await verifyDetached(Buffer.alloc(0), [standalone], publicKeys(host)), null);
  });

  test('refuses weak hashes', async () => {
    const key = await asPrivate(await libraryKey({ type: 'rsa', rsaBits: 2048 }));
    const { md5, sha1, ripemd, sha224, sha256, sha384, sha512 } = openpgp.enums.hash;
    for (const hash of [md5, sha1, ripemd, sha224]) {
      const weak = await forge(key.openpgp, { hashAlgorithm: hash }).catch(() => null);
      if (weak === null) continue; // The library cannot even make it.
      assert.equal((await packetOf(weak)).hashAlgorithm, hash);
      assert.equal(await verifyDetached(data, [weak], publicKeys(key)), null, `hash ${hash}`);
    }
    for (const hash of [sha256, sha384, sha512]) {
      const good = await forge(key.openpgp, { hashAlgorithm: hash });
      assert.equal(await verifyDetached(data, [good], publicKeys(key)), key.fingerprint, `hash ${hash}`);
    }
  });

  test('refuses subkeys that are not for signing, not bound, did not agree, or are revoked', async () => {
    const key = await libraryKey({ subkeys: [{ sign: true }, {}] });
    const subkey = key.subkeys[0];
    assert.ok(subkey);
    const signed = await signDetached(data, await asPrivate(key), now);
    const verdict = async (changed: openpgp.Key) => {
      const read = await readPublicKeys(changed.toPublic().write(), 'key').catch(() => []);
      return verifyDetached(data, [signed], read);
    };
    assert.equal(await verdict(key), key.getFingerprint().toUpperCase());

    // Somebody else's subkey in their own key block, bound by nobody there.
    const thief = await libraryKey();
    thief.subkeys.push(subkey);
    assert.equal(await verdict(thief), null);

    // Bound by the thief, but without the subkey's own agreement.
    const binding = new openpgp.SignaturePacket();
    Object.assign(binding, {
      signatureType: openpgp.enums.signature.subkeyBinding,
      publicKeyAlgorithm: thief.keyPacket.algorithm,
      hashAlgorithm: openpgp.enums.hash.sha512,
      keyFlags: new Uint8Array([openpgp.enums.keyFlags.signData]),
    });
    const bound = { key: thief.keyPacket, bind: subkey.keyPacket };
    await signWith(binding, thief.keyPacket as openpgp.SecretKeyPacket, bound, { date: now, detached: false });
    const stolen = new openpgp.Subkey(subkey.keyPacket, thief);
    stolen.bindingSignatures = [binding];
    thief.subkeys = [stolen];
    assert.equal(await verdict(thief), null);

    const revoked = await libraryKey({ subkeys: [{ sign: true }] });
    const byRevoked = await signDetached(data, await asPrivate(revoked), now);
    const [old] = revoked.subkeys;
    assert.ok(old);
    revoked.subkeys = [await old.revoke(revoked.keyPacket as openpgp.SecretKeyPacket, {}, new Date('2100-01-01'))];
    assert.equal(await verifyDetached(data, [byRevoked], await readPublicKeys(revoked.write(), 'key')), null);
  });

  test('refuses a revoked key', async () => {
    const revoked = await openpgp.revokeKey({ key: host.openpgp, format: 'object' });
    assert.equal(await verifyDetached(data, [signature], await readPublicKeys(revoked.publicKey.write(), 'key')), null);
  });

  test('looks at no more than 16 texts, 16 signatures and 16 KiB a text', async () => {
    const one = await binaryOf(signature);
    const repeated = (count: number) => armor(Buffer.concat(Array(count).fill(one)));
    assert.equal(await verifyDetached(data, Array(16).fill(signature), publicKeys(host)), host.fingerprint);
    assert.equal(await verifyDetached(data, Array(17).fill(signature), publicKeys(host)), null);
    assert.equal(await verifyDetached(data, [repeated(16)], publicKeys(host)), host.fingerprint);
    assert.equal(await verifyDetached(data, [repeated(17)], publicKeys(host)), null);
    assert.equal(await verifyDetached(data, [signature.padEnd(16_384)], publicKeys(host)), host.fingerprint);
    assert.equal(await verifyDetached(data, [signature.padEnd(16_385)], publicKeys(host)), null);
  });
});

describe('hostile armor is null and nothing else', () => {
  const begin = '-----BEGIN PGP SIGNATURE-----';
  const end = '-----END PGP SIGNATURE-----';

  test('of handpicked kinds', async () => {
    const bytes = await binaryOf(signature);
    const nested = Array(300)
      .fill(0)
      .reduce((inner: Buffer) => {
        const body = Buffer.concat([Buffer.from([32]), inner]);
        const area = Buffer.concat([
          Buffer.from([5, 2, 0, 0, 0, 1, 0xff, 0, 0, body.length >> 8, body.length & 255]),
          body,
        ]);
        return Buffer.concat([
          Buffer.from([4, 0, 22, 10, area.length >> 8, area.length & 255]),
          area,
          Buffer.from([0, 0, 0, 0, 0, 0, 0, 0]),
        ]);
      }, Buffer.alloc(0));
    const header = Buffer.from([0xc2, 0xff, 0, 0, 0, 0]);
    header.writeUInt32BE(nested.length, 2);
    const texts = [
      '',
      '\n',
      begin,
      `${begin}\n`,
      `${begin}\n\n`,
      `${begin}\n\n${end}`,
      `${begin}\n\n=AAAA\n${end}`,
      end,
    ];
    texts.push(
      begin.repeat(500),
      `${begin}\n`.repeat(500),
      `${begin}\n\n${'='.repeat(9000)}\n${end}`,
      '\0'.repeat(16_384),
    );
    texts.push(signature.replace('BEGIN', 'end'), signature.replaceAll('SIGNATURE', 'MESSAGE'), host.publicKey.armored);
    texts.push(signature.replace(/\n=....\n/, '\n=AAAA\n'.repeat(100)), signature.slice(0, -40), ` ${signature}`);
    texts.push(
      armor(Buffer.alloc(0)),
      armor(Buffer.alloc(9000)),
      armor(Buffer.alloc(9000, 0xff)),
      armor(bytes.subarray(2)),
    );
    texts.push(
      armor(Buffer.concat([header, nested])),
      armor(Buffer.concat([bytes.subarray(0, 1), Buffer.from([0xff]), bytes])),
    );
    texts.push(`-----BEGIN PGP SIGNED MESSAGE-----\n\n${data}\n${signature}`, '\u{10ffff}'.repeat(4000));
    for (const text of texts)
      assert.equal(await verifyDetached(data, [text], publicKeys(host)), null, text.slice(0, 200));
  });

  test('of any kind: only the right signature is valid, however it is damaged', async () => {
    const bytes = await binaryOf(signature);
    const hashed = createHash('sha256')
      .update((await packetOf(signature)).signatureData as Uint8Array)
      .digest('hex');
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.nat(3)), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.boolean(), damage, async (inside, changes) => {
        let changed: Buffer = inside ? Buffer.from(bytes) : Buffer.from(signature);
        for (const [place, byte, kind] of changes) {
          const at = place % (changed.length + 1);
          const skip = kind === 0 ? 1 : kind === 1 ? 0 : byte;
          changed = Buffer.concat([changed.subarray(0, at), Buffer.from([byte]), changed.subarray(at + skip)]);
        }
        const text = inside ? armor(changed) : changed.toString('latin1');
        if ((await verifyDetached(data, [text], publicKeys(host))) === null) return;
        // What is left of it must be the same signed part: only what no signature covers was changed.
        const signed = (await packetOf(text)).signatureData as Uint8Array;
        assert.equal(createHash('sha256').update(signed).digest('hex'), hashed);
      }),
      { numRuns: 500 },
    );
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 300 }), async (text) => {
        assert.equal(
          await verifyDetached(data, [text, begin + text, `${begin}\n\n${text}\n${end}\n`], publicKeys(host)),
          null,
        );
      }),
      { numRuns: 200 },
    );
  });
});
