/** Asking a function of the stack to do something now, and waiting for its answer. */

import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import * as z from 'zod';
import { OffsiteError } from '../../contract/errors.ts';
import { asStackError } from './errors.ts';

export interface Function {
  readonly name: string;
  readonly region: string | undefined;
}

/** What Lambda answers for a function that threw. */
const failure = z.object({ errorMessage: z.string(), errorType: z.string().optional() });
/** What a function answers to an event that it does not understand: see functions/lambda/lambda.ts. */
const refusal = z.object({ refused: z.string() });

/**
 * Invokes and returns what the function answers, held against `answer`. Throws `stack-failed` with the function's own
 * words where it failed, and also where it is of a version that does not understand the event.
 */
export async function invoke<S extends z.ZodType>(
  client: LambdaClient,
  { name, region }: Function,
  event: object,
  answer: S,
): Promise<z.output<S>> {
  const what = `function ${name}`;
  const { FunctionError, Payload } = await asStackError({ what, region }, () =>
    client.send(new InvokeCommand({ FunctionName: name, Payload: Buffer.from(JSON.stringify(event)) })),
  );
  const text = Buffer.from(Payload ?? []).toString('utf8');
  const value = jsonOf(text);
  if (FunctionError !== undefined) {
    const said = failure.safeParse(value);
    throw new OffsiteError('stack-failed', `${what} failed: ${said.success ? said.data.errorMessage : text}`);
  }
  const refused = refusal.safeParse(value);
  if (refused.success) {
    throw new OffsiteError('stack-failed', `${what} did not understand what it was asked: ${refused.data.refused}`);
  }
  const parsed = answer.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new OffsiteError('stack-failed', `${what} gave an answer that is not understood: ${text.slice(0, 500)}`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
