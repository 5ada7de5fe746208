/** What time it is at AWS: of an answer's date. */

import { GetCallerIdentityCommand, type STSClient } from '@aws-sdk/client-sts';

/** To the second; null where the answer has no date. */
export async function timeOf(client: STSClient): Promise<Date | null> {
  let date: string | undefined;
  client.middlewareStack.add(
    (next) => async (args) => {
      const answer = await next(args);
      const { headers } = answer.response as { headers?: Record<string, string> };
      date = headers?.date;
      return answer;
    },
    { step: 'deserialize', name: 'dateOfAnswer' },
  );
  await client.send(new GetCallerIdentityCommand({}));
  const time = date === undefined ? Number.NaN : Date.parse(date);
  return Number.isNaN(time) ? null : new Date(time);
}
