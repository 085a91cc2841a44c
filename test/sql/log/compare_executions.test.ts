import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  answer,
  asRole,
  claim,
  commit,
  completed,
  type Db,
  failed,
  finish,
  makeAgent,
  makeRun,
  makeTenant,
  makeWorker,
  one,
  refusal,
  spawn,
} from '../support.ts';

const UNKNOWN = '01a1f805-7e9f-729f-9dc6-14d018338ca2';

type Difference = { field: string; a: string | null; b: string | null };
type Change = {
  what: string;
  a: number | null;
  b: number | null;
  kind: string;
  name: string | null;
  differences: Difference[];
};
type Compared = {
  is_same: boolean;
  a: Record<string, unknown>;
  b: Record<string, unknown>;
  shared_steps: number;
  began: Difference[];
  steps: {
    same: number;
    changed: number;
    only_a: number;
    only_b: number;
    parts_at: number | null;
    changes: Change[];
    left_off: number;
  };
  ended: Difference[];
};

const db = testDatabase({ violates: true }); // writes runs and steps by hand
let worker: string;

beforeAll(async () => {
  worker = await makeWorker(db.pool);
});

const compare = async (a: string, b: string, client: Db = db.pool): Promise<Compared> =>
  (await one(client, 'select howdah.compare_executions($1, $2) as compared', [a, b])).compared;

type Step = Record<string, unknown>;
const OUTPUT: Step = { kind: 'output' };

/** Creates a run with these steps and this end. */
async function makeEndedRun(
  columns: Record<string, unknown>,
  steps: Step[],
  to: Record<string, unknown> = completed,
): Promise<string> {
  const id = await makeRun(db.pool, columns);
  await commitSteps(id, steps, to);
  return id;
}

/** Commits steps in batches of 100, because the cost of a commit grows faster than its size. */
async function commitSteps(id: string, steps: Step[], to: Record<string, unknown>): Promise<void> {
  const [run] = await claim(db.pool, worker, [id]);
  for (let done = 0; done === 0 || done < steps.length; done += 100) {
    const isLast = done + 100 >= steps.length;
    const [result] = await commit(db.pool, worker, [
      {
        id,
        fence: run?.fence,
        after: run?.step_count + done,
        steps: steps.slice(done, done + 100),
        ...(isLast && { to }),
      },
    ]);
    expect(result?.outcome).toBe('committed');
  }
}

const says = (content: string): Step => ({
  ...answer,
  output: { finish_reason: 'stop', tool_calls: 0 },
  messages: [{ role: 'assistant', content }],
});

/** Number of calls so far. Every call has a new id. */
let calls = 0;
function looksUp(order: string, found: string): Step[] {
  calls += 1;
  const id = `call-${calls}`;
  const call = { id, name: 'look_up', arguments: JSON.stringify({ order }) };
  return [
    {
      ...answer,
      output: { finish_reason: 'tool_calls', tool_calls: 1 },
      messages: [{ role: 'assistant', tool_calls: [call] }],
    },
    {
      kind: 'tool',
      name: 'look_up',
      call_id: id,
      input: { order },
      output: found,
      messages: [{ role: 'tool', content: found, tool_call_id: id }],
    },
  ];
}

/** Returns a retry of a tool. Its delay differs each time. */
const retry = (): Step => {
  calls += 1;
  return {
    kind: 'retry',
    name: 'look_up',
    input: { attempt: 1 },
    output: { delay_ms: calls, not_before: new Date(calls).toISOString() },
    error: { code: 'timeout', message: 'it took too long', retryable: true },
  };
};

const seqs = ({ steps }: Compared) => steps.changes.map(({ what, a, b }) => [what, a, b]);

