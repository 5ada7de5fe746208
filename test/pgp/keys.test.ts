/** Keys from files, good and bad, and which of them backups may be encrypted to. */

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import fc from 'fast-check';
import * as openpgp from 'openpgp';
import { OffsiteError } from '../../contract/errors.ts';
import {
  assertRecipients,
  expiryNotice,
  type GeneratedKey,
  generateOperatorKey,
  generateSigningKey,
  isLocked,
  type PublicKey,
  readPrivateKey,
  readPublicKeys,
} from '../../pgp/keys.ts';

const now = new Date('2026-11-21T12:00:00Z');
let plain: GeneratedKey;
let locked: GeneratedKey;

const bytesOf = (text: string) => Buffer.from(text);
const binary = async (armored: string) => Buffer.from((await openpgp.readKey({ armoredKey: armored })).write());

/** A key of the library's, changed at will, as this project reads it. */
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

async function asPublic(key: openpgp.Key): Promise<PublicKey> {
  const [read] = await readPublicKeys(key.write(), 'key');
  assert.ok(read);
  return read;
}

before(async () => {
  [plain, locked] = await Promise.all([
    generateOperatorKey({ name: 'Jo Doe', email: 'jo@example.org', now }),
    generateOperatorKey({ name: 'Jo Doe', email: 'jo@example.org', passphrase: 'Sesam öffne dich', now }),
  ]);
});

describe('a generated operator key', () => {
  test('is version 4, Ed25519 with a Curve25519 subkey in the encodings of GnuPG 2.2, made now and for ever', async () => {
    const [key] = await readPublicKeys(bytesOf(plain.publicArmored), 'key');
    assert.ok(key);
    assert.match(plain.fingerprint, /^[0-9A-F]{40}$/);
    assert.equal(key.fingerprint, plain.fingerprint);
    assert.equal(key.openpgp.keyPacket.version, 4);
    assert.deepEqual(key.openpgp.getAlgorithmInfo(), { algorithm: 'eddsaLegacy', curve: 'ed25519Legacy' });
    const [subkey, ...others] = key.openpgp.subkeys;
    assert.deepEqual(subkey?.getAlgorithmInfo(), { algorithm: 'ecdh', curve: 'curve25519Legacy' });
    assert.equal(others.length, 0);
    assert.deepEqual(key.openpgp.getUserIDs(), ['Jo Doe <jo@example.org>']);
    assert.equal(key.openpgp.getCreationTime().getTime(), now.getTime());
    assert.equal(key.expires, null);
  });

  test('prefers what GnuPG 2.2 knows: AES-256, SHA-2, no AEAD', async () => {
    const [key] = await readPublicKeys(bytesOf(plain.publicArmored), 'key');
    const certification = key?.openpgp.users[0]?.selfCertifications[0];
    assert.deepEqual(certification?.preferredHashAlgorithms, [10, 9, 8]);
    assert.equal(certification.preferredSymmetricAlgorithms?.[0], 9);
    assert.deepEqual([...(certification.features ?? [])], [1]);
    assert.equal(certification.preferredAEADAlgorithms, null);
    assert.equal((certification as { preferredCipherSuites?: unknown }).preferredCipherSuites, null);
    await key?.openpgp.verifyPrimaryKey(now);
  });

  test('is locked with iterated S2K and AES-256 where a passphrase is given', async () => {
    const key = await openpgp.readPrivateKey({ armoredKey: locked.privateArmored });
    for (const { keyPacket } of key.getKeys()) {
      const packet = keyPacket as unknown as { s2k: { type: string }; s2kUsage: number; symmetric: number };
      assert.equal(keyPacket.isDecrypted(), false);
      assert.deepEqual([packet.s2k.type, packet.s2kUsage, packet.symmetric], ['iterated', 254, 9]);
    }
  });

  test('can be made at any time of any clock', async () => {
    for (const time of [-1e12, 0, 1, 4e12, 5e12]) {
      const made = await generateOperatorKey({ name: 'Jo', email: 'jo@example.org', now: new Date(time) });
      await assertRecipients(await readPublicKeys(bytesOf(made.publicArmored), 'key'));
    }
  });

  test('needs a name and an e-mail address that fit in a user id', async () => {
    for (const name of ['', ' ', 'a\nb', 'a<b', 'a\0', 'x'.repeat(201)]) {
      await assert.rejects(generateOperatorKey({ name, email: 'jo@example.org', now }), { code: 'usage' });
    }
    for (const email of ['', 'jo', 'jo@', '@b', 'a b@c', 'a@b>', 'a@b\n']) {
      await assert.rejects(generateOperatorKey({ name: 'Jo', email, now }), { code: 'usage' });
    }
    await assert.rejects(generateSigningKey({ host: 'a\nb', now }), { code: 'usage' });
  });
});

