/** GnuPG 2.2 and we read each other's parts, messages, keys and signatures. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PIECE } from '../../pgp/cfb.ts';
import {
  assertRecipients,
  expiryNotice,
  type GeneratedKey,
  generateOperatorKey,
  generateSigningKey,
  type PrivateKey,
  type PublicKey,
  readPrivateKey,
  readPublicKeys,
} from '../../pgp/keys.ts';
import { decryptMessage, encryptMessage } from '../../pgp/messages.ts';
import { openPart } from '../../pgp/part-reader.ts';
import { PartWriter } from '../../pgp/part-writer.ts';
import { formatSessionKey, newSessionKey, recoverSessionKey, sessionKeyPackets } from '../../pgp/session-key.ts';
import { signDetached, verifyDetached } from '../../pgp/sign.ts';
import { Gpg, gpgMissing } from '../helpers/gpg.ts';

const now = new Date();
const passphrase = 'Sesam öffne dich';
const text = Buffer.from('{"run":"r","attempt":1,"sessionKey":"9:00"}');

/** Around block, header and piece edges of the plaintext, of which the content begins at byte 30. */
const blockEdges = [0, 1, 2, 3, 15, 16, 17, 33, 34, 35, 49, 50, 51, 138, 139, 140, 191, 192, 1000];
const sizes = [
  ...blockEdges,
  8370,
  8371,
  8383,
  8384,
  PIECE - 53,
  PIECE - 52,
  PIECE - 31,
  PIECE - 30,
  PIECE - 29,
  2 * PIECE - 30,
  1_000_003,
];