describe('the same run executed twice', () => {
  test('compares as the same, whatever the ids, times and random values', async () => {
    const agent_id = await makeAgent(db.pool);
    const steps = () => [retry(), ...looksUp('A-1', 'sent'), says('It was sent.'), OUTPUT];
    const first = await makeEndedRun({ agent_id }, steps());
    const second = await makeEndedRun({ agent_id }, steps());
    const compared = await compare(first, second);
    expect(compared).toMatchObject({
      is_same: true,
      shared_steps: 0,
      began: [],
      steps: { same: 5, changed: 0, only_a: 0, only_b: 0, parts_at: null, changes: [] },
      ended: [],
    });
    expect(compared.a).toMatchObject({
      execution_id: first,
      version: 1,
      status: 'completed',
      steps: 5,
      model_calls: 2,
      tool_calls: 1,
      retries: 1,
      tokens_in: 20,
      tokens_out: 10,
      total_tokens_in: 20,
      cost: 0,
      seconds: expect.any(Number),
      children: [],
      is_erased: false,
    });
    expect(await compare(first, first)).toMatchObject({ is_same: true, steps: { same: 5 } });
  });

  test('ignores error fields other than code and message', async () => {
    const agent_id = await makeAgent(db.pool);
    const log = (more: object): Step[] => [
      { ...retry(), error: { code: 'timeout', message: 'too late', ...more } },
      OUTPUT,
    ];
    const first = await makeEndedRun({ agent_id }, log({ retryable: true }));
    const second = await makeEndedRun({ agent_id }, log({ retryable: true, status: 504 }));
    expect(await compare(first, second)).toMatchObject({ is_same: true });
    const third = await makeEndedRun({ agent_id }, log({ code: 'provider' }));
    const { changes } = (await compare(first, third)).steps;
    expect(changes.map(({ differences }) => differences)).toEqual([
      [{ field: 'error_code', a: 'timeout', b: 'provider' }],
    ]);
  });

  test('compares as the same before either has started', async () => {
    const agent_id = await makeAgent(db.pool);
    const ids = [await makeRun(db.pool, { agent_id }), await makeRun(db.pool, { agent_id })];
    const compared = await compare(ids[0] ?? '', ids[1] ?? '');
    expect(compared).toMatchObject({ is_same: true, steps: { same: 0, parts_at: null } });
    expect(compared.a).toMatchObject({ status: 'queued', seconds: null, steps: 0 });
  });
});

describe('start differences', () => {
  test('include agent, version, models, input, data, overrides and limits', async () => {
    const one = await makeAgent(db.pool, { name: 'one', max_steps: 5 });
    const other = await makeAgent(db.pool, { name: 'other', max_cost: 0.5 });
    const a = await makeRun(db.pool, { agent_id: one, input: 'Hi', input_data: '{"x": 1}' });
    const b = await makeRun(db.pool, {
      agent_id: other,
      input: 'Ho',
      overrides: '{"request_params": {"temperature": 0}}',
    });
    const { began, is_same } = await compare(a, b);
    expect(is_same).toBe(false);
    expect(began).toEqual([
      { field: 'agent', a: 'one', b: 'other' },
      { field: 'input', a: 'Hi', b: 'Ho' },
      { field: 'input_data', a: '{"x": 1}', b: null },
      { field: 'overrides', a: null, b: expect.stringContaining('"temperature": 0') },
      { field: 'max_steps', a: '5', b: '50' },
      { field: 'max_cost', a: null, b: '0.5' },
    ]);
  });

  test('name the two versions of one agent', async () => {
    const agent_id = await makeAgent(db.pool);
    const a = await makeRun(db.pool, { agent_id });
    await db.pool.query(`update howdah.agents set instruction = 'Otherwise.' where id = $1`, [
      agent_id,
    ]);
    const b = await makeRun(db.pool, { agent_id });
    expect((await compare(a, b)).began).toEqual([{ field: 'version', a: '1', b: '2' }]);
  });

  test('include earlier turns of their sessions', async () => {
    const agent_id = await makeAgent(db.pool);
    const { id: session_id } = await one(
      db.pool,
      `insert into howdah.sessions (agent_id) values ($1) returning id`,
      [agent_id],
    );
    for (const input of ['one', 'two']) {
      await makeEndedRun({ agent_id, session_id, input }, [says('Yes.'), OUTPUT]);
    }
    const [a, b] = (
      await db.pool.query('select id from howdah.executions where session_id = $1 order by turn', [
        session_id,
      ])
    ).rows;
    const { began } = await compare(a.id, b.id);
    expect(began.map(({ field }) => field)).toEqual(['input', 'history']);
    expect(began[1]).toMatchObject({ a: null, b: expect.stringContaining('"one"') });
  });
});

