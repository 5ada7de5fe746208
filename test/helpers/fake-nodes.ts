import type { ManagedNode, NodesPort } from '../../operator/fleet-nodes.ts';

/** The command service as `fleet apply` meets it. */
export class FakeNodes implements NodesPort {
  readonly known = new Map<string, ManagedNode>();
  /** In the order in which they were tagged. */
  readonly tagged: string[] = [];
  /** What time it is there; null where that is this machine. */
  time: Date | null = null;

  add(node: string, more: Partial<ManagedNode> = {}): void {
    const about = { name: node, platform: 'Debian 13', online: true, lastSeen: null, tag: 'ours', own: null } as const;
    this.known.set(node, { node, ...about, ...more });
  }

  async nodes(): Promise<ManagedNode[]> {
    return [...this.known.values()];
  }

  async tagNodes(nodes: readonly string[]): Promise<void> {
    for (const node of nodes) {
      this.tagged.push(node);
      this.add(node);
    }
  }

  async stackTime(): Promise<Date | null> {
    return this.time;
  }
}
