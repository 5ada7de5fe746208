/** The machines that a stack can ask for backups: on AWS the managed nodes of SSM, in local/ the host configs of a folder. */

/** A machine that the command service knows. */
export interface ManagedNode {
  readonly node: string;
  /** What it calls itself. */
  readonly name: string;
  /** Such as `Debian GNU/Linux 12`; empty where nobody knows. */
  readonly platform: string;
  readonly online: boolean;
  /** When it was last heard of; null where nobody knows. */
  readonly lastSeen: Date | null;
  /**
   * Whether the stack may ask it: on AWS the tag `offsite` with the stack's name. `other`: it has the tag with the name of
   * another stack.
   */
  readonly tag: 'ours' | 'other' | 'none';
  /** What its own config says; null where that cannot be known from here. */
  readonly own: { readonly host: string; readonly sets: readonly string[] } | null;
}

/** What `fleet apply` and `fleet discover` need of a stack. */
export interface NodesPort {
  /** Every machine there is, on every page, by node. */
  nodes(): Promise<readonly ManagedNode[]>;
  /** Tags machines of this stack. Doing it twice is doing it once. Throws naming those that could not be tagged. */
  tagNodes(nodes: readonly string[]): Promise<void>;
  /** What time it is where the stack is; null where that is this machine. */
  stackTime(): Promise<Date | null>;
}

/** What `fleet status` asks beside the store. */
export interface SchedulesPort {
  /** Rules that start dispatch, as `policy type`; null where whoever runs the stack needs none. */
  schedules(): Promise<ReadonlySet<string> | null>;
}