describe('differences of logs', () => {
  test('start where a fork with another input diverges', async () => {
    const agent_id = await makeAgent(db.pool);
    const a = await makeEndedRun({ agent_id }, [
      ...looksUp('A-1', 'sent'),
      says('It was sent.'),
      OUTPUT,
    ]);
    const b = (await one(db.pool, `select (howdah.fork_execution($1, 2, 'In German.')).id`, [a]))
      .id;
    await commitSteps(b, [says('Verschickt.'), OUTPUT], { ...completed, output: 'Verschickt.' });
    const compared = await compare(a, b);
    expect(compared).toMatchObject({ is_same: false, shared_steps: 2, began: [] });
    expect(compared.steps).toEqual({
      same: 3,
      changed: 1,
      only_a: 0,
      only_b: 1,
      parts_at: 3,
      left_off: 0,
      changes: [
        {
          what: 'only_b',
          a: null,
          b: 3,
          kind: 'fork',
          name: null,
          differences: [{ field: 'input', a: null, b: expect.stringContaining('In German.') }],
        },
        {
          what: 'changed',
          a: 3,
          b: 4,
          kind: 'model',
          name: 'default',
          differences: [{ field: 'said', a: 'It was sent.', b: 'Verschickt.' }],
        },
      ],
    });
    expect(compared.ended).toEqual([{ field: 'output', a: 'It is on its way.', b: 'Verschickt.' }]);
    expect(compared.b).toMatchObject({
      forked_from_execution_id: a,
      forked_from_seq: 2,
      steps: 5,
      tokens_in: 10,
    });
    expect((await compare(b, a)).steps).toMatchObject({ only_a: 1, only_b: 0, parts_at: 3 });
  });

  test('count steps that two forks of one run both copied as shared, even when erased', async () => {
    const agent_id = await makeAgent(db.pool);
    const steps = [...looksUp('A-1', 'sent'), says('It was sent.'), OUTPUT];
    const original = await makeEndedRun({ agent_id }, steps);
    const fork = async (seq: number) =>
      (await one(db.pool, 'select (howdah.fork_execution($1, $2)).id', [original, seq])).id;
    const [a, b] = [await fork(1), await fork(2)];
    for (const id of [a, b]) await commitSteps(id, [says('Yes.'), OUTPUT], completed);
    const compared = await compare(a, b);
    expect(compared).toMatchObject({ shared_steps: 1, steps: { same: 3, parts_at: 2 } });
    expect(seqs(compared)).toEqual([
      ['only_b', null, 2],
      ['changed', 2, 3],
    ]);
    await db.pool.query('select howdah_private.erase_log(array[$1::uuid], true)', [original]);
    const erased = await compare(original, b);
    expect(erased.a).toMatchObject({ is_erased: true });
    expect(erased).toMatchObject({ shared_steps: 2, steps: { parts_at: 3 } });
  });

  test('are aligned by content: one extra attempt changes nothing after it', async () => {
    const agent_id = await makeAgent(db.pool);
    const a = await makeEndedRun({ agent_id }, [
      ...looksUp('A-1', 'sent'),
      ...looksUp('A-2', 'lost'),
      says('One of two.'),
      OUTPUT,
    ]);
    const b = await makeEndedRun({ agent_id }, [
      retry(),
      ...looksUp('A-1', 'sent'),
      ...looksUp('A-2', 'found'),
      says('One of two.'),
      OUTPUT,
    ]);
    const compared = await compare(a, b);
    expect(compared.steps).toMatchObject({ same: 5, changed: 1, only_a: 0, only_b: 1 });
    expect(compared.steps.parts_at).toBe(1);
    expect(seqs(compared)).toEqual([
      ['only_b', null, 1],
      ['changed', 4, 5],
    ]);
    expect(compared.steps.changes[1]?.differences).toEqual([
      { field: 'output', a: 'lost', b: 'found' },
    ]);
    expect(compared.b).toMatchObject({ retries: 1 });
  });

  test('pair identical calls, whatever their order', async () => {
    const agent_id = await makeAgent(db.pool);
    const a = await makeEndedRun({ agent_id }, [
      ...looksUp('A-1', 'x'),
      ...looksUp('A-2', 'y'),
      OUTPUT,
    ]);
    const b = await makeEndedRun({ agent_id }, [...looksUp('A-2', 'z'), OUTPUT]);
    const compared = await compare(a, b);
    expect(seqs(compared)).toEqual([
      ['only_a', 1, null],
      ['only_a', 2, null],
      ['changed', 4, 2],
    ]);
  });

  test('name a different model, arguments or error', async () => {
    const agent_id = await makeAgent(db.pool);
    const broken = { ...looksUp('A-2', '')[1], output: undefined };
    const a = await makeEndedRun({ agent_id }, [looksUp('A-1', 'x')[0] as Step, broken], {
      ...completed,
    });
    const error = { code: 'timeout', message: 'too late', retryable: false };
    const b = await makeEndedRun({ agent_id }, [
      { ...(looksUp('A-3', 'x')[0] as Step), name: 'careful' },
      { ...broken, error },
    ]);
    const [model, tool] = (await compare(a, b)).steps.changes;
    expect(model).toMatchObject({
      what: 'changed',
      differences: [
        { field: 'name', a: 'default', b: 'careful' },
        { field: 'calls', a: 'look_up {"order":"A-1"}', b: 'look_up {"order":"A-3"}' },
      ],
    });
    expect(tool).toMatchObject({
      differences: [
        { field: 'error_code', a: null, b: 'timeout' },
        { field: 'error', a: null, b: 'too late' },
      ],
    });
  });

  test('of a thousand steps each are found quickly, whether alike or not', async () => {
    const agent_id = await makeAgent(db.pool, { max_steps: 5_000 });
    const log = (of: (i: number) => string) =>
      Array.from({ length: 500 }, (_, i) => looksUp(`A-${i}`, of(i))).flat();
    const found = 'x'.repeat(3_000);
    const a = await makeEndedRun({ agent_id }, [...log(() => found), OUTPUT]);
    const alike = await makeEndedRun({ agent_id }, [retry(), ...log(() => found), OUTPUT]);
    const unlike = await makeEndedRun({ agent_id }, [...log((i) => `${found}${i}`), OUTPUT]);
    expect((await compare(a, alike)).steps).toMatchObject({ same: 1_001, only_b: 1 });
    const other = await compare(a, unlike);
    expect(other.steps).toMatchObject({ same: 501, changed: 500, left_off: 0 });
    expect(JSON.stringify(other).length).toBeLessThan(1_000_000);
  });

  test('beyond the maximum are counted as left off', async () => {
    const agent_id = await makeAgent(db.pool);
    const a = await makeEndedRun({ agent_id }, [OUTPUT]);
    const b = await makeEndedRun({ agent_id }, [...Array.from({ length: 1_003 }, retry), OUTPUT]);
    const { steps } = await compare(a, b);
    expect(steps).toMatchObject({ same: 1, only_b: 1_003, left_off: 3 });
    expect(steps.changes).toHaveLength(1_000);
    expect(steps.changes[999]).toMatchObject({ b: 1_000 });
  });
});

