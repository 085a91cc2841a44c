import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CellMap, cellOf, type Router, startRouter } from '../../examples/cells/router.ts';

const tokenOf = (tenant_id: unknown) =>
  `Bearer e30.${Buffer.from(JSON.stringify({ tenant_id })).toString('base64url')}.c2ln`;

const cells: Server[] = [];
const map: CellMap = {
  cells: {},
  tenants: { a: 'one', b: 'two', c: 'away' },
  keys: { hwd_k1: 'two' },
};
let router: Router;

beforeAll(async () => {
  for (const name of ['one', 'two']) {
    const cell = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      response.writeHead(201, { 'content-type': 'text/plain', 'x-cell': name });
      response.end(`${request.method} ${request.url} ${body}`);
    });
    await new Promise<void>((resolve) => cell.listen(0, '127.0.0.1', resolve));
    cells.push(cell);
    map.cells[name] = `http://127.0.0.1:${(cell.address() as AddressInfo).port}`;
  }
  map.cells.away = 'http://127.0.0.1:9'; // no server listens on this port
  router = await startRouter(() => map);
});
afterAll(async () => {
  await router.close();
  for (const cell of cells) cell.close();
});

const send = (authorization: string) =>
  fetch(`${router.url}/api/execute?x=1`, {
    method: 'POST',
    headers: { authorization },
    body: 'hello',
  });

test('a request reaches the cell of its tenant unchanged, and so does the response', async () => {
  for (const [tenant, cell] of [
    ['a', 'one'],
    ['b', 'two'],
  ]) {
    const response = await send(tokenOf(tenant));
    expect([response.status, response.headers.get('x-cell')]).toEqual([201, cell]);
    expect(await response.text()).toBe('POST /api/execute?x=1 hello');
  }
  expect((await send('Bearer hwd_k1_secret_sum')).headers.get('x-cell')).toBe('two');
});

test('an unavailable cell affects only its own tenants', async () => {
  const away = await send(tokenOf('c'));
  expect([away.status, away.headers.get('retry-after')]).toEqual([503, '1']);
  expect((await send(tokenOf('a'))).status).toBe(201);
});

test('a request without a known tenant is not forwarded', async () => {
  for (const credential of ['', 'Bearer x', 'Bearer a.b.c', tokenOf('z'), tokenOf(7)]) {
    expect(cellOf(map, credential)).toBeUndefined();
    expect((await send(credential)).status).toBe(401);
  }
});

test('a tenant moves with the next request after a change of the map', async () => {
  map.tenants.a = 'two';
  expect((await send(tokenOf('a'))).headers.get('x-cell')).toBe('two');
});