test('a generated signing key signs, is not locked, and nothing can be encrypted to it', async () => {
  const made = await generateSigningKey({ host: 'carcosa', now });
  const key = await readPrivateKey(bytesOf(made.privateArmored), 'key');
  assert.equal(key.fingerprint, made.fingerprint);
  assert.deepEqual(key.openpgp.getAlgorithmInfo(), { algorithm: 'eddsaLegacy', curve: 'ed25519Legacy' });
  assert.deepEqual(key.openpgp.getUserIDs(), ['Offsite host carcosa']);
  assert.equal(key.openpgp.subkeys.length, 0);
  await assert.rejects(assertRecipients([key.publicKey]), { code: 'recipient-unusable' });
});

describe('reading public keys', () => {
  test('armored and binary, of public and private files, locked or not, gives the same key', async () => {
    for (const key of [plain, locked]) {
      for (const armored of [key.publicArmored, key.privateArmored]) {
        for (const bytes of [bytesOf(armored), await binary(armored)]) {
          const [read, ...others] = await readPublicKeys(bytes, 'key');
          assert.equal(others.length, 0);
          assert.equal(read?.fingerprint, key.fingerprint);
          assert.equal(read?.armored, key.publicArmored);
          assert.equal(read?.openpgp.isPrivate(), false);
        }
      }
    }
  });

  test('reads every key of a file, in order and each once', async () => {
    const expected = [locked.fingerprint, plain.fingerprint];
    const armored = `a comment\n${locked.publicArmored}\nanother\n${plain.privateArmored}${locked.privateArmored}`;
    const together = Buffer.concat([await binary(locked.publicArmored), await binary(plain.publicArmored)]);
    for (const bytes of [bytesOf(armored), bytesOf(armored.replaceAll('\n', '\r\n')), together]) {
      assert.deepEqual(
        (await readPublicKeys(bytes, 'keys')).map((key) => key.fingerprint),
        expected,
      );
    }
    assert.equal((await readPublicKeys(bytesOf(`\u{feff}${plain.publicArmored}`), 'key')).length, 1);
  });

  test('refuses what is not a key, naming the file', async () => {
    const message = await openpgp.encrypt({
      message: await openpgp.createMessage({ text: 'x' }),
      encryptionKeys: await openpgp.readKey({ armoredKey: plain.publicArmored }),
    });
    const files = ['', 'hello', message, plain.publicArmored.slice(0, 300), plain.publicArmored.replace('\n\n', '\n')];
    files.push(
      plain.publicArmored + plain.publicArmored.slice(0, 300),
      plain.publicArmored.replaceAll('PUBLIC', 'private'),
    );
    for (const bytes of [
      ...files.map(bytesOf),
      Buffer.alloc(0),
      Buffer.alloc(100, 0xff),
      Buffer.alloc(5 * 2 ** 20, 'x'),
    ]) {
      await assert.rejects(readPublicKeys(bytes, 'me.asc'), (error) => {
        assert.ok(error instanceof OffsiteError && error.code === 'key-unreadable');
        assert.match(error.message, /^me\.asc /);
        return true;
      });
    }
  });

  test('refuses keys of version 6, and those that could keep a processor busy for hours', async () => {
    const six = await libraryKey({ type: 'curve25519', config: { v6Keys: true } });
    await assert.rejects(readPublicKeys(six.write(), 'key'), { code: 'key-unreadable', message: /version 6/ });
    const number = (bits: number) =>
      Buffer.concat([Buffer.from([bits >> 8, bits & 255]), Buffer.alloc(bits / 8, 0xff)]);
    const packet = (algorithm: number, ...numbers: Buffer[]) => {
      const body = Buffer.concat([Buffer.from([4, 0, 0, 0, 1, algorithm]), ...numbers]);
      const header = Buffer.from([0xc6, 0xff, 0, 0, 0, 0]);
      header.writeUInt32BE(body.length, 2);
      return Buffer.concat([header, body]);
    };
    const dsa = packet(17, number(65_528), number(65_528), number(65_528), number(65_528));
    const modulus = packet(1, number(65_528), number(24));
    const exponent = packet(1, number(4096), number(65_528));
    for (const bytes of [dsa, modulus, exponent]) {
      await assert.rejects(readPublicKeys(bytes, 'key'), { code: 'key-unreadable', message: /not supported/ });
    }
  });

  test('of anything at all gives keys or key-unreadable', async () => {
    const sources = [bytesOf(plain.publicArmored), bytesOf(locked.privateArmored), await binary(plain.privateArmored)];
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.nat(3)), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...sources), damage, async (source, changes) => {
        let bytes = Buffer.from(source);
        for (const [place, byte, kind] of changes) {
          const at = place % (bytes.length + 1);
          const skip = kind === 0 ? 1 : kind === 1 ? 0 : byte;
          bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([byte]), bytes.subarray(at + skip)]);
        }
        for (const read of [() => readPublicKeys(bytes, 'key'), () => readPrivateKey(bytes, 'key', 'x')]) {
          await read().catch((error) => {
            assert.ok(
              error instanceof OffsiteError && ['key-unreadable', 'key-passphrase'].includes(error.code),
              error,
            );
          });
        }
        await isLocked(bytes);
      }),
      { numRuns: 250 },
    );
  });
});

