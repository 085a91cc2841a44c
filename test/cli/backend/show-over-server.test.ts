import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { executionRecord } from '../../../src/api/rest/runs/execution-record.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { startTestApi } from '../../api/harness.ts';
import { tokenFor, tokenOptions } from '../../api/subscriptions/tokens.ts';
import { makeAgent } from '../../runtime/arrange.ts';
import { all, makeRun, makeTenant, one, unique } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { type CliResult, runCli } from '../run-cli.ts';

/** Nothing listens here, so a command that connects fails. */
const UNREACHABLE_URL = 'postgresql://127.0.0.1:1/nowhere';
const db = testDatabase();
let api: ApiServer;
let worker: Worker;

beforeAll(async () => {
  api = await startTestApi(db.url);
  worker = await startTestWorker(db.url);
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
});

const viaDatabase = (...line: string[]) => runCli(db.url, ...line);
const viaServer = (...line: string[]) => runCli(UNREACHABLE_URL, ...line, '--api', api.url);

async function runAgent(script: object[], tools: string[] = [], end = 'completed_at is not null') {
  const agent = await makeAgent(db.pool, { script: script as [], tools });
  const { name } = await one(db.pool, 'select name from howdah.agents where id = $1', [agent]);
  const { id } = await one(
    db.pool,
    `insert into howdah.executions (agent_id, input, callback_url)
     values (howdah.agent($1), E'Hi.\\nAll of you.', 'https://example.com/secret') returning id::uuid as id`,
    [name],
  );
  await eventually(
    db.pool,
    `the run of ${name} is there`,
    `select from howdah.executions where id = $1 and ${end}`,
    [id],
  );
  return { id: id as string, name: name as string };
}

/** Removes the duration of a run that has not ended. */
const withoutDuration = (result: CliResult) => ({
  ...result,
  stdout: result.stdout.replaceAll(/(?<=\) {2})\d+\.\d\d s/g, '… s'),
});

const call = { name: 'calculator', id: 'c1', arguments: { expression: '6 * 7', a: 1, of: [1.5] } };

test('howdah show and howdah explain print the keys of a run', async () => {
  const agent = await makeAgent(db.pool, { script: [] });
  const id = await makeRun(db.pool, {
    agent_id: agent,
    concurrency_key: 'customer-42',
    debounce_key: 'order A-1001',
    debounce_ms: 3_600_000,
  });
  const keys = 'keys      concurrency_key customer-42, debounce_key order A-1001 (3600000 ms)\n';
  for (const cli of [viaDatabase, viaServer]) {
    expect((await cli('show', id)).stdout).toContain(keys);
    expect((await cli('explain', id)).stdout).toContain('by debounce_key order A-1001: waits for');
  }
});

test('howdah show and howdah explain say that a run waits for its model, and until when', async () => {
  const error = { code: 'rate_limited', message: 'too many requests', retry_after_ms: 300_000 };
  const { id } = await runAgent([{ error }], [], `status = 'waiting'`);
  for (const cli of [viaDatabase, viaServer]) {
    const shown = (await cli('show', id)).stdout;
    expect(shown).toMatch(/^status {4}waiting until \d{4}-.*Z \(howdah explain .*\)$/m);
    expect(shown).toMatch(/retry .* too many requests \(again after 3\d\d s\)$/m);
    const { stdout } = await cli('explain', id);
    expect(stdout).toMatch(/waits for the model agent_\w+_1, which failed 1 time \(rate_limited\)/);
    expect(stdout).toContain('rate_limited: too many requests');
  }
});

