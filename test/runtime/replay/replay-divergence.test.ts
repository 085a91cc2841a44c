import { beforeAll, describe, expect, test } from 'vitest';
import type { ExportedRun } from '../../../src/contracts/runs/exported-run.ts';
import { replayRun } from '../../../src/index.ts';
import { unifiedDiff } from '../../../src/text/unified-diff.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { callTools, makeAgent, runToEnd } from '../arrange.ts';
import { loadExport, tool } from './replay-runs.ts';

// One run with two parallel calls and a later one, changed in every way.

const database = testDatabase();
let original: ExportedRun;
const run = (): ExportedRun => structuredClone(original);

beforeAll(async () => {
  const { pool } = database;
  const tools = [tool('lookup', ({ id }) => ({ id: id ?? null, stock: 3 }))];
  const worker = await startTestWorker(database.url, { tools });
  const script = [
    callTools({ name: 'lookup', arguments: { id: 1 } }, { name: 'lookup', arguments: { id: 2 } }),
    callTools({ name: 'lookup', arguments: { id: 3 } }),
    { content: 'nine' },
  ];
  const instruction = 'Add what is in stock.\nBe brief.\nSay only the number.';
  const agent = await makeAgent(pool, { script, tools: ['lookup'], instruction });
  original = await loadExport(pool, (await runToEnd(pool, agent)).id);
  await worker.stop(0);
});

/** Returns the text of the only divergence. */
async function onlyDivergence(changed: ExportedRun) {
  const { equal, divergences } = await replayRun(changed);
  expect(equal).toBe(false);
  expect(divergences).toHaveLength(1);
  return divergences[0];
}

function stepAt(changed: ExportedRun, seq: number) {
  const found = changed.steps.find((step) => step.seq === seq);
  if (!found) throw new Error(`there is no step ${seq}`);
  return found;
}

