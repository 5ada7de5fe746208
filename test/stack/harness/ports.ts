/** Ports and listeners of this machine. */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';

/** A port of the loopback interface that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Every address on which a process listens, as `address:port`; from /proc, see proc(5). */
export function listenersOf(pid: number): string[] {
  const inodes = new Set<string>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    } catch {
      // Closed since.
    }
  }
  return ['tcp', 'tcp6', 'udp', 'udp6'].flatMap((table) => listenersIn(table, inodes));
}

function listenersIn(table: string, inodes: ReadonlySet<string>): string[] {
  const lines = readFileSync(`/proc/net/${table}`, 'utf8').trim().split('\n').slice(1);
  // A listening TCP socket is in state 0A, a bound UDP socket in 07.
  const listening = table.startsWith('tcp') ? '0A' : '07';
  return lines.flatMap((line) => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
    if (state !== listening || !inodes.has(inode)) return [];
    const [address = '', port = ''] = local.split(':');
    return [`${dotted(address)}:${Number.parseInt(port, 16)}`];
  });
}

/** An IPv4 address as people write it; an IPv6 one is left in hex. */
function dotted(hex: string): string {
  return hex.length === 8 ? [...Buffer.from(hex, 'hex')].reverse().join('.') : hex;
}