describe('end differences', () => {
  test('include the failure, its reason and the children of each run', async () => {
    const agent_id = await makeAgent(db.pool);
    const helper = await makeAgent(db.pool, { name: 'helper' });
    const a = await makeRun(db.pool, { agent_id });
    const [claimed] = await claim(db.pool, worker, [a]);
    const child = await spawn(db.pool, worker, { id: a, fence: claimed?.fence, after: 0 }, helper);
    await finish(db.pool, worker, child);
    await commit(db.pool, worker, [
      {
        id: a,
        fence: claimed?.fence,
        after: 1,
        steps: [],
        to: { status: 'waiting', waiting_for: 'child' },
      },
    ]);
    await commitSteps(a, [says('Yes.'), OUTPUT], completed);
    const b = await makeEndedRun(
      { agent_id },
      [says('Well.'), { kind: 'error', error: failed.error }],
      failed,
    );
    const compared = await compare(a, b);
    expect(compared.ended).toEqual([
      { field: 'status', a: 'completed', b: 'failed' },
      { field: 'stop_reason', a: 'final_answer', b: 'error' },
      { field: 'output', a: 'It is on its way.', b: null },
      { field: 'error', a: null, b: expect.stringContaining('the model server said no') },
    ]);
    expect(compared.a.children).toEqual([
      { agent: 'helper', workflow: null, status: 'completed', runs: 1, cost: 0 },
    ]);
    expect(compared.a).toMatchObject({ tokens_in: 10, total_tokens_in: 20 });
    expect(compared.b).toMatchObject({ children: [], status: 'failed' });
  });

  test('show long texts from shortly before they diverge', async () => {
    const agent_id = await makeAgent(db.pool);
    const long = 'ä'.repeat(50_000);
    const ending = async (end: string) =>
      makeEndedRun({ agent_id }, [says(`${long}${end}`), OUTPUT], {
        ...completed,
        output: `${long}${end}`,
      });
    const compared = await compare(await ending('one'), await ending(`two${long}`));
    const [output] = compared.ended;
    expect(output?.a).toMatch(/^…ä{5000,5001}one$/);
    expect(output?.b).toMatch(/^…ä{5000,5001}twoä+…$/);
    const [said] = compared.steps.changes[0]?.differences ?? [];
    expect(said?.a).toMatch(/^…ä{125,126}one$/);
    expect(said?.b?.length).toBe(502);
    const first = await ending('x');
    const { ended } = await compare(first, await makeEndedRun({ agent_id }, [says('No.'), OUTPUT]));
    expect(ended[0]?.a).toMatch(/^ä{20000}…$/);
  });
});

