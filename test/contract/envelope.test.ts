import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeEnvelope, encodeEnvelope } from '../../contract/envelope.ts';
import { damages, isRefused, refused } from './samples.ts';

const decode = (text: string | Buffer) => decodeEnvelope(Buffer.from(text as string), 'the sample');
const SIGNATURE = '-----BEGIN PGP SIGNATURE-----\n\nwsB=\n-----END PGP SIGNATURE-----\n';

const envelopes = fc.record(
  {
    payload: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
    signatures: fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 8 }),
  },
  { noNullPrototype: true },
);

it('comes back, byte by byte', () => {
  const property = fc.property(envelopes, (envelope) => {
    assert.deepEqual(decode(encodeEnvelope(envelope)), envelope);
  });
  fc.assert(property);
});

it('is what jq and base64 take apart by hand', () => {
  const bytes = encodeEnvelope({ payload: Buffer.from('{"a":1}'), signatures: [SIGNATURE] });
  assert.equal(bytes.toString(), `{"payload":"eyJhIjoxfQ==","signatures":[${JSON.stringify(SIGNATURE)}]}\n`);
});

it('may hold keys of newer versions', () => {
  const { payload } = decode(JSON.stringify({ payload: 'YQ==', signatures: [SIGNATURE], later: { a: 1 } }));
  assert.equal(payload.toString(), 'a');
});

describe('hostile envelopes are refused', () => {
  const withPayload = (payload: unknown) => JSON.stringify({ payload, signatures: [SIGNATURE] });
  const withSignatures = (signatures: unknown) => JSON.stringify({ payload: 'YQ==', signatures });
  const texts: [why: string, text: string | Buffer, message: RegExp][] = [
    ['nothing', '', /not JSON/],
    ['no JSON', '-----BEGIN PGP MESSAGE-----', /not JSON/],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), /not UTF-8/],
    ['a byte order mark', `\ufeff${withPayload('YQ==')}`, /not JSON/],
    ['null', 'null', /not an object/],
    ['a text', '"YQ=="', /not an object/],
    ['an array', `[${withPayload('YQ==')}]`, /not an object/],
    ['no payload', JSON.stringify({ signatures: [SIGNATURE] }), /no payload/],
    ['a payload that is none', withPayload({ a: 1 }), /no payload/],
    ['a payload of bytes', withPayload([97]), /no payload/],
    [
      'an inherited payload',
      JSON.stringify({ signatures: [SIGNATURE] }).replace('{', '{"__proto__":{"payload":"YQ=="},'),
      /no payload/,
    ],
    ['no base64', withPayload('*'), /not base64/],
    ['base64 without padding', withPayload('YQ'), /not base64/],
    ['base64 with too much padding', withPayload('YQ==='), /not base64/],
    ['base64 with bits that say nothing', withPayload('YR=='), /not base64/],
    ['base64 of the URL kind', withPayload('_-8='), /not base64/],
    ['base64 with a line break', withPayload('YWFh\nYWFh'), /not base64/],
    ['base64 with something behind', withPayload('YQ==YQ=='), /not base64/],
    ['no list of signatures', withSignatures(SIGNATURE), /no signatures/],
    ['no signature', withSignatures([]), /no signatures/],
    ['null for signatures', withSignatures(null), /no signatures/],
    ['more signatures than anybody checks', withSignatures(Array(9).fill(SIGNATURE)), /too many/],
    ['a signature that is no text', withSignatures([SIGNATURE, 1]), /is no text/],
    ['a signature without end', withSignatures(['a'.repeat(16_385)]), /is no text/],
  ];
  for (const [why, text, message] of texts) {
    it(why, () => {
      refused('document-invalid', () => decode(text), message);
      refused('document-invalid', () => decode(text), /^the sample is not/);
    });
  }

  it('damage is refused, or gives an envelope', () => {
    const damaged = envelopes.chain((envelope) => damages(encodeEnvelope(envelope)));
    const property = fc.property(damaged, (bytes) => {
      isRefused(['document-invalid'], () => {
        const { payload, signatures } = decode(bytes);
        assert.ok(Buffer.isBuffer(payload) && signatures.length > 0 && signatures.length <= 8);
      });
    });
    fc.assert(property, { numRuns: 1000 });
  });
});
