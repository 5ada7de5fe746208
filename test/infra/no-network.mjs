/** Preloaded into a process that must open no connection: the first one ends it. */

import net from 'node:net';

net.Socket.prototype.connect = function connect(...options) {
  throw new Error(`a connection was opened: ${JSON.stringify(options)}`);
};
