/** Started every quarter of an hour, and by `offsite fleet test-alert`. */

import { audit } from '../audit.ts';
import { setting } from '../aws/settings.ts';
import { awsStack } from '../aws/stack.ts';
import { testAlert } from '../test-alert.ts';
import { auditEvent } from './events.ts';
import { failOn, lambda, logVerdict, type Tools } from './lambda.ts';

let tools: Tools | undefined;
const stack = awsStack({
  believes: true,
  alarms: true,
  observe: async (event) => {
    if (tools !== undefined) logVerdict(event, tools);
  },
});

export const handler = lambda('audit', auditEvent, async (event, given) => {
  tools = given;
  if (event.testAlert !== undefined) return testTheAlerts(given);
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

async function testTheAlerts(given: Tools) {
  const { errors, ...tested } = await testAlert(await stack(), `the stack ${setting('stack')}`);
  given.logger.info('alerts tested', { ...tested });
  failOn(errors, given);
  return tested;
}