describe('reading a private key', () => {
  test('unlocks it with the passphrase, and needs none where it is not locked', async () => {
    for (const armored of [locked.privateArmored]) {
      for (const bytes of [bytesOf(armored), await binary(armored)]) {
        assert.equal(await isLocked(bytes), true);
        const key = await readPrivateKey(bytes, 'key', 'Sesam öffne dich');
        assert.equal(key.fingerprint, locked.fingerprint);
        assert.equal(key.publicKey.armored, locked.publicArmored);
        assert.ok(key.openpgp.getKeys().every(({ keyPacket }) => keyPacket.isDecrypted()));
      }
    }
    const bytes = bytesOf(plain.privateArmored);
    assert.equal(await isLocked(bytes), false);
    for (const passphrase of [undefined, '', 'any']) {
      assert.equal((await readPrivateKey(bytes, 'key', passphrase)).fingerprint, plain.fingerprint);
    }
  });

  test('tells an absent or wrong passphrase from other trouble, and repeats it nowhere', async () => {
    const bytes = bytesOf(locked.privateArmored);
    for (const passphrase of [undefined, '', 'sesam öffne dich', 'Sesam öffne dich ']) {
      await assert.rejects(readPrivateKey(bytes, 'private.asc', passphrase), (error) => {
        assert.ok(error instanceof OffsiteError && error.code === 'key-passphrase');
        assert.match(error.message, /private\.asc/);
        assert.doesNotMatch(error.message, /esam/);
        return true;
      });
    }
  });

  test('refuses public keys, several private ones, and stubs without a secret', async () => {
    const stub = await openpgp.readPrivateKey({ armoredKey: plain.privateArmored });
    for (const { keyPacket } of stub.getKeys()) (keyPacket as unknown as { makeDummy(): void }).makeDummy();
    const files = [bytesOf(plain.publicArmored), bytesOf(plain.privateArmored + locked.privateArmored), stub.write()];
    for (const bytes of [...files, bytesOf('hello')]) {
      await assert.rejects(readPrivateKey(bytes, 'key'), { code: 'key-unreadable' });
      assert.equal(await isLocked(bytes), bytes === files[1]);
    }
  });

  test('accepts a key whose primary secret is elsewhere', async () => {
    const { privateArmored } = locked;
    const partial = await openpgp.readPrivateKey({ armoredKey: privateArmored });
    (partial.keyPacket as unknown as { makeDummy(): void }).makeDummy();
    const bytes = partial.write();
    assert.equal(await isLocked(bytes), true);
    assert.equal((await readPrivateKey(bytes, 'key', 'Sesam öffne dich')).fingerprint, locked.fingerprint);
    await assert.rejects(readPrivateKey(bytes, 'key', 'wrong'), { code: 'key-passphrase' });
  });
});

