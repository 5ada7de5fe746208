/**
 * What the emulator cannot deploy is taken out of the template here, and nowhere else. Each removal is returned, printed
 * by the harness, and held against an exact list by a test.
 */

interface Resource {
  Type: string;
  Properties?: Record<string, unknown>;
  [attribute: string]: unknown;
}

export interface Template {
  Resources: Record<string, Resource>;
  Outputs?: Record<string, unknown>;
  [section: string]: unknown;
}

export interface Shimmed {
  readonly template: Template;
  /** `LogicalId (Type)` or `LogicalId.Property (Type)`. */
  readonly removed: readonly string[];
  /** The Command documents, which the harness gives to the SSM stand-in as CloudFormation would to SSM. */
  readonly documents: Readonly<Record<string, Record<string, unknown>>>;
}

const DOCUMENT = 'AWS::SSM::Document';

/** The template that the emulator gets. The argument is not changed. */
export function shimmed(original: Template): Shimmed {
  const template = structuredClone(original);
  const removed: string[] = [];
  const documents: Record<string, Record<string, unknown>> = {};
  for (const [id, resource] of Object.entries(template.Resources)) {
    if (resource.Type !== DOCUMENT) continue;
    documents[id] = resource.Properties ?? {};
    removed.push(`${id} (${DOCUMENT})`);
    delete template.Resources[id];
  }
  for (const resource of Object.values(template.Resources)) forget(resource, documents);
  return { template: withoutReferences(template, documents) as Template, removed, documents };
}

/** A resource that waits for a removed one need not wait. */
function forget(resource: Resource, documents: Shimmed['documents']): void {
  const waits = resource.DependsOn;
  if (typeof waits === 'string' && waits in documents) delete resource.DependsOn;
  if (Array.isArray(waits)) resource.DependsOn = waits.filter((id) => !(String(id) in documents));
}

/** `Ref` of a document is its name. */
function withoutReferences(value: unknown, documents: Shimmed['documents']): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutReferences(item, documents));
  if (typeof value !== 'object' || value === null) return value;
  const reference = 'Ref' in value ? documents[String(value.Ref)] : undefined;
  if (reference !== undefined) return reference.Name;
  if ('Fn::Sub' in value) return { 'Fn::Sub': withNames(value['Fn::Sub'], documents) };
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutReferences(item, documents)]));
}

/** `${LogicalId}` inside Fn::Sub; the documents' names are texts, perhaps with a Fn::Sub of their own. */
function withNames(sub: unknown, documents: Shimmed['documents']): unknown {
  if (Array.isArray(sub)) return [withNames(sub[0], documents), withoutReferences(sub[1], documents)];
  return Object.entries(documents).reduce(
    (text, [id, { Name: name }]) => text.replaceAll(`\${${id}}`, typeof name === 'string' ? name : subOf(name)),
    String(sub),
  );
}

function subOf(name: unknown): string {
  if (typeof name === 'object' && name !== null && 'Fn::Sub' in name) return String(name['Fn::Sub']);
  throw new Error(`the shim understands a document's name as a text or Fn::Sub, not ${JSON.stringify(name)}`);
}
