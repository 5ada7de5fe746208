/** Telling machines to run their agent. On AWS this is SSM Run Command; in local/ it is a child process. */

export interface CommandSender {
  /**
   * Which of these nodes (at most 50) the command service knows, asleep or not. On AWS DescribeInstanceInformation:
   * https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeInstanceInformation.html
   */
  knownNodes(nodes: readonly string[]): Promise<ReadonlySet<string>>;

  /**
   * Sends one command to at most 50 nodes; each gets it once it is awake, until the deadline. Sending it twice does no
   * harm: the agent drops a run that it has begun. Throws NodesRefused where the service takes the command for none of
   * the nodes because of one or more of them; any other error is no fault of the nodes.
   */
  send(command: OutgoingCommand): Promise<{ readonly command: string }>;
}

export interface OutgoingCommand {
  readonly nodes: readonly string[];
  /** The job, base64url; see contract/job.ts. */
  readonly payload: string;
  /** Whoever is not awake by then is not asked any more. */
  readonly deadline: Date;
  /** Names slot and batch (see slotComment), so that a command's later status can be told from its id alone. */
  readonly comment: string;
}

/** The service refused the whole command: a node it does not know (InvalidInstanceId) or may not command (AccessDenied). */
export class NodesRefused extends Error {
  override readonly name = 'NodesRefused';
}

/** `offsite <policy> <due> <batch>`: SSM keeps up to 100 characters of comment with a command. */
export function slotComment(slot: { policy: string; due: string; batch: number }): string {
  return `offsite ${slot.policy} ${slot.due} ${slot.batch}`;
}

/** The inverse of slotComment; null for any other comment. */
export function parseSlotComment(comment: string): { policy: string; due: string; batch: number } | null {
  const match = /^offsite ([a-z0-9-]{1,24}) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) (\d{1,6})$/.exec(comment);
  return match === null ? null : { policy: match[1] ?? '', due: match[2] ?? '', batch: Number(match[3]) };
}
