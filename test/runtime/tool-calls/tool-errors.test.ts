import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import type { Json, JsonObject } from '../../../src/json/json.ts';
import { RESULT_LIMIT_BYTES } from '../../../src/tools/result-limit.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { callTools, makeAgent, resultsOf, runToEnd, stepsOf } from '../arrange.ts';

const database = testDatabase();
let worker: Worker;
const thrown: unknown[] = [];

const order = {
  type: 'object',
  required: ['id'],
  additionalProperties: false,
  properties: { id: { type: 'string', pattern: '^A-' }, amount: { type: 'integer' } },
};

function tool(name: string, run: CustomTool['run'], parameters: JsonObject = order): CustomTool {
  return { name, description: name, parameters, run };
}

const circular: { self?: unknown } = {};
circular.self = circular;

const tools: CustomTool[] = [
  tool('find', () => 'found'),
  tool('throws', () => {
    throw new Error('the shelf is empty');
  }),
  tool('throws_text', () => {
    throw 'just a string'; // tools of users do this
  }),
  tool('throws_later', async () => {
    throw Object.assign(new Error('fetch gave up by itself'), { name: 'TimeoutError' });
  }),
  tool('hangs', (_args, { signal }) => {
    signal.addEventListener('abort', () => thrown.push(signal.reason));
    return new Promise<Json>(() => {});
  }),
  tool('huge', () => '🐘'.repeat(RESULT_LIMIT_BYTES)),
  tool('nothing', () => undefined as unknown as Json),
  tool('date', () => new Date(0) as unknown as Json),
  tool('circular', () => circular as unknown as Json),
  tool('function', () => (() => 7) as unknown as Json),
  tool('bad_schema', () => 'must not run', {
    type: 'object',
    // an invalid regular expression, which only the validation detects
    properties: { a: { pattern: '(' } },
  }),
];

beforeAll(async () => {
  worker = await startTestWorker(database.url, { tools });
  await database.pool.query(`update howdah.tools set timeout_ms = 100 where name = 'hangs'`);
});
afterAll(async () => {
  await worker.stop(1_000);
});

/** Returns the result that the model received for one call. The run must continue and answer. */
async function resultOf(
  name: string,
  args: Json = { id: 'A-1' },
  allowedTool = name,
): Promise<string> {
  const { pool } = database;
  const agent = await makeAgent(pool, {
    script: [
      callTools({ name, arguments: args }),
      { content: 'I see.', expect: { last_role: 'tool' } },
    ],
    tools: [allowedTool],
  });
  const run = await runToEnd(pool, agent);
  expect(run).toMatchObject({ status: 'completed', output: 'I see.' });
  const step = (await stepsOf(pool, run.id)).find(({ kind }) => kind === 'tool');
  const [text = ''] = await resultsOf(pool, run.id);
  const error = text.startsWith('{"error"') ? JSON.parse(text).error : undefined;
  expect(step?.error?.code).toBe(error?.code); // the log contains the code that the model received
  return text;
}

async function errorOf(name: string, args?: Json, allowedTool?: string): Promise<JsonObject> {
  const { error } = JSON.parse(await resultOf(name, args, allowedTool));
  expect(Object.keys(error).toSorted()).toEqual(
    expect.arrayContaining(['code', 'message', 'retryable']),
  );
  return error;
}

describe('tool errors, returned to the model in one form while the run continues', () => {
  test('reports an unknown tool and lists the existing ones', async () => {
    expect(await errorOf('fnid', {}, 'find')).toEqual({
      code: 'unknown_tool',
      message: 'there is no tool named fnid: did you mean find? the tools are: find',
      retryable: false,
    });
  });

  test.each(['{"id": "A-1"', 'A-1', '[]', '"A-1"'])('rejects %s as arguments', async (args) => {
    expect(await errorOf('find', args)).toMatchObject({ code: 'invalid_arguments' });
  });

  test('reports each wrong argument by name', async () => {
    const { code, message } = await errorOf('find', { id: 'B-1', amount: 'two', x: 1 });
    expect(code).toBe('invalid_arguments');
    expect(message).toMatch(/id must match pattern.*amount must be integer/);
    expect(message).toContain('(x)');
  });

  test('reports a missing argument', async () => {
    expect((await errorOf('find', {})).message).toMatch(/must have required property 'id'/);
  });

  test('reports the exception of a tool', async () => {
    expect(await errorOf('throws')).toMatchObject({
      code: 'tool_failed',
      message: 'the shelf is empty',
    });
    expect((await errorOf('throws_text')).message).toBe('just a string');
  });

  test('reports an exception of a tool that resembles a timeout', async () => {
    expect(await errorOf('throws_later')).toMatchObject({
      code: 'tool_failed',
      message: 'fetch gave up by itself',
    });
  });

  test('reports a timeout of a tool, whose signal is aborted', async () => {
    expect(await errorOf('hangs')).toMatchObject({ code: 'timeout', retryable: true });
    expect(thrown).toHaveLength(2); // one more attempt after a timeout
  });

  test('reports a result that is not JSON', async () => {
    expect(await errorOf('circular')).toMatchObject({ code: 'tool_failed' });
  });

  test("reports that the tool's parameters are not a JSON Schema", async () => {
    const { code, message } = await errorOf('bad_schema', { a: 1 });
    expect(code).toBe('tool_failed');
    expect(message).toMatch(/parameters/);
  });
});

describe('a result', () => {
  test('that is too large is truncated with a notice, also in the log', async () => {
    const text = await resultOf('huge');
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(RESULT_LIMIT_BYTES);
    expect(text).toMatch(/\[cut off: this result has 262144 bytes/);
    expect(text).not.toContain('\ufffd');
  });

  test.each(['nothing', 'function'])('of a tool that returns %s is null', async (name) => {
    expect(await resultOf(name)).toBe('null');
  });

  test('is the JSON form of the value', async () => {
    // a string is returned unquoted
    expect(await resultOf('date')).toBe('1970-01-01T00:00:00.000Z');
  });
});