describe('howdah show over an API prints the same as with a database', () => {
  const runs: Record<string, () => Promise<string>> = {
    'for a completed run': async () => {
      const script = [
        { content: 'I count.', tool_calls: [call, { ...call, id: 'c2' }] },
        { content: 'It is 42.' },
      ];
      return (await runAgent(script, ['calculator'])).id;
    },
    'for a failed run': async () => (await runAgent([{ error: { status: 400 } }])).id,
    'for a run that waits for an answer': async () => {
      const ask = { name: 'ask_user', id: 'q1', arguments: { question: 'Which colour?' } };
      const script = [{ tool_calls: [ask] }, { content: 'Painted.' }];
      return (await runAgent(script, ['ask_user'], `waiting_for = 'question'`)).id;
    },
    'for a run that has not started': async () => makeRun(db.pool, { run_at: '2100-01-01' }),
  };
  test.each(Object.entries(runs))('%s', async (_, make) => {
    const id = await make();
    for (const more of [[], ['--json'], ['-o', 'yaml'], ['--tree'], ['--tree', '--json']]) {
      const expected = withoutDuration(await viaDatabase('show', id, ...more));
      expect(expected, more.join(' ')).toMatchObject({ status: 0, stderr: '' });
      expect(withoutDuration(await viaServer('show', id, ...more)), more.join(' ')).toEqual(
        expected,
      );
      expect(expected.stdout).not.toContain('example.com/secret');
    }
    expect(await viaServer('runs', 'show', id)).toEqual(await viaDatabase('show', id));
  });

  test('of one step', async () => {
    const { id } = await runAgent(
      [
        {
          content: 'I count.',
          tool_calls: [{ ...call, arguments: { expression: '6 * 7' } }],
        },
        { content: 'It is 42.' },
      ],
      ['calculator'],
    );
    const said = {
      1: ['step      1 model', 'calls     calculator {', 'said      I count.'],
      2: ['step      2 tool calculator', '"expression": "6 * 7"', 'said      42'],
      3: ['step      3 model', 'said      It is 42.'],
    };
    for (const [seq, texts] of Object.entries(said)) {
      const expected = await viaDatabase('show', `${id}/${seq}`);
      for (const text of [`execution ${id}\n`, 'tokens in, ', ...texts]) {
        expect(expected.stdout).toContain(text);
      }
      expect(await viaServer('show', `${id}/${seq}`)).toEqual(expected);
      const json = await viaDatabase('show', `${id}/${seq}`, '--json');
      expect(JSON.parse(json.stdout)).toMatchObject({ execution_id: id, seq: Number(seq) });
      expect(await viaServer('show', `${id}/${seq}`, '--json')).toEqual(json);
    }
  });

  test('of a failed step, and of a missing step', async () => {
    const { id } = await runAgent([{ error: { status: 400 } }]);
    const { rows } = await db.pool.query(
      'select seq from howdah.steps where execution_id = $1 and error is not null',
      [id],
    );
    const failed = await viaDatabase('show', `${id}/${rows[0].seq}`);
    expect(failed.stdout).toMatch(/^error {5}\S/m);
    expect(await viaServer('show', `${id}/${rows[0].seq}`)).toEqual(failed);
    const nobody = '01a1f805-7e9f-729f-9dc6-14d018338ca2';
    for (const [status, named, ...more] of [
      [3, `${id}/99`],
      [3, `${nobody}/1`],
      [2, `${id}/0`],
      [2, `${id}/one`],
      [2, `${id}/1/2`],
      [2, `${id}/1`, '--tree'],
    ] as const) {
      const expected = await viaDatabase('show', named, ...more);
      expect(expected, named).toMatchObject({ status, stdout: '' });
      expect(await viaServer('show', named, ...more)).toEqual(expected);
    }
    expect((await viaDatabase('show', `${id}/99`)).stderr).toContain(
      `execution ${id} has no step 99`,
    );
  });

  test('of a tree with several pages', async () => {
    const root = await makeRun(db.pool, { run_at: '2100-01-01' });
    await db.pool.query(
      `insert into howdah.executions (tenant_id, agent_id, agent_version_id, parent_execution_id, root_execution_id, ancestors, depth,
         input, run_at, max_steps, max_seconds, created_by)
       select e.tenant_id, e.agent_id, e.agent_version_id, e.id, e.id, array[e.id::uuid], 1, 'below', e.run_at, 1, 1, e.created_by
       from howdah.executions as e, generate_series(1, 1100) where e.id = $1`,
      [root],
    );
    const expected = await viaDatabase('show', root, '--tree', '--json');
    expect(JSON.parse(expected.stdout).items).toHaveLength(1_101);
    expect(await viaServer('show', root, '--tree', '--json')).toEqual(expected);
    const [below] = await all(
      db.pool,
      'select id from howdah.executions where parent_execution_id = $1 limit 1',
      [root],
    );
    expect(await viaServer('show', below?.id, '--tree', '--json')).toEqual(expected);
  });

  test("of a missing run, or another tenant's", async () => {
    const nobody = '01a1f805-7e9f-729f-9dc6-14d018338ca2';
    const expected = await viaDatabase('show', nobody);
    expect(expected).toMatchObject({ status: 3, stdout: '' });
    expect(await viaServer('show', nobody)).toEqual(expected);
    expect((await viaServer('show', nobody, '--tree')).stderr).toEqual(expected.stderr);
    const { id } = await runAgent([{ content: 'Hello.' }]);
    const other = await makeTenant(db.pool, unique('other'));
    const guarded = await startTestApi(db.url, tokenOptions);
    try {
      const token = await tokenFor(
        { sub: 'a', tenant_id: other, user_id: '' },
        { user_id: undefined, role: 'owner' },
      );
      const hidden = await runCli(UNREACHABLE_URL, 'show', id, '--api', guarded.url);
      expect(hidden).toMatchObject({ status: 4, stdout: '' });
      vi.stubEnv('HOWDAH_API_KEY', token);
      for (const line of [
        ['show', id],
        ['show', id, '--tree'],
        ['logs', id],
      ]) {
        const { status, stdout, stderr } = await runCli(
          UNREACHABLE_URL,
          ...line,
          '--api',
          guarded.url,
        );
        expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
        expect(stderr).toContain(`there is no execution ${id}`);
      }
    } finally {
      vi.unstubAllEnvs();
      await guarded.close();
    }
  });

  test('includes every column of a run except its callback and what only the engine needs', async () => {
    const columns = await all(
      db.pool,
      `select attname as name from pg_attribute where attrelid = 'howdah.executions'::regclass and attnum > 0 and not attisdropped
       order by attnum`,
    );
    const names = columns
      .map(({ name }) => name)
      .filter((name) => !['callback_url', 'contents_key_id', 'counted_steps'].includes(name));
    const added = ['agent', 'agent_version', 'workflow', 'workflow_version'];
    expect(Object.keys(executionRecord.shape)).toEqual([...names, ...added]);
  });
});

test('howdah tools AGENT over a server lists the tools of an agent as from a database', async () => {
  const agent = await makeAgent(db.pool, { script: [], tools: ['ask_user', 'load_skill'] });
  const { name } = await one(db.pool, 'select name from howdah.agents where id = $1', [agent]);
  const expected = await viaDatabase('tools', name);
  expect(expected).toMatchObject({ status: 0, stdout: expect.stringContaining('ask_user') });
  expect(await viaServer('tools', name)).toEqual(expected);
  expect(await viaServer('tools', name, '--json')).toEqual(
    await viaDatabase('tools', name, '--json'),
  );
});
