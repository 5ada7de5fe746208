/** A CloudFormation template with its references resolved, as far as this stack's template needs it. */

import { ACCOUNT, REGION } from '../stack/harness/ministack.ts';

export interface Resource {
  readonly Type: string;
  readonly Properties: Record<string, unknown>;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
  readonly Condition?: string;
}

export interface Template {
  readonly Resources: Record<string, Resource>;
  readonly Parameters: Record<string, { Default?: unknown; AllowedPattern?: string; AllowedValues?: unknown[] }>;
  readonly Conditions: Record<string, unknown>;
  readonly Outputs: Record<string, { Value: unknown }>;
}

/** Those of the emulator, so that what is recorded there can be held against the same policies. */
export { ACCOUNT, REGION };

/** Absent properties are absent: what AWS::NoValue leaves. */
const NO_VALUE = Symbol('AWS::NoValue');

export interface ResolveOptions {
  readonly stack?: string;
  readonly parameters?: Readonly<Record<string, string | number>>;
}

/** The resources that this stack would have, every reference replaced by its value. Throws at a reference to nothing. */
export function resolved(template: Template, options: ResolveOptions = {}): Record<string, Resource> {
  const resolver = new Resolver(template, options);
  const entries = Object.entries(template.Resources).filter(
    ([, { Condition: condition }]) => condition === undefined || resolver.condition(condition),
  );
  return Object.fromEntries(entries.map(([id, resource]) => [id, resolver.value(resource) as Resource]));
}

class Resolver {
  readonly #template: Template;
  readonly #stack: string;
  readonly #parameters: Readonly<Record<string, unknown>>;

  constructor(template: Template, { stack = 'offsite', parameters = {} }: ResolveOptions) {
    this.#template = template;
    this.#stack = stack;
    this.#parameters = parameters;
  }

  condition(name: string): boolean {
    if (!(name in this.#template.Conditions)) throw new Error(`no condition ${name}`);
    return this.value(this.#template.Conditions[name]) as boolean;
  }

  value(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.value(item)).filter((item) => item !== NO_VALUE);
    if (typeof value !== 'object' || value === null) return value;
    const [[name, argument] = ['', null], ...more] = Object.entries(value);
    if (more.length === 0 && (name === 'Ref' || name.startsWith('Fn::'))) return this.#call(name, argument);
    const entries = Object.entries(value).map(([key, item]) => [key, this.value(item)] as const);
    return Object.fromEntries(entries.filter(([, item]) => item !== NO_VALUE));
  }

  #call(name: string, argument: unknown): unknown {
    const list = Array.isArray(argument) ? argument : [argument];
    switch (name) {
      case 'Ref':
        return this.#reference(String(argument));
      case 'Fn::GetAtt':
        return this.#attribute(...((typeof argument === 'string' ? argument.split('.') : list) as [string, string]));
      case 'Fn::Sub':
        return String(argument).replaceAll(/\$\{([^}]+)\}/g, (_, what: string) => this.#substitute(what));
      case 'Fn::Join':
        return (this.value(list[1]) as unknown[]).join(String(list[0]));
      case 'Fn::If':
        return this.value(this.condition(String(list[0])) ? list[1] : list[2]);
      case 'Fn::Equals':
        return String(this.value(list[0])) === String(this.value(list[1]));
      case 'Fn::Not':
        return !this.value(list[0]);
      case 'Fn::And':
        return list.every((item) => this.value(item) === true);
      default:
        throw new Error(`${name} is not known to this resolver`);
    }
  }

  #substitute(what: string): string {
    if (what.startsWith('!')) return `\${${what.slice(1)}}`;
    const [id, ...attribute] = what.split('.');
    return String(attribute.length === 0 ? this.#reference(what) : this.#attribute(id as string, attribute.join('.')));
  }

  #reference(id: string): unknown {
    const pseudo: Record<string, unknown> = {
      'AWS::StackName': this.#stack,
      'AWS::AccountId': ACCOUNT,
      'AWS::Region': REGION,
      'AWS::Partition': 'aws',
      'AWS::URLSuffix': 'amazonaws.com',
      'AWS::NoValue': NO_VALUE,
    };
    if (id in pseudo) return pseudo[id];
    if (id in this.#template.Parameters) return this.#parameters[id] ?? this.#template.Parameters[id]?.Default;
    const { Type: type } = this.#resource(id);
    const name = this.#nameOf(id);
    if (type === 'AWS::SNS::Topic') return arn('sns', name);
    if (type === 'AWS::SQS::Queue') return `https://sqs.${REGION}.amazonaws.com/${ACCOUNT}/${name}`;
    if (type === 'AWS::IAM::ManagedPolicy') return `arn:aws:iam::${ACCOUNT}:policy/${name}`;
    return name;
  }

  #attribute(id: string, attribute: string): unknown {
    const { Type: type } = this.#resource(id);
    const name = this.#nameOf(id);
    if (attribute === 'QueueName') return name;
    if (attribute !== 'Arn') throw new Error(`${id}.${attribute} is not known to this resolver`);
    if (type === 'AWS::S3::Bucket') return `arn:aws:s3:::${name}`;
    if (type === 'AWS::SQS::Queue') return arn('sqs', name);
    if (type === 'AWS::Lambda::Function') return arn('lambda', `function:${name}`);
    if (type === 'AWS::IAM::Role') return `arn:aws:iam::${ACCOUNT}:role/${name}`;
    if (type === 'AWS::CloudWatch::Alarm') return arn('cloudwatch', `alarm:${name}`);
    throw new Error(`the ARN of ${type} is not known to this resolver`);
  }

  /** The name it is given, or the one CloudFormation would make up. */
  #nameOf(id: string): string {
    const properties = this.#resource(id).Properties ?? {};
    const key = Object.keys(properties).find((one) =>
      /^(Name|(Bucket|Topic|Queue|Role|ManagedPolicy|Function|Alarm|Document)Name)$/.test(one),
    );
    return key === undefined ? `${this.#stack}-${id}-EXAMPLE` : String(this.value(properties[key]));
  }

  #resource(id: string): Resource {
    const resource = this.#template.Resources[id];
    if (resource === undefined) throw new Error(`a reference to ${id}, which the template does not have`);
    return resource;
  }
}

const arn = (service: string, rest: string) => `arn:aws:${service}:${REGION}:${ACCOUNT}:${rest}`;
