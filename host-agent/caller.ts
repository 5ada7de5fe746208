/** Who this machine is to the store: the prefix that it may write under. */

export interface Caller {
  readonly prefix: string;
}

/** Standalone, the prefix is the configured host name. */
export async function callerOf(_storeUrl: string, host: string): Promise<Caller> {
  return { prefix: host };
}
