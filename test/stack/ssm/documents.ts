/** Command documents (schema 2.2) as SSM keeps them: by name, in versions, one of which is the default. */

import { createHash } from 'node:crypto';
import * as z from 'zod';
import { SsmError } from './error.ts';
import { compiled } from './patterns.ts';

const parameterSchema = z.strictObject({
  type: z.literal('String'),
  description: z.string().optional(),
  default: z.string().optional(),
  allowedPattern: z.string().optional(),
  interpolationType: z.literal('ENV_VAR').optional(),
  minChars: z.int().optional(),
  maxChars: z.int().optional(),
});

const contentSchema = z.strictObject({
  schemaVersion: z.literal('2.2'),
  description: z.string().optional(),
  parameters: z.record(z.string(), parameterSchema).default({}),
  mainSteps: z
    .array(
      z.strictObject({
        action: z.literal('aws:runShellScript'),
        name: z.string().regex(/^[a-zA-Z0-9_]{1,128}$/),
        precondition: z.strictObject({ StringEquals: z.tuple([z.literal('platformType'), z.string()]) }).optional(),
        inputs: z.strictObject({
          timeoutSeconds: z.union([z.string(), z.int()]).optional(),
          workingDirectory: z.string().optional(),
          runCommand: z.array(z.string()).min(1),
        }),
      }),
    )
    .length(1, 'the stand-in runs documents of one step'),
});
export type DocumentContent = z.infer<typeof contentSchema>;

interface Version {
  readonly number: number;
  readonly text: string;
  readonly hash: string;
  readonly content: DocumentContent;
}

interface Document {
  readonly name: string;
  readonly versions: Version[];
  default: number;
}

/** "Maximum document size" of the Systems Manager quotas. */
const MAX_SIZE = 64 * 1024;

export class Documents {
  readonly #byName = new Map<string, Document>();

  create(name: string, text: string): void {
    if (this.#byName.has(name)) throw new SsmError('DocumentAlreadyExists', `document ${name} exists`);
    if (!/^[a-zA-Z0-9_.-]{3,128}$/.test(name)) throw new SsmError('ValidationException', `bad document name ${name}`);
    this.#byName.set(name, { name, versions: [versionOf(1, text)], default: 1 });
  }

  /** A new version, which is not the default before `setDefault`. */
  update(name: string, text: string): number {
    const document = this.#get(name);
    const version = versionOf(document.versions.length + 1, text);
    if (document.versions.some(({ hash }) => hash === version.hash)) {
      throw new SsmError('DuplicateDocumentContent', `a version of ${name} has this content already`);
    }
    document.versions.push(version);
    return version.number;
  }

  setDefault(name: string, version: string): void {
    this.#get(name).default = this.version(name, version).number;
  }

  delete(name: string): void {
    this.#get(name);
    this.#byName.delete(name);
  }

  names(): string[] {
    return [...this.#byName.keys()];
  }

  /** `$LATEST`, `$DEFAULT`, or a number; the default where none is asked for. A name may be an ARN. */
  version(nameOrArn: string, wanted = '$DEFAULT'): Version {
    const document = this.#get(nameOrArn.split(':document/').at(-1) ?? '');
    const number = wanted === '$LATEST' ? document.versions.length : wanted === '$DEFAULT' ? document.default : wanted;
    const version = document.versions.find((one) => one.number === Number(number));
    if (version === undefined) throw new SsmError('InvalidDocumentVersion', `${nameOrArn} has no version ${wanted}`);
    return version;
  }

  /** As DescribeDocument and GetDocument say it. */
  describe(name: string, wanted?: string): { description: object; content: string } {
    const version = this.version(name, wanted);
    const { versions, default: standard } = this.#get(name);
    const description = {
      Name: name,
      DocumentType: 'Command',
      DocumentFormat: 'JSON',
      DocumentVersion: String(version.number),
      LatestVersion: String(versions.length),
      DefaultVersion: String(standard),
      HashType: 'Sha256',
      Hash: version.hash,
      Status: 'Active',
      SchemaVersion: '2.2',
    };
    return { description, content: version.text };
  }

  #get(name: string): Document {
    const document = this.#byName.get(name);
    if (document === undefined) throw new SsmError('InvalidDocument', `no document ${name}`);
    return document;
  }
}

function versionOf(number: number, text: string): Version {
  if (text.length > MAX_SIZE)
    throw new SsmError('MaxDocumentSizeExceeded', `${text.length} bytes are more than 64 KiB`);
  const result = contentSchema.safeParse(JSON.parse(text));
  if (!result.success) throw new SsmError('InvalidDocumentContent', z.prettifyError(result.error));
  const { data: content } = result;
  for (const [name, { allowedPattern }] of Object.entries(content.parameters)) {
    if (allowedPattern !== undefined) compiled(allowedPattern, name);
  }
  return { number, text, hash: createHash('sha256').update(text).digest('hex'), content };
}

/**
 * The values that a command has for the document's parameters, defaults included. Throws `InvalidParameters` where one is
 * missing, unknown, or not what its pattern allows.
 */
export function parameterValues(content: DocumentContent, given: Record<string, string[]>): Record<string, string> {
  const refuse = (why: string) => new SsmError('InvalidParameters', why);
  for (const name of Object.keys(given)) {
    if (content.parameters[name] === undefined) throw refuse(`the document has no parameter ${name}`);
  }
  const values: Record<string, string> = {};
  for (const [name, { default: standard, allowedPattern, minChars = 0, maxChars }] of Object.entries(
    content.parameters,
  )) {
    const [first, ...more] = given[name] ?? [];
    const value = first ?? standard;
    if (value === undefined) throw refuse(`parameter ${name} has no value and no default`);
    if (more.length > 0) throw refuse(`parameter ${name} is a String and takes one value`);
    if (allowedPattern !== undefined && !compiled(allowedPattern, name).test(value)) {
      throw refuse(`parameter ${name} does not match the allowed pattern ${allowedPattern}`);
    }
    if (value.length < minChars || (maxChars !== undefined && value.length > maxChars)) {
      throw refuse(`parameter ${name} has ${value.length} characters`);
    }
    values[name] = value;
  }
  return values;
}
