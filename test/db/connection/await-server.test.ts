import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../../../chaos/faults/fault-proxy.ts';
import { waitForServer } from '../../../src/db/connection/wait-for-server.ts';
import { startCli } from '../../cli/run-cli.ts';
import { testDatabase } from '../../support/database.ts';

const db = testDatabase();
let proxy: FaultProxy;

beforeAll(async () => {
  proxy = await startFaultProxy(db.url);
});
afterAll(async () => {
  await proxy.close();
});

describe('a server that does not accept connections yet', () => {
  test('is awaited, with one message', async () => {
    proxy.isDown = true;
    const said: string[] = [];
    await waitForServer(proxy.url, 60, (line) => {
      said.push(line);
      proxy.isDown = false;
    });
    const { host } = new URL(proxy.url);
    expect(said).toEqual([`No server accepts connections at ${host} yet: waiting up to 60 s.`]);
  });

  test('is awaited until the caller aborts', async () => {
    proxy.isDown = true;
    const giveUp = new AbortController();
    const waiting = waitForServer(proxy.url, 600, () => giveUp.abort(), giveUp.signal);
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    proxy.isDown = false;
  });

  test('is awaited by a worker that started first', async () => {
    proxy.isDown = true;
    const worker = startCli(proxy.url, 'worker', '--wait', '2m');
    await expect.poll(worker.stderr).toContain('waiting up to 120 s');
    proxy.isDown = false;
    await expect.poll(worker.stderr).toContain('Howdah is ready.');
    worker.interrupt();
    expect((await worker.end()).status).toBe(0);
  });

  test('is awaited by a migration', async () => {
    proxy.isDown = true;
    const migrate = startCli(proxy.url, 'migrate', 'up', '--wait', '2m');
    await expect.poll(migrate.stderr).toContain('waiting up to 120 s');
    proxy.isDown = false;
    expect((await migrate.end()).status).toBe(0);
    expect(migrate.stderr()).toContain('0 migrations up.');
  });

  test('is reported when the time is over', async () => {
    await expect(waitForServer('postgres://me@127.0.0.1:1/x', 0, () => {})).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
  });
});

test('an error that waiting cannot resolve is reported at once', async () => {
  const nobody = new URL(db.url);
  nobody.username = 'nobody';
  const absent = new URL(db.url);
  absent.pathname = '/nope';
  for (const [url, code] of [
    [nobody, /^28/],
    [absent, /^3D000$/],
  ] as const) {
    const talk = () => expect.unreachable('it waits');
    await expect(waitForServer(url.toString(), 60, talk)).rejects.toMatchObject({
      code: expect.stringMatching(code),
    });
  }
});