describe('recipients', () => {
  test('must be at least one and at most 64', async () => {
    await assert.rejects(assertRecipients([]), { code: 'recipient-unusable' });
    const [key] = await readPublicKeys(bytesOf(plain.publicArmored), 'key');
    assert.ok(key);
    await assertRecipients(Array(64).fill(key));
    await assert.rejects(assertRecipients(Array(65).fill(key)), { code: 'recipient-unusable' });
  });

  test('may be RSA, Curve25519 in the older encoding, or NIST', async () => {
    const kinds: Partial<openpgp.KeyOptions>[] = [
      { type: 'rsa', rsaBits: 2048 },
      { curve: 'nistP256' },
      { curve: 'nistP384' },
      { curve: 'nistP521' },
      {},
    ];
    for (const kind of kinds) await assertRecipients([await asPublic(await libraryKey(kind))]);
  });

  test('are refused where GnuPG 2.2 could not read, or nothing can be encrypted', async () => {
    const kinds: Partial<openpgp.KeyOptions>[] = [{ type: 'curve25519' }, { type: 'curve448' }, { subkeys: [] }];
    kinds.push({ subkeys: [{ sign: true }] }, { subkeys: [{ type: 'curve25519' }] });
    for (const kind of kinds) {
      const key = await asPublic(await libraryKey(kind));
      await assert.rejects(assertRecipients([key]), {
        code: 'recipient-unusable',
        message: new RegExp(key.fingerprint),
      });
    }
  });

  test('are encrypted to with a subkey that GnuPG 2.2 can use, where the newest is not', async () => {
    const old = await libraryKey({ date: new Date('2020-01-01T00:00:00Z') });
    const both = await old.addSubkey({ type: 'curve25519', date: new Date('2021-01-01T00:00:00Z') });
    await assertRecipients([await asPublic(both)]);
  });

  test('may have expired, which is a notice, once', async () => {
    const date = new Date('2020-01-01T00:00:00Z');
    const expired = await asPublic(await libraryKey({ date, keyExpirationTime: 86_400 }));
    const subkeyExpired = await asPublic(await libraryKey({ date, subkeys: [{ keyExpirationTime: 86_400 }] }));
    for (const key of [expired, subkeyExpired]) {
      await assertRecipients([key]);
      assert.deepEqual(key.expires, new Date('2020-01-02T00:00:00Z'));
      assert.equal(expiryNotice(key, new Date('2020-01-01T23:59:59Z')), null);
      assert.match(expiryNotice(key, new Date('2020-01-02T00:00:00Z')) ?? '', /Al <al@example\.org>.*2020-01-02/);
    }
    assert.equal(expiryNotice(await asPublic(await libraryKey()), new Date('2100-01-01T00:00:00Z')), null);
  });

  test('may be of the future', async () => {
    await assertRecipients([await asPublic(await libraryKey({ date: new Date('2100-01-01T00:00:00Z') }))]);
  });

  test('are refused where the key or its only encryption subkey is revoked, whatever the date and reason', async () => {
    for (const flag of [
      openpgp.enums.reasonForRevocation.keyRetired,
      openpgp.enums.reasonForRevocation.keyCompromised,
    ]) {
      const key = await libraryKey();
      const date = new Date('2100-01-01T00:00:00Z');
      const revoked = await openpgp.revokeKey({ key, reasonForRevocation: { flag }, date, format: 'object' });
      await assert.rejects(assertRecipients([await asPublic(revoked.publicKey)]), {
        code: 'recipient-unusable',
        message: /revoked/,
      });
      const [subkey] = key.subkeys;
      assert.ok(subkey);
      key.subkeys = [await subkey.revoke(key.keyPacket as openpgp.SecretKeyPacket, { flag }, date)];
      await assert.rejects(assertRecipients([await asPublic(key)]), { code: 'recipient-unusable', message: /revoked/ });
    }
  });

  test('are refused where the subkey was not bound by the primary key', async () => {
    const [mine, theirs] = await Promise.all([libraryKey(), libraryKey()]);
    const mixed = await openpgp.readKey({ binaryKey: mine.toPublic().write() });
    mixed.subkeys = theirs.toPublic().subkeys;
    await assert.rejects(assertRecipients([await asPublic(mixed)]), { code: 'recipient-unusable' });
  });

  test('with control characters in their names do not bring them into messages', async () => {
    const key = await asPublic(await libraryKey({ userIDs: [{ name: '\u001b[31mAl\u0007' }], subkeys: [] }));
    await assert.rejects(assertRecipients([key]), (error: Error) => !/\p{Cc}/u.test(error.message));
  });
});
