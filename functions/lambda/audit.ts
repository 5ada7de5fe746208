/** Started every quarter of an hour, and by `offsite fleet test-alert`. */

import { systemClock } from '../../system/clock.ts';
import { audit } from '../audit.ts';
import { HttpHeartbeat } from '../aws/heartbeat.ts';
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
  const ports = { deadLetters: given.deadLetters, heartbeat: new HttpHeartbeat(systemClock) };
  const { slots, open, toldAnew, digestSent, warnings, errors } = await audit(await stack(), ports);
  const sum = (of: 'judged' | 'missed' | 'late') => slots.reduce((total, slot) => total + slot[of], 0);
  const summary = {
    slots: slots.length,
    open,
    toldAnew,
    digestSent,
    judged: sum('judged'),
    missed: sum('missed'),
    late: sum('late'),
  };
  given.logger.info('audited', summary);
  for (const warning of warnings) given.logger.warn(warning);
  given.count('warnings', warnings.length);
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
