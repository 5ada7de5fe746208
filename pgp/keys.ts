/** Everything about OpenPGP keys: reading them from files, making them, and encrypting to them. */

export type { PrivateKey, PublicKey } from './key.ts';
export { isLocked, readPrivateKey, readPublicKeys } from './key-files.ts';
export { type GeneratedKey, generateOperatorKey, generateSigningKey, hostOfSigningKey } from './key-generation.ts';
export { assertRecipients, expiryNotice } from './recipients.ts';