describe('with GnuPG 2.2', { skip: gpgMissing }, () => {
  let gpg: Gpg;
  let ours: GeneratedKey;
  /** Keys of gpg's own: what they are, and their public halves as we read them from gpg's export. */
  const theirs = new Map<string, PublicKey>();
  const fingerprintOf = (user: string) => theirs.get(user)?.fingerprint ?? assert.fail(user);

  async function exported(what: '--export' | '--export-secret-keys', fingerprint: string): Promise<Buffer> {
    return (await gpg.run([what, fingerprint])).stdout;
  }

  async function theirKey(user: string, algorithm: string, subkeys: string[][]): Promise<void> {
    const fingerprint = await gpg.generateKey(user, algorithm);
    for (const subkey of subkeys) await gpg.run(['--quick-add-key', fingerprint, ...subkey]);
    await remember(user, fingerprint);
  }

  async function remember(user: string, fingerprint: string): Promise<void> {
    const [key] = await readPublicKeys(await exported('--export', fingerprint), user);
    assert.equal(key?.fingerprint, fingerprint);
    theirs.set(user, key as PublicKey);
  }

  before(async () => {
    gpg = new Gpg();
    await theirKey('rsa', 'rsa2048', [
      ['rsa2048', 'encr'],
      ['rsa2048', 'sign'],
    ]);
    await theirKey('cv25519', 'ed25519', [['cv25519', 'encr']]);
    await theirKey('nist', 'nistp256', [['nistp384', 'encr']]);
    const past = ['--faked-system-time', '20200101T000000'];
    const expiredFingerprint = await gpg.generateKey('expired', 'ed25519', ...past);
    await gpg.run([...past, '--quick-add-key', expiredFingerprint, 'cv25519', 'encr', '1d']);
    await gpg.run([...past, '--quick-set-expire', expiredFingerprint, '1d']);
    await remember('expired', expiredFingerprint);

    ours = await generateOperatorKey({ name: 'Jo', email: 'jo@example.org', passphrase, now });
    await gpg.run(['--import'], { input: ours.publicArmored });
    await gpg.run(['--import'], { input: ours.privateArmored, passphrase });
  });

  after(() => gpg[Symbol.asyncDispose]());

  test('gpg opens our parts of every edge size, for each kind of recipient', async () => {
    const key = newSessionKey(randomBytes(32));
    // Of our making but not locked: unlocking takes gpg a quarter of a second each time.
    const open = await generateOperatorKey({ name: 'Al', email: 'al@example.org', now });
    await gpg.run(['--import'], { input: open.privateArmored });
    const [own] = await readPublicKeys(Buffer.from(open.publicArmored), 'ours');
    const [locked] = await readPublicKeys(Buffer.from(ours.publicArmored), 'ours');
    assert.ok(own && locked);
    const recipients = new Map([...theirs, ['ours', own], ['locked', locked]]);
    const contents = new Map<string, Buffer>();
    const write = (name: string, writer: PartWriter, size: number) => {
      const content = randomBytes(size);
      gpg.file(`${name}.gpg`, writer.seal(content, randomBytes(16)));
      contents.set(name, content);
    };
    for (const [user, recipient] of recipients) {
      const writer = new PartWriter(key, await sessionKeyPackets(key, [recipient]));
      for (const size of user === 'locked' ? [1000] : [0, 34, 100_000]) write(`${user}-${size}`, writer, size);
    }
    const forAll = new PartWriter(key, await sessionKeyPackets(key, [own, ...theirs.values()]));
    for (const size of sizes) write(`all-${size}`, forAll, size);

    const { stderr } = await gpg.run(
      ['--multifile', '--decrypt', ...[...contents.keys()].map((name) => `${name}.gpg`)],
      { passphrase },
    );
    assert.doesNotMatch(stderr, /WARNING|not integrity protected|failed/);
    for (const [name, content] of contents) assert.ok(readFileSync(join(gpg.home, name)).equals(content), name);
  });

  test('gpg opens our parts with the session key alone', async () => {
    await using stranger = new Gpg();
    const key = newSessionKey(randomBytes(32));
    const content = randomBytes(5000);
    const part = new PartWriter(key, await sessionKeyPackets(key, [...theirs.values()])).seal(content, randomBytes(16));
    const { stdout } = await stranger.run(['--override-session-key', formatSessionKey(key), '--decrypt'], {
      input: part,
    });
    assert.ok(stdout.equals(content));
  });

  test('gpg refuses a damaged part', async () => {
    const key = newSessionKey(randomBytes(32));
    const part = new PartWriter(key, await sessionKeyPackets(key, [...theirs.values()])).seal(
      randomBytes(5000),
      randomBytes(16),
    );
    part[3000] = (part[3000] as number) ^ 1;
    assert.notEqual((await gpg.attempt('gpg', ['--decrypt'], { input: part })).status, 0);
  });

  test('gpg needs the passphrase of our operator key, and with it decrypts', async () => {
    await using home = new Gpg();
    await home.run(['--import'], { input: ours.privateArmored, passphrase });
    const [own] = await readPublicKeys(Buffer.from(ours.publicArmored), 'ours');
    const message = await encryptMessage(text, [own as PublicKey]);
    assert.notEqual((await home.attempt('gpg', ['--decrypt'], { input: message, passphrase: 'wrong' })).status, 0);
    assert.ok((await home.run(['--decrypt'], { input: message, passphrase })).stdout.equals(text));
  });

  test('gpg encrypts to our operator key and we read it, compressed or not, signed or not', async () => {
    const key = await readPrivateKey(Buffer.from(ours.privateArmored), 'ours', passphrase);
    const long = Buffer.from('the same line again\n'.repeat(5000));
    for (const options of [
      [],
      ['--compress-algo', 'none'],
      ['--compress-algo', 'zlib'],
      ['--sign', '-u', fingerprintOf('cv25519')],
    ]) {
      for (const input of [text, long, Buffer.alloc(0)]) {
        const { stdout, stderr } = await gpg.run([...options, '-r', ours.fingerprint, '--encrypt'], { input });
        assert.doesNotMatch(stderr, /WARNING|preference/i);
        assert.ok((await decryptMessage(stdout, key)).equals(input), options.join(' '));
      }
    }
  });

  test('gpg complains about nothing in our operator key', async () => {
    const { stdout, stderr } = await gpg.run(['--with-colons', '--list-secret-keys', ours.fingerprint]);
    assert.equal(stderr, '');
    assert.match(stdout.toString(), /^sec:[^:]*:255:22:/m);
    const { stdout: packets } = await gpg.run(['--list-packets'], { input: ours.publicArmored });
    assert.match(packets.toString(), /pref-hash-algos: 10 9 8\)/);
  });

  test('we read a private key that gpg exports, with and without passphrase, and what it encrypts to it', async () => {
    const backups: [Buffer, string | undefined][] = [
      [await exported('--export-secret-keys', fingerprintOf('rsa')), undefined],
    ];
    const { stdout } = await gpg.run(['--armor', '--export-secret-keys', ours.fingerprint], { passphrase });
    backups.push([stdout, passphrase]);
    for (const [bytes, secret] of backups) {
      const key = await readPrivateKey(bytes, 'exported', secret);
      const { stdout: message } = await gpg.run(['-r', key.fingerprint, '--encrypt'], { input: text });
      assert.ok((await decryptMessage(message, key)).equals(text));
    }
    await assert.rejects(readPrivateKey(stdout, 'exported', 'wrong'), { code: 'key-passphrase' });
    await assert.rejects(readPrivateKey(stdout, 'exported'), { code: 'key-passphrase' });
  });

  test('we open our parts with each private key that gpg exports', async () => {
    const sessionKey = newSessionKey(randomBytes(32));
    const content = randomBytes(1000);
    const part = new PartWriter(sessionKey, await sessionKeyPackets(sessionKey, [...theirs.values()])).seal(
      content,
      randomBytes(16),
    );
    for (const [user, { fingerprint }] of theirs) {
      const key = await readPrivateKey(await exported('--export-secret-keys', fingerprint), user);
      assert.ok(openPart(part, await recoverSessionKey(part, key)).equals(content), user);
    }
  });

  test('gpg decrypts our messages for each recipient', async () => {
    for (const [user, key] of theirs) {
      const { stdout } = await gpg.run(['--decrypt'], { input: await encryptMessage(text, [key]) });
      assert.ok(stdout.equals(text), user);
    }
  });

  test('a key that gpg holds for expired is a recipient, with a notice', async () => {
    const expired = theirs.get('expired');
    assert.ok(expired);
    assert.notEqual((await gpg.attempt('gpg', ['-r', expired.fingerprint, '--encrypt'], { input: text })).status, 0);
    await assertRecipients([expired]);
    assert.match(expiryNotice(expired, now) ?? '', /expired on 2020-01-0[23]/);
  });

  test('gpg revokes a key and we refuse it', async () => {
    const fingerprint = await gpg.generateKey('revoked', 'ed25519');
    await gpg.run(['--quick-add-key', fingerprint, 'cv25519', 'encr']);
    const { stdout: signature } = await gpg.run(['-u', fingerprint, '--armor', '--detach-sign'], { input: text });
    const certificate = readFileSync(join(gpg.home, 'openpgp-revocs.d', `${fingerprint}.rev`), 'utf8');
    await gpg.run(['--import'], { input: certificate.replace(':-----BEGIN', '-----BEGIN') });
    const revoked = await readPublicKeys(await exported('--export', fingerprint), 'revoked');
    await assert.rejects(assertRecipients(revoked), { code: 'recipient-unusable' });
    assert.equal(await verifyDetached(text, [signature.toString()], revoked), null);
  });

  describe('signatures', () => {
    const verify = (name: string, key: PrivateKey, signature: string, options: string[] = []) => {
      gpg.file(`${name}.keys`, key.publicKey.openpgp.write());
      gpg.file(`${name}.asc`, signature);
      return gpg.attempt('gpgv', [
        ...options,
        '--keyring',
        join(gpg.home, `${name}.keys`),
        `${name}.asc`,
        gpg.file(name, text),
      ]);
    };

    test("gpgv accepts a host's signature, and not over other bytes", async () => {
      const { privateArmored } = await generateSigningKey({ host: 'carcosa', now });
      const key = await readPrivateKey(Buffer.from(privateArmored), 'host');
      const { status, stderr } = await verify('host', key, await signDetached(text, key, now));
      assert.equal(status, 0, stderr);
      assert.match(stderr, /Good signature from "Offsite host carcosa"/);
      assert.notEqual((await verify('host', key, await signDetached(Buffer.from('x'), key, now))).status, 0);
    });

    test("gpgv accepts the operator's signature", async () => {
      const key = await readPrivateKey(Buffer.from(ours.privateArmored), 'ours', passphrase);
      const { status, stderr } = await verify('operator', key, await signDetached(text, key, now));
      assert.equal(status, 0, stderr);
    });

    test('gpgv accepts what hosts with wrong clocks sign, told to ignore time where the clock is ahead', async () => {
      const ahead = ['--ignore-time-conflict'];
      const years: [string, string, string[]][] = [
        ['1970', '1970', []],
        ['2020', '1970', []],
        ['2050', '1970', ahead],
        ['2050', '2050', ahead],
      ];
      years.push(['1970', '2050', ahead], ['2100', '2300', ahead]);
      for (const [made, signed, options] of years) {
        const { privateArmored } = await generateSigningKey({ host: 'carcosa', now: new Date(`${made}-01-01`) });
        const key = await readPrivateKey(Buffer.from(privateArmored), 'host');
        const { status, stderr } = await verify(
          'clock',
          key,
          await signDetached(text, key, new Date(`${signed}-01-01`)),
          options,
        );
        assert.equal(status, 0, `made ${made}, signed ${signed}: ${stderr}`);
      }
    });

    test("we accept gpg's, of primary keys and signing subkeys, with the hashes that are not weak", async () => {
      const keys = [...theirs.values()];
      for (const user of ['rsa', 'cv25519', 'nist']) {
        for (const options of [
          [],
          ['--digest-algo', 'SHA384'],
          ['--digest-algo', 'SHA512'],
          ['--default-sig-expire', '1d'],
        ]) {
          const { stdout } = await gpg.run([...options, '-u', fingerprintOf(user), '--armor', '--detach-sign'], {
            input: text,
          });
          assert.equal(
            await verifyDetached(text, [stdout.toString()], keys),
            fingerprintOf(user),
            `${user} ${options}`,
          );
          assert.equal(await verifyDetached(Buffer.concat([text, text]), [stdout.toString()], keys), null);
        }
      }
      const past = [
        '--faked-system-time',
        '20200101T120000',
        '-u',
        fingerprintOf('expired'),
        '--armor',
        '--detach-sign',
      ];
      const { stdout } = await gpg.run(past, { input: text });
      assert.equal(await verifyDetached(text, [stdout.toString()], keys), fingerprintOf('expired'));
    });

    test('we accept two signatures that gpg puts in one armor', async () => {
      const users = ['-u', fingerprintOf('rsa'), '-u', fingerprintOf('cv25519')];
      const { stdout } = await gpg.run([...users, '--armor', '--detach-sign'], { input: text });
      for (const user of ['rsa', 'cv25519']) {
        assert.equal(
          await verifyDetached(text, [stdout.toString()], [theirs.get(user) as PublicKey]),
          fingerprintOf(user),
        );
      }
    });

    test("we refuse gpg's text signatures, weak hashes, and what is not a detached signature", async () => {
      const keys = [...theirs.values()];
      const line = Buffer.from('a line\r\n');
      const user = ['-u', fingerprintOf('rsa'), '--armor'];
      const kinds = [
        ['--textmode', '--detach-sign'],
        ['--digest-algo', 'SHA1', '--detach-sign'],
        ['--digest-algo', 'SHA224', '--detach-sign'],
      ];
      for (const kind of [...kinds, ['--sign'], ['--clear-sign']]) {
        const { stdout } = await gpg.run([...user, ...kind], { input: line });
        assert.match(stdout.toString(), /^-----BEGIN PGP/);
        assert.equal(await verifyDetached(line, [stdout.toString()], keys), null, kind.join(' '));
      }
    });
  });
});

test('the helper leaves no agent and no home behind', { skip: gpgMissing }, async () => {
  let home = '';
  {
    await using gpg = new Gpg();
    home = gpg.home;
    await gpg.generateKey('somebody', 'ed25519');
    assert.ok(readdirSync(home).includes('S.gpg-agent'));
  }
  assert.ok(!existsSync(home));
});
