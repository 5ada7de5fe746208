/** `slow-way.ts FROM TO MILLISECONDS`: HTTP on port FROM goes to port TO, each request so much later. */

import { Agent, createServer, request } from 'node:http';
import { commandLine } from '../system/process.ts';

const [from = 0, to = 0, milliseconds = 0] = commandLine().map(Number);
const agent = new Agent({ keepAlive: true, maxSockets: 64 });

createServer((asked, answer) => {
  const { method, url: path, rawHeaders } = asked;
  setTimeout(() => {
    // The headers as they came: the signature is over the host's name too.
    const on = request({ agent, host: '127.0.0.1', port: to, method, path, headers: rawHeaders, setHost: false });
    on.on('response', (found) => {
      answer.writeHead(found.statusCode ?? 502, found.rawHeaders);
      found.pipe(answer);
    });
    on.on('error', () => answer.destroy());
    asked.pipe(on);
  }, milliseconds);
}).listen(from, '127.0.0.1');
