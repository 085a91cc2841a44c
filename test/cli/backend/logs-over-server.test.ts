import type { AddressInfo } from 'node:net';
import { connect as connectSocket, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { startTestApi } from '../../api/harness.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { runCli, startCli } from '../run-cli.ts';

/** Nothing listens here, so a command that connects fails. */
const UNREACHABLE_URL = 'postgresql://127.0.0.1:1/nowhere';
const db = testDatabase();
let api: ApiServer;
let worker: Worker;
let proxy: CutProxy;

beforeAll(async () => {
  await runCli(db.url, 'generate', '--executions', '400');
  api = await startTestApi(db.url);
  proxy = await openProxy(Number(new URL(api.url).port));
  worker = await startTestWorker(db.url);
  await db.pool.query(`
    insert into howdah.models (name, provider, model) values ('script', 'scripted', 'script');
    insert into howdah.agents (name, instruction) values ('greeter', 'Greet.'), ('broken', 'Fail.'), ('slow', 'Take your time.');
    insert into howdah.agent_models (agent_id, model_id, request_params)
    select howdah.agent(s.agent), m.id, jsonb_build_object('script', s.script)
    from howdah.models as m, (values
      ('greeter', '[{"content": "Hello there"}]'::jsonb),
      ('broken', '[{"error": {"status": 400, "message": "no such thing"}}]'),
      ('slow', '[{"content": "late", "delay_ms": 600000}]')
    ) as s (agent, script) where m.name = 'script'`);
});
afterAll(async () => {
  await worker?.stop(0);
  await proxy?.close();
  await api?.close();
});

/** A proxy to the server that can be cut, and that refuses connections from `shut` to `open`. */
type CutProxy = { url: string; cut(): void; shut(): void; open(): void; close(): Promise<void> };

async function openProxy(port: number): Promise<CutProxy> {
  const sockets = new Set<Socket>();
  let isShut = false;
  const server: Server = createServer((socket) => {
    if (isShut) return socket.destroy();
    const behind = connectSocket(port, '127.0.0.1');
    for (const one of [socket, behind]) {
      sockets.add(one);
      one.on('error', () => {}).on('close', () => sockets.delete(one));
    }
    socket.pipe(behind).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    shut() {
      isShut = true;
      cut();
    },
    open() {
      isShut = false;
    },
    async close() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const viaDatabase = (...line: string[]) => runCli(db.url, ...line);
const viaServer = (...line: string[]) => runCli(UNREACHABLE_URL, ...line, '--api', api.url);
const linesOf = (text: string) => text.split('\n').filter((line) => line !== '');

async function startRun(agent: string, session: string | null = null): Promise<string> {
  const { rows } = await db.pool.query<{ id: string }>(
    `select r.id::uuid as id from howdah.run($1, 'Hi', session_id => $2) as r`,
    [agent, session],
  );
  return rows[0]?.id ?? '';
}

async function ranOf(agent: string, session: string | null = null): Promise<string> {
  const id = await startRun(agent, session);
  await eventually(
    db.pool,
    `${agent} ends`,
    'select from howdah.executions where id = $1 and completed_at is not null',
    [id],
  );
  return id;
}

describe('howdah logs over an API', () => {
  test('prints the same as with a database', async () => {
    const { rows } = await db.pool.query<{ id: string }>(
      `insert into howdah.sessions (agent_id) values (howdah.agent('greeter')) returning id`,
    );
    const session = rows[0]?.id ?? '';
    const [good, bad] = [await ranOf('greeter', session), await ranOf('broken')];
    const lines = [
      [],
      [good],
      [bad, '--errors'],
      ['--errors'],
      ['--agent', 'broken'],
      ['--status', 'failed,cancelled'],
      ['--session', session],
      ['--since', '1d', '--limit', '1'],
      ['--since', '2099-01-01'],
      ['--limit', '2', good],
    ];
    for (const line of lines) {
      for (const more of [[], ['--json']]) {
        const expected = await viaDatabase('logs', ...line, ...more);
        expect(await viaServer('logs', ...line, ...more), line.join(' ')).toEqual(expected);
        expect(expected.status).toBe(0);
      }
    }
    expect((await viaServer('logs', good)).stdout).toMatch(
      / greeter {2}1 {2}model script {2}\d+ ms/,
    );
  });

  test('reads all pages', async () => {
    const most = ['logs', '--since', '3650d', '--json', '--limit'];
    const expected = await viaDatabase(...most, '1200');
    expect(linesOf(expected.stdout)).toHaveLength(1_200);
    expect(await viaServer(...most, '1200')).toEqual(expected);
  });

  const nobody = '01a1f805-7e9f-729f-9dc6-14d018338ca2';
  test.each([
    [[nobody], 3, /there is no execution .*\n hint: List them: howdah runs/],
    [['-f', nobody], 3, /there is no execution/],
    [['--session', nobody], 3, /there is no session .*\n hint: The session of a run/],
    [['--agent', 'greter'], 3, /there is no agent 'greter'\n hint: Did you mean greeter/],
    [
      ['--tenant', 'other'],
      2,
      /--tenant cannot be used with an API: the API key determines the tenant/,
    ],
    [
      [nobody, '--agent', 'greeter'],
      2,
      /--agent selects runs and cannot be combined with the id of a run/,
    ],
  ])('%j exits %i', async (argv, status, said) => {
    expect(await viaServer('logs', ...argv)).toMatchObject({
      ...{ status, stdout: '' },
      stderr: expect.stringMatching(said),
    });
  });
});

describe('howdah logs --follow over an API', () => {
  const follow = (...line: string[]) =>
    startCli(UNREACHABLE_URL, 'logs', '--follow', '--json', ...line, '--api', proxy.url);
  const until = (fits: () => void) => vi.waitFor(fits, 120_000);

  test('prints each step as it commits, without gaps or duplicates after a lost connection', async () => {
    const before = [await ranOf('greeter'), await ranOf('greeter')];
    const following = follow('--limit', '1');
    try {
      await until(() => expect(following.stdout()).toContain(before[1]));
      const runs: string[] = [];
      for (let cuts = 0; cuts < 3; cuts += 1) {
        runs.push(await ranOf('greeter'), await ranOf('broken'));
        proxy.cut();
        runs.push(await ranOf('greeter'));
        await until(() => expect(following.stdout()).toContain(runs.at(-1)));
      }
      proxy.shut();
      runs.push(await ranOf('broken'), await ranOf('greeter'));
      proxy.open();
      for (const id of runs) await until(() => expect(following.stdout()).toContain(id));
      await until(() => {
        const steps = linesOf(following.stdout()).map((line) => JSON.parse(line));
        const ofLast = steps.filter((step) => step.execution_id === runs.at(-1));
        expect(ofLast).toHaveLength(2);
      });
      following.interrupt();
      const { status, stdout, stderr } = await following.end();
      expect({ status, stderr }).toEqual({
        status: 130,
        stderr: 'Earlier steps are not shown. To show more: --limit 10\n',
      });
      const steps = linesOf(stdout).map((line) => JSON.parse(line));
      const seqs = (id: string) =>
        steps.filter((step) => step.execution_id === id).map(({ seq }) => seq);
      for (const id of runs) expect(seqs(id)).toEqual([1, 2]);
      expect(steps.filter((step) => before.includes(step.execution_id))).toHaveLength(1);
    } finally {
      proxy.open();
      following.interrupt();
    }
  });

  test('ends with its run when following one run', async () => {
    const id = await startRun('slow');
    const following = follow(id);
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
    expect(await following.waitForReturn()).toBe(0);
    const ended = await ranOf('greeter');
    const again = await viaServer('logs', ended, '--follow');
    expect(again).toEqual(await viaDatabase('logs', ended));
  });

  test('prints only errors with --errors', async () => {
    const following = follow('--errors');
    try {
      const good = await ranOf('greeter');
      const bad = await ranOf('broken');
      await until(() =>
        expect(linesOf(following.stdout()).filter((line) => line.includes(bad))).toHaveLength(2),
      );
      expect(following.stdout()).not.toContain(good);
    } finally {
      following.interrupt();
    }
    expect(await following.waitForReturn()).toBe(130);
  });
});
