/**
 * Every error that a person can meet: a stable code, the exit code that goes with it, and what to do about it.
 * `docs/errors.md` is generated from this table, and a test holds the two together.
 */

interface ErrorKind {
  /** Exit code of the command that ends with this error: 1 failed, 2 usage or config, 3 partial or suspect, 75 busy. */
  readonly exit: 1 | 2 | 3 | 75;
  /** What happened, in general. The message of a particular error names the file, object or value. */
  readonly meaning: string;
  /** What to do next. */
  readonly action: string;
}

export const ERRORS = {
  usage: {
    exit: 2,
    meaning: 'The command line was not understood.',
    action: 'Read the message and `offsite COMMAND --help`.',
  },
  'config-invalid': {
    exit: 2,
    meaning: 'The host config is missing, is not YAML, or has a key or value that is not allowed.',
    action: 'Mend the named field of the config file; `offsite init` writes a valid one to start from.',
  },
  'config-exists': {
    exit: 2,
    meaning: '`offsite init` found a config file and does not overwrite it.',
    action: 'Edit the file, or move it away and run `offsite init` again.',
  },
  'fleet-invalid': {
    exit: 2,
    meaning: 'The fleet file has a key or value that is not allowed, or names something that does not exist.',
    action: 'Mend the named field of the fleet file. Nothing was changed.',
  },
  'job-invalid': {
    exit: 2,
    meaning: 'The job given with `--job` is damaged or of an unknown version.',
    action: 'Nothing to do by hand: the stack makes jobs. If it happens again, upgrade agent and stack.',
  },
  'cron-invalid': {
    exit: 2,
    meaning: 'A schedule expression is not a valid AWS cron expression.',
    action: 'Mend the expression; the message names the field.',
  },
  'caller-unfit': {
    exit: 2,
    meaning:
      'The AWS credentials of this machine are not those of a host: they are not of a role whose session is the node.',
    action:
      'Give the machine the instance profile or the hybrid activation of docs/deploy.md; the message names what it has.',
  },
  'key-unreadable': {
    exit: 2,
    meaning: 'A key file is missing or is not an OpenPGP key.',
    action: 'Check the path; the file must hold one armored or binary OpenPGP key.',
  },
  'key-passphrase': {
    exit: 2,
    meaning: 'The private key is locked and the passphrase is missing or wrong.',
    action: 'Give `--passphrase-file FILE`, set $OFFSITE_PASSPHRASE_FILE, or run on a terminal to be asked.',
  },
  'recipient-unusable': {
    exit: 2,
    meaning: 'A recipient key has no encryption key that this version and GnuPG 2.2 can both use.',
    action: 'Use an RSA or Curve25519 (cv25519) key; `offsite keys generate` makes one.',
  },
  'store-absent': {
    exit: 1,
    meaning: 'An object that must be there is not in the store.',
    action: 'Check the store URL. If it is right, the object was lost: `offsite verify --all` says what else is.',
  },
  'store-exists': {
    exit: 1,
    meaning: 'An object of that name is already in the store, so nothing was written.',
    action: 'Usually harmless: somebody else wrote it first. See the message.',
  },
  'store-changed': {
    exit: 1,
    meaning: 'An object changed between reading and replacing it, so nothing was written.',
    action: 'Run the command again.',
  },
  'store-denied': {
    exit: 1,
    meaning: 'The store refuses this operation to these credentials.',
    action: 'Check the credentials and the policy; a host may only create objects under its own prefix.',
  },
  'store-cold': {
    exit: 1,
    meaning: 'The object lies in a cold storage class and must be thawed before it can be read.',
    action: 'Request a restore of the object from its storage class, wait, and run the command again.',
  },
  'store-throttled': {
    exit: 1,
    meaning: 'The store asked to slow down and still did after several tries.',
    action: 'Run the command again later.',
  },
  'store-transient': {
    exit: 1,
    meaning: 'The store could not be reached, or failed, and still did after several tries.',
    action: 'Check network and endpoint, and run the command again. What was uploaded is kept and continued.',
  },
  'store-full': {
    exit: 1,
    meaning: 'The store has no room left.',
    action: 'Make room and run the backup again; it continues where it stopped.',
  },
  'store-url': {
    exit: 2,
    meaning: 'The store URL is not understood.',
    action: 'Use `file:///dir` or `s3://bucket[/prefix][?region=R&endpoint=URL]`.',
  },
  'object-key-invalid': {
    exit: 1,
    meaning: 'An object key or one of its pieces is not of the form that the format allows.',
    action: 'Somebody wrote into the store by hand, or a document is forged. It is not used.',
  },
  'document-invalid': {
    exit: 1,
    meaning: 'A stored document is not of the form that the format demands.',
    action: 'It is damaged or forged and is not used. Restore from another run, and find out who may write there.',
  },
  'document-too-large': {
    exit: 1,
    meaning: 'A stored document is larger than any valid one can be.',
    action: 'It is damaged or forged and is not used.',
  },
  'format-unknown': {
    exit: 1,
    meaning: 'A stored document was written by a newer version.',
    action: 'Upgrade Offsite on this machine.',
  },
  'signature-invalid': {
    exit: 1,
    meaning: 'A signed document has no valid signature by the key that must have signed it.',
    action: 'It is damaged or forged and is not used. Restore from another run.',
  },
  'trust-anchor': {
    exit: 2,
    meaning: 'No operator key is known, so nothing in the store can be believed.',
    action: "Give `--key FILE` or `--operator FILE` (the operator's public key), or set recipients in the config.",
  },
  uncertified: {
    exit: 1,
    meaning: "The run is signed by a host key that the operator's trust.json does not list for this host.",
    action: 'Compare the fingerprint with the host, then `offsite trust HOST`, or use `--trust FINGERPRINT` once.',
  },
  'manifest-invalid': {
    exit: 1,
    meaning: 'A manifest contradicts its own place in the store, or names objects that are not its own.',
    action: 'It is damaged or forged and is not used. Restore from another run.',
  },
  'object-damaged': {
    exit: 1,
    meaning: "An object's size or SHA-256 is not what the signed manifest says.",
    action:
      'Files with content in it cannot be restored from this run; the message of restore names them. Try an older run.',
  },
  'part-damaged': {
    exit: 1,
    meaning: 'An OpenPGP message cannot be decrypted, or its integrity check fails.',
    action: "Check that the key is one of the run's recipients. Otherwise the part is damaged: try an older run.",
  },
  'content-damaged': {
    exit: 1,
    meaning: 'Decrypted content has not the hash that the listing says.',
    action: 'The file is not written. Try an older run, and report this: it should not be possible.',
  },
  'listing-invalid': {
    exit: 1,
    meaning: 'The decrypted index or listing is not of the form that the format demands.',
    action: 'The run cannot be read with this version. Try an older run.',
  },
  'unsafe-path': {
    exit: 1,
    meaning: 'The listing holds a path that would be written outside the target, or that no file system can hold.',
    action: 'The entry is not restored. The host that signed this run is broken or hostile.',
  },
  'script-failed': {
    exit: 1,
    meaning: 'A host script or command exited with another code than 0.',
    action: 'Run the script by hand on the host as root, mend it, and run the backup again.',
  },
  'script-timeout': {
    exit: 1,
    meaning: 'A host script or command ran longer than `scriptTimeout` and was killed.',
    action: 'Find out why it hangs, or raise `scriptTimeout`.',
  },
  'stage-empty': {
    exit: 1,
    meaning: 'The scripts and commands of the set ended well but left nothing in the staging folder.',
    action: 'Scripts must write into $OFFSITE_STAGE (their working directory).',
  },
  'stage-failed': {
    exit: 1,
    meaning: 'The staging folder could not be made or written.',
    action: 'Check the room and the rights of the state folder.',
  },
  'source-missing': {
    exit: 1,
    meaning: 'A configured path is not there, is not readable as a whole, or its file system is not mounted.',
    action: 'Mount it, or correct `paths` in the config.',
  },
  'source-collides': {
    exit: 2,
    meaning: 'A configured path would be restored to the place of another source.',
    action: 'Paths under `/.stage` cannot be backed up; choose another folder.',
  },
  'state-unwritable': {
    exit: 1,
    meaning: 'The state folder cannot be written.',
    action: 'Check the room and the rights of the state folder (`state` in the config).',
  },
  'memory-too-small': {
    exit: 2,
    meaning: 'The memory budget is too small for the smallest part.',
    action: 'Raise `memory` in the config to at least 200MB.',
  },
  busy: {
    exit: 75,
    meaning: 'Another run of the same set is under way.',
    action: 'Wait for it to end; `offsite runs` shows it.',
  },
  'lock-unusable': {
    exit: 1,
    meaning: 'A lock file cannot be made or read.',
    action: 'Check the rights of the folder that the message names.',
  },
  'run-not-found': {
    exit: 2,
    meaning: 'No such run, or no accepted run, in the store.',
    action: '`offsite runs` lists them.',
  },
  'run-ambiguous': {
    exit: 2,
    meaning: 'The store holds several hosts or sets, and the command needs exactly one.',
    action: 'Add `--host H` and `--set S`; the message lists what is there.',
  },
  'run-failed': {
    exit: 1,
    meaning: 'The run named is a failed one and holds no backup.',
    action: '`offsite runs` lists the others.',
  },
  'path-not-found': {
    exit: 1,
    meaning: 'A requested path is not in the run.',
    action: '`offsite ls RUN` shows what is. Paths are given as restored, without a leading slash.',
  },
  'restore-incomplete': {
    exit: 3,
    meaning: 'Not everything asked for was restored and verified.',
    action: 'The message lists what is missing and why. Run the command again to continue.',
  },
  'target-unusable': {
    exit: 1,
    meaning: 'The target directory cannot be made or written.',
    action: 'Choose another directory with `--to`, or make room.',
  },
  'target-exists': {
    exit: 2,
    meaning: 'A file that is to be written is there already.',
    action: 'Move it away or choose another name.',
  },
  'host-unknown': {
    exit: 2,
    meaning: 'No host of that name has registered a key in the store.',
    action: 'Run `offsite init` on the host first, with this store.',
  },
  'fleet-missing': {
    exit: 1,
    meaning: 'The store holds no fleet file, so nobody knows what is due.',
    action: 'Apply one with `offsite fleet apply`, or give `--max-age`.',
  },
  'fleet-changed': {
    exit: 1,
    meaning: 'Another fleet file was put into force while this one was looked at. Nothing of this one was applied.',
    action: 'Look at the difference again: `offsite fleet apply FILE --dry-run`. Two operators should share one file.',
  },
  'clock-wrong': {
    exit: 1,
    meaning: 'The clock of this machine is wrong, so that nobody could tell what is due since when.',
    action: 'Set it (`timedatectl set-ntp true`), and type the command again.',
  },
  'node-untagged': {
    exit: 1,
    meaning: 'A node lacks the tag `offsite` with the name of the stack, without which the stack may not command it.',
    action: 'Apply with `--tag`, which sets it, or tag the node yourself: docs/deploy.md, "Hosts".',
  },
  'node-unknown': {
    exit: 1,
    meaning:
      'The command service does not know the node of a host, or may not command it: nobody can ask it for a backup.',
    action: 'Correct `node` in fleet.yml and apply it; `offsite fleet discover` lists the nodes that there are.',
  },
  'stack-absent': {
    exit: 1,
    meaning: 'There is no stack of that name where it was looked for.',
    action: 'Check `stack` in fleet.yml, the region of the store URL, and the account (`aws sts get-caller-identity`).',
  },
  'stack-denied': {
    exit: 1,
    meaning: 'The caller may not ask the stack for that.',
    action: 'Use the credentials of an operator; the message names the call that was denied.',
  },
  'stack-throttled': {
    exit: 1,
    meaning: 'AWS took no more requests for now, also after several tries.',
    action: 'Try again in a minute.',
  },
  'stack-failed': {
    exit: 1,
    meaning: 'A function of the stack failed, or gave an answer that is not understood.',
    action:
      'Read its log: `aws logs tail /aws/lambda/STACK-FUNCTION`. A stack older than this command: deploy it anew.',
  },
  'stack-mismatch': {
    exit: 2,
    meaning: 'Store and stack that were named do not belong together.',
    action: 'Name the stack that is in the fleet file of the store, or the store of that stack.',
  },
  interrupted: {
    exit: 1,
    meaning: 'The command was stopped by a signal.',
    action: 'Run it again; it continues where it stopped.',
  },
  internal: {
    exit: 1,
    meaning: 'A bug in Offsite.',
    action: 'Please report it with the message and what led to it.',
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

/** An error for people: `code` is stable and listed in docs/errors.md, `message` names the thing, `hint` says what to do. */
export class OffsiteError extends Error {
  override readonly name: string = 'OffsiteError';
  readonly code: ErrorCode;
  readonly hint: string;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; hint?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? ERRORS[code].action;
  }

  get exitCode(): number {
    return ERRORS[this.code].exit;
  }
}

/** True if `error` is an OffsiteError with one of the codes (with any code where none is named). */
export function isOffsiteError(error: unknown, ...codes: ErrorCode[]): error is OffsiteError {
  return error instanceof OffsiteError && (codes.length === 0 || codes.includes(error.code));
}

/** The error as one; anything that is not an OffsiteError is a bug and becomes `internal` with it as the cause. */
export function toOffsiteError(error: unknown): OffsiteError {
  if (error instanceof OffsiteError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new OffsiteError('internal', message, { cause: error });
}
