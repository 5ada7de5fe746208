/** Started every quarter of an hour. */

import { audit } from '../audit.ts';
import { awsStack } from '../aws/stack.ts';
import { anyEvent } from './events.ts';
import { failOn, lambda, logVerdict, type Tools } from './lambda.ts';

let tools: Tools | undefined;
const stack = awsStack({
  believes: true,
  observe: async (event) => {
    if (tools !== undefined) logVerdict(event, tools);
  },
});

export const handler = lambda('audit', anyEvent, async (_event, given) => {
  tools = given;
  const { slots, open, toldAnew, errors } = await audit(await stack());
  const sum = (of: 'judged' | 'missed' | 'late') => slots.reduce((total, slot) => total + slot[of], 0);
  const summary = {
    slots: slots.length,
    open,
    toldAnew,
    judged: sum('judged'),
    missed: sum('missed'),
    late: sum('late'),
  };
  given.logger.info('audited', summary);
  given.count('slotsOpen', open);
  given.count('late', summary.late);
  failOn(errors, given);
  return summary;
});