describe('aligned steps', () => {
  const linedUp = async (a: number[], b: number[], known: (number | null)[]) =>
    (
      await one(
        db.pool,
        'select howdah_private.align_steps($1::bigint[], $2::bigint[], $3) as lined',
        [a, b, known],
      )
    ).lined as (number | null)[];
  const unknown = (a: number[]) => a.map(() => null);
  /** Returns the length of the longest common subsequence, by comparing each pair. */
  function mostInCommon(a: number[], b: number[]): number {
    const most = [...a, 0].map(() => [...b, 0].map(() => 0));
    for (const [i, x] of a.entries()) {
      for (const [j, y] of b.entries()) {
        const row = most[i + 1] as number[];
        row[j + 1] =
          x === y ? (most[i]?.[j] ?? 0) + 1 : Math.max(most[i]?.[j + 1] ?? 0, row[j] ?? 0);
      }
    }
    return most.at(-1)?.at(-1) ?? 0;
  }
  /** Returns numbers in a pseudo-random order that depends on the salt alone. */
  const shuffled = (count: number, salt: number) =>
    Array.from({ length: count }, (_, i) => i).toSorted(
      (x, y) => ((x * 7919 + salt * 104_729) % 211) - ((y * 7919 + salt * 104_729) % 211),
    );

  test.each([1, 2, 3, 4, 5])('form the longest match without crossings, order %i', async (salt) => {
    const [a, b] = [shuffled(60, salt), shuffled(70, salt * 13).filter((one) => one % 9 > 0)];
    const lined = await linedUp(a, b, unknown(a));
    const found = lined.filter((place) => place !== null);
    expect(found).toEqual(found.toSorted((x, y) => x - y));
    expect(found).toHaveLength(mostInCommon(a, b));
    for (const [i, place] of lined.entries()) if (place) expect(b[place - 1]).toBe(a[i]);
  });

  test('respect given matches, and align the others between them', async () => {
    expect(await linedUp([1, 1, 9, 1, 2], [1, 8, 1, 2, 2], [null, null, 2, null, null])).toEqual([
      1,
      null,
      2,
      3,
      4,
    ]);
    expect(await linedUp([], [1], [])).toEqual([]);
    expect(await linedUp([1], [], [null])).toEqual([null]);
  });
});

