/** All of the stack's tests, in the one process that has the emulator and the stand-in. */

import { test } from 'node:test';
import { alerts } from './cases/alerts.stack.ts';
import { deployments } from './cases/deployments.stack.ts';
import { emulator } from './cases/emulator.stack.ts';
import { failures } from './cases/failures.stack.ts';
import { operator } from './cases/operator.stack.ts';
import { orchestration } from './cases/orchestration.stack.ts';
import { recorded } from './cases/recorded.stack.ts';
import { rights } from './cases/rights.stack.ts';
import { standIn } from './cases/stand-in.stack.ts';
import { DeployedStack } from './harness/stack.ts';
import { startWorld, type World } from './harness/world.ts';

/** run.ts knows by it that all is told. */
const LAST = 'everything is taken down';

const world: Promise<World> = startWorld();
let stack: Promise<DeployedStack> | undefined;

/** The stack that most tests share; deployed when it is first asked for. */
const deployed = async (): Promise<DeployedStack> => {
  const { publicKey } = (await world).operator;
  stack ??= world.then((found) =>
    DeployedStack.deploy(found, { stack: 'offsite', operatorKey: publicKey, email: 'jo@example.org' }),
  );
  return stack;
};

emulator(() => world);
standIn(() => world);
alerts(() => world);
orchestration(deployed);
failures(deployed);
operator(deployed);
rights(deployed);
deployments(() => world, deployed);
recorded(deployed);

test(LAST, async () => (await world).stop());
