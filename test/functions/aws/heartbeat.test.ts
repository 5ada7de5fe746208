/** Heartbeats over real HTTP: to a server of this process, that answers as servers do. */

import assert from 'node:assert/strict';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { HttpHeartbeat } from '../../../functions/aws/heartbeat.ts';
import { systemClock } from '../../../system/clock.ts';

let server: Server;
let url: string;
let answer: RequestListener;
let asked: string[];

before(async () => {
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/ping/secret`;
});
beforeEach(() => {
  asked = [];
});
after(() => {
  server.closeAllConnections();
  server.close();
});

const beat = (patience?: number) =>
  new HttpHeartbeat(systemClock, patience === undefined ? {} : { patience }).beat(url);

test('is one GET, whatever is answered, however long', async () => {
  answer = (_, response) => {
    response.writeHead(200);
    // Never ends: nobody reads it.
    response.write('x'.repeat(10_000));
  };
  await beat();
  assert.deepEqual(asked, ['GET /ping/secret']);
});

test('was not taken where the server says so', async () => {
  for (const status of [404, 500, 304]) {
    answer = (_, response) => response.writeHead(status).end();
    await assert.rejects(beat(), new RegExp(`it answered ${status}`));
  }
});

test('was not taken where nobody answers in time', async () => {
  answer = () => undefined;
  await assert.rejects(beat(50), /no answer within 0.05 seconds/);
});

test('was not taken where nobody is there', async () => {
  await assert.rejects(new HttpHeartbeat(systemClock).beat('http://127.0.0.1:9/'), TypeError);
});

test('follows to where it is sent, a few times, and to no other scheme', async () => {
  answer = ({ url: path }, response) => {
    if (path === '/ping/secret') response.writeHead(302, { location: '/moved' }).end();
    else response.end();
  };
  await beat();
  assert.deepEqual(asked, ['GET /ping/secret', 'GET /moved']);
  for (const to of ['ftp://127.0.0.1/', 'file:///etc/passwd', 'data:text/plain,x']) {
    answer = (_, response) => response.writeHead(302, { location: to }).end();
    await assert.rejects(beat(), /it redirects from http: to /, to);
  }
  answer = (_, response) => response.writeHead(302, { location: '/ping/secret' }).end();
  await assert.rejects(beat(), /it redirects more than 3 times/);
});