describe('the position where texts diverge', () => {
  const x = (count: number) => 'x'.repeat(count);
  test.each([
    ['an empty and a long text', '', x(700)],
    ['null and a long text', null, x(700)],
    ['equal texts', x(700), x(700)],
    ['at the end of the shorter text', x(699), x(700)],
    ['at the last character', `${x(700)}a`, `${x(700)}b`],
    ['between the bytes of a two-byte character', `${x(700)}ä`, `${x(700)}ö`],
    ['within a four-byte character', `${x(700)}😀`, `${x(700)}😁${x(900)}`],
    ['in the middle', `${x(9_000)}a${x(800)}`, `${x(9_000)}b`],
    ['at the beginning', `a${x(9_000)}`, `b${x(9_000)}`],
  ])('is within the excerpt: %s', async (_, a, b) => {
    const { texts } = await one(
      db.pool,
      'select howdah_private.distinguish_steps($1, $2, true) as texts',
      [a, b],
    );
    for (const text of [texts.a, texts.b])
      expect([...(text ?? '')].length).toBeLessThanOrEqual(502);
    expect(texts.a === null).toBe(a === null);
    expect(texts.a === texts.b).toBe(a === b);
    for (const [text, shown] of [
      [a, texts.a],
      [b, texts.b],
    ])
      expect(text ?? '').toContain((shown ?? '').replaceAll('…', ''));
  });
});

describe('permissions to compare', () => {
  test('application and analyst of the tenant get the same result as an owner', async () => {
    const tenant_id = await makeTenant(db.pool);
    const agent_id = await makeAgent(db.pool, { tenant_id });
    const columns = { tenant_id, agent_id };
    const a = await makeEndedRun(columns, [says('Yes.'), OUTPUT]);
    const b = await makeEndedRun(columns, [says('No.'), OUTPUT]);
    const owners = await compare(a, b);
    for (const role of ['howdah_app', 'howdah_analyst']) {
      expect(
        await asRole(db.pool, role, { 'howdah.tenant_id': tenant_id }, (client) =>
          compare(a, b, client),
        ),
      ).toEqual(owners);
    }
  });

  test('a run of another tenant on either side is not found, like an unknown one', async () => {
    const tenant_id = await makeTenant(db.pool);
    const other = await makeTenant(db.pool);
    const theirs = await makeRun(db.pool, {
      tenant_id,
      agent_id: await makeAgent(db.pool, { tenant_id }),
    });
    const own = await makeRun(db.pool, {
      tenant_id: other,
      agent_id: await makeAgent(db.pool, { tenant_id: other }),
    });
    for (const unknown of [theirs, UNKNOWN]) {
      for (const [a, b] of [
        [own, unknown],
        [unknown, own],
        [unknown, unknown],
      ] as const) {
        const refused = await asRole(
          db.pool,
          'howdah_app',
          { 'howdah.tenant_id': other },
          (client) => refusal(compare(a, b, client)),
        );
        expect(refused).toMatchObject({
          code: 'HWNTF',
          fields: { execution_id: unknown },
          detail: JSON.stringify({ execution_id: unknown }).replace(':', ': '),
        });
      }
    }
  });
});
