/** Whoever offers URLs for heartbeats: it counts how often it was asked. */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export class Pulse {
  count = 0;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((_, response) => {
      this.count++;
      response.end('OK');
    });
  }

  /** Listens on the loopback interface. */
  static async start(): Promise<Pulse> {
    const pulse = new Pulse();
    await new Promise<void>((resolve) => pulse.#server.listen(0, '127.0.0.1', resolve));
    return pulse;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/of-the-watch`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
