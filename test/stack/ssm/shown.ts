/** Commands, invocations and nodes as SSM's answers and events show them. */

import { ACCOUNT, REGION } from '../harness/ministack.ts';
import { type Command, type Invocation, statusOf } from './commands.ts';
import type { SimulatedHost } from './host.ts';

/** As in SendCommand and ListCommands. */
export function shownCommand(command: Command): object {
  return {
    ...commonOf(command),
    Parameters: command.given,
    InstanceIds: command.invocations.map(({ host }) => host.node),
    RequestedDateTime: command.requested.getTime() / 1000,
    ExpiresAfter: command.deliverUntil / 1000,
    Status: statusOf(command),
    StatusDetails: statusOf(command),
    TargetCount: command.invocations.length,
    CompletedCount: command.invocations.filter(({ isOver }) => isOver).length,
  };
}

/** As in GetCommandInvocation. */
export function shownInvocation(command: Command, { host, code, status, details, out, err }: Invocation): object {
  return {
    ...commonOf(command),
    InstanceId: host.node,
    PluginName: pluginOf(command),
    ResponseCode: code,
    Status: status,
    StatusDetails: details,
    StandardOutputContent: out,
    StandardErrorContent: err,
  };
}

/** As in ListCommandInvocations; `details` with what its step said, cut as SSM cuts it. */
export function summaryOf(command: Command, invocation: Invocation, details: boolean): object {
  const { host, code, status, details: words, out, err } = invocation;
  const plugin = { Name: pluginOf(command), Status: status, ResponseCode: code, Output: (out + err).slice(0, 2500) };
  return {
    ...commonOf(command),
    InstanceId: host.node,
    RequestedDateTime: command.requested.getTime() / 1000,
    Status: status,
    StatusDetails: words,
    CommandPlugins: details ? [plugin] : [],
  };
}

/** As in DescribeInstanceInformation. */
export function shownNode({ node, agentVersion, online }: SimulatedHost): object {
  return {
    InstanceId: node,
    PingStatus: online ? 'Online' : 'ConnectionLost',
    AgentVersion: agentVersion,
    PlatformType: 'Linux',
    ResourceType: isManaged(node) ? 'ManagedInstance' : 'EC2Instance',
  };
}

/** The event of a status: type, resources and detail. */
export function statusEvent(command: Command, { host, status }: Invocation): Record<string, unknown> {
  const place = isManaged(host.node)
    ? `ssm:${REGION}:${ACCOUNT}:managed-instance`
    : `ec2:${REGION}:${ACCOUNT}:instance`;
  return {
    'detail-type': 'EC2 Command Invocation Status-change Notification',
    resources: [`arn:aws:${place}/${host.node}`],
    detail: {
      'command-id': command.id,
      'document-name': command.document,
      'instance-id': host.node,
      'requested-date-time': command.requested.toISOString(),
      status,
    },
  };
}

const isManaged = (node: string) => node.startsWith('mi-');
const pluginOf = ({ content }: Command) => content.mainSteps[0]?.name;
const commonOf = ({ id, comment, document, version }: Command) => ({
  CommandId: id,
  Comment: comment,
  DocumentName: document,
  DocumentVersion: version,
});