describe('a divergence', () => {
  test('is absent without a change', async () => {
    expect(original.steps.map(({ kind }) => kind).join(' ')).toBe(
      'model tool tool model tool model output',
    );
    expect(await replayRun(run())).toEqual({ equal: true, steps: 7, divergences: [] });
  });

  test('is a tool result that differs from the message to the model', async () => {
    const changed = run();
    stepAt(changed, 5).output = { id: 3, stock: 4 };
    expect(await onlyDivergence(changed)).toMatchObject({
      execution_id: original.execution.id,
      seq: 5,
      kind: 'tool',
      recorded: expect.stringMatching(/^a call of lookup {"id":3}; its message is .*\\"stock\\":3/),
      now: expect.stringMatching(/^its message is .*\\"stock\\":4/),
    });
  });

  test('is a call with other arguments', async () => {
    const changed = run();
    stepAt(changed, 5).input = { id: 4 };
    expect(await onlyDivergence(changed)).toMatchObject({
      seq: 5,
      recorded: 'a call of lookup {"id":4}; its input is {"id":4}',
      now: 'its input is {"id":3}',
    });
  });

  test('is a call without a step in the record', async () => {
    const changed = run();
    changed.steps = changed.steps.filter(({ seq }) => seq !== 5);
    expect(await onlyDivergence(changed)).toMatchObject({
      seq: 6,
      kind: 'model',
      recorded: expect.stringContaining(': nine'),
      now: 'a call of lookup {"id":3}',
    });
  });

  test('is any missing step and any missing message', async () => {
    expect(original.steps.length).toBeGreaterThan(2);
    expect(original.messages.length).toBeGreaterThan(2);
    for (const { seq } of original.steps) {
      const changed = run();
      changed.steps = changed.steps.filter((step) => step.seq !== seq);
      const { equal, divergences } = await replayRun(changed);
      expect({ seq, equal }).toEqual({ seq, equal: false });
      expect(divergences[0]?.seq).toBeGreaterThanOrEqual(seq);
    }
    for (const { seq } of original.messages.slice(1)) {
      const changed = run();
      changed.messages = changed.messages.filter((message) => message.seq !== seq);
      expect({ seq, equal: (await replayRun(changed)).equal }).toEqual({ seq, equal: false });
    }
  });

  test('is one missing call of parallel calls', async () => {
    const changed = run();
    const missing = stepAt(changed, 2);
    changed.steps = changed.steps.filter((step) => step !== missing);
    expect(await onlyDivergence(changed)).toMatchObject({
      seq: 4,
      kind: 'model',
      now: expect.stringMatching(/^a call of lookup {"id":[12]}$/),
    });
  });

  test('is a model call where the record has something else', async () => {
    const changed = run();
    changed.steps = changed.steps.filter(({ seq }) => seq !== 4);
    const [divergence] = (await replayRun(changed)).divergences;
    expect(divergence).toMatchObject({
      seq: 5,
      kind: 'tool',
      recorded: 'a call of lookup {"id":3}',
      now: expect.stringMatching(/^the model \S+ was asked, after tool: {"id":[12],"stock":3}$/),
    });
  });

  test('is an end of another kind, or with another output', async () => {
    const changed = run();
    changed.execution.output = 'ten';
    expect(await onlyDivergence(changed)).toMatchObject({
      kind: 'end',
      recorded: 'the run completed: ten',
      now: 'the run completed: nine',
    });
    const failed = run();
    Object.assign(stepAt(failed, 7), { kind: 'error', error: { code: 'internal', message: 'oh' } });
    expect(await onlyDivergence(failed)).toMatchObject({
      seq: 7,
      kind: 'error',
      recorded: 'the end of the run with an error: oh',
      now: 'the end of the run with its output',
    });
  });

  test('is a changed prompt, at each model call', async () => {
    const { definition } = run();
    definition.agent.instruction = 'Add what is in stock.\nBe polite.\nSay only the number.';
    const { divergences } = await replayRun(run(), { definition });
    expect(divergences.map(({ seq }) => seq)).toEqual([1, 4, 6]);
    expect(divergences[0]).toMatchObject({
      kind: 'model',
      now: expect.stringMatching(/^the model \S+ is sent something else$/),
    });
    expect(divergences[0]?.diff?.split('\n').slice(1)).toEqual([
      ' [system]',
      ' Add what is in stock.',
      '-Be brief.',
      '+Be polite.',
      ' Say only the number.',
      ' [user]',
    ]);
  });

  test('is a changed tool list: in the model request, and in a call of a missing tool', async () => {
    const { definition } = run();
    definition.tools = [];
    const { divergences } = await replayRun(run(), { definition });
    expect(divergences.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(divergences[0]?.diff).toMatch(/^-tool lookup .* It is lookup\.$/m);
    expect(divergences[1]?.now).toContain('its ');
  });

  test('is an approval that a tool now requires', async () => {
    const { definition } = run();
    definition.tools = definition.tools.map((one) => ({ ...one, requires_approval: true }));
    const { divergences } = await replayRun(run(), { definition });
    expect(divergences.map(({ seq, now }) => [seq, now])).toEqual([
      [2, expect.stringContaining('a question (approval): Approve lookup(')],
      [3, expect.stringContaining('a question (approval): Approve lookup(')],
      [5, 'a question (approval): Approve lookup({"id":3})?'],
    ]);
  });

  test('is found in a child, and names the child', async () => {
    const parent = run();
    const child = run();
    child.execution.id = '01a1f805-7e9f-729f-9dc6-14d018338ca2';
    child.execution.output = 'ten';
    for (const step of child.steps) {
      step.idempotency_key &&= step.idempotency_key.replace(
        parent.execution.id,
        child.execution.id,
      );
    }
    parent.children = [child];
    const { divergences, steps } = await replayRun(parent);
    expect(steps).toBe(14);
    expect(divergences).toMatchObject([{ execution_id: child.execution.id, kind: 'end' }]);
  });
});

test('rejects a file that is not an exported run, with the reason', async () => {
  await expect(replayRun({ id: 1 })).rejects.toMatchObject({ code: 'HWINV' });
  const { messages: _, ...others } = run();
  await expect(replayRun(others)).rejects.toThrow(
    'the file is not an exported run: messages is missing',
  );
  await expect(replayRun({ ...run(), contents: 'redacted' })).rejects.toMatchObject({
    code: 'HWINV',
    message: expect.stringContaining('redacted'),
    hint: expect.stringContaining('without --redact'),
  });
});

describe('a unified diff', () => {
  test('of equal texts is empty', () => expect(unifiedDiff('a\nb', 'a\nb')).toBe(''));

  test('shows added, removed and unchanged lines, each hunk under its own header', () => {
    const before = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
    const after = ['a', 'B', 'c', 'd', 'e', 'f', 'g', 'i', 'j'];
    expect(unifiedDiff(before.join('\n'), after.join('\n')).split('\n')).toEqual([
      '@@ -1 +1 @@',
      ' a',
      '-b',
      '+B',
      ' c',
      ' d',
      '@@ -6 +6 @@',
      ' f',
      ' g',
      '-h',
      ' i',
      '+j',
    ]);
    const many = (word: string) => Array.from({ length: 2_100 }, (_, i) => `${word} ${i}`);
    expect(unifiedDiff(many('a').join('\n'), many('b').join('\n')).split('\n')).toEqual([
      '@@ -1 +1 @@',
      ...many('a').map((line) => `-${line}`),
      ...many('b').map((line) => `+${line}`),
    ]);
    expect(unifiedDiff('', 'a')).toBe('@@ -1 +1 @@\n-\n+a');
  });
});
