import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import type { Json } from '../../../src/json/json.ts';
import { HOSTILE_STRINGS, UNSTORABLE_STRINGS } from '../../fixtures/hostile-strings.ts';
import {
  all,
  claim,
  commit,
  makeAgent,
  makeRun,
  makeSession,
  makeWorker,
} from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { ask, startTestApi } from '../harness.ts';

// Writes hostile strings, injections and paths to every text column. Each is stored and returned
// unchanged. HOWDAH_TEST_ASSETS adds published lists to the strings of this repository.

const ASSETS = process.env.HOWDAH_TEST_ASSETS ?? '';
const hasAssets = ASSETS !== '' && existsSync(join(ASSETS, 'hostile-strings'));
const read = (path: string) => readFileSync(join(ASSETS, path), 'utf8');
const lines = (path: string) => read(path).split('\n');

function publishedStrings(): string[] {
  const injections = lines('hostile-sql/payloads.jsonl').filter((line) => line !== '');
  return [
    ...new Set<string>([
      ...JSON.parse(read('hostile-strings/blns.json')),
      ...injections.map((line) => JSON.parse(line).payload),
      ...lines('hostile-paths/traversal.txt'),
      ...lines('hostile-paths/command_injection.txt'),
    ]),
  ];
}

/** Strings per request; the API accepts at most 30. */
const BATCH = 25;

type Row = Record<string, Json>;
/** A mutation, the row it inserts for a string, and the fields that must be returned unchanged. */
type Kind = { type: string; fields: string; row(text: string, index: number): Row };

describe('hostile strings', () => {
  const core = Object.values(HOSTILE_STRINGS);
  const published = hasAssets ? publishedStrings() : [];
  const texts = [...new Set([...core, ...published])];
  /** The strings of this repository one by one, and the published strings in groups of twenty. */
  const joined = [
    ...core,
    ...Array.from({ length: Math.ceil(published.length / 20) }, (_, index) =>
      published.slice(index * 20, index * 20 + 20).join('\n'),
    ),
  ];
  /** The strings of this repository, and each nth published string. */
  const everyNth = (n: number) => [...core, ...published.filter((_, index) => index % n === 0)];
  const db = testDatabase();
  let api: ApiServer;
  let agentId: string;
  let sessionId: string;

  beforeAll(async () => {
    api = await startTestApi(db.url);
    agentId = await makeAgent(db.pool, { name: 'target' });
    sessionId = await makeSession(db.pool);
  });
  afterAll(async () => {
    await api?.close();
  });

  /** Returns a unique name: a number, and the text truncated to the allowed length. */
  const name = (text: string, index: number) => [...`${index} ${text}`].slice(0, 200).join('');
  /** Returns a name of one readable line, without invisible characters. */
  const line = (text: string, index: number) =>
    name(text.replace(/[\p{Cc}\p{Cf}\p{DI}\u2028\u2029\u2800]/gu, ' '), index);
  const document = (text: string) => ({ text, [text]: [text, { [text]: null }] });
  const isLine = (text: string) => /^\P{Cc}{1,240}$/u.test(text) && /\S/.test(text);

  const kinds: [string, () => string[], Kind][] = [
    [
      'sessions',
      () => everyNth(2),
      {
        type: 'Session',
        fields: 'title state',
        row: (text) => ({ title: text.slice(0, 400).toWellFormed(), state: document(text) }),
      },
    ],
    [
      'executions',
      () => joined,
      {
        type: 'Execution',
        fields: 'input inputData metadata idempotencyKey',
        row: (text, index) => ({
          agentId,
          input: text,
          inputData: document(text),
          metadata: document(text),
          idempotencyKey: name(text, index),
        }),
      },
    ],
    [
      'agents',
      () => joined,
      {
        type: 'Agent',
        fields: 'name description instruction systemPrompt domain capabilities',
        row: (text, index) => ({
          name: line(text, index),
          description: text,
          instruction: text,
          systemPrompt: text,
          domain: name(text, index),
          capabilities: text.split('\n'),
        }),
      },
    ],
    [
      'models',
      () => joined,
      {
        type: 'Model',
        fields: 'name provider model domain capabilities',
        row: (text, index) => ({
          name: line(text, index),
          provider: 'local', // must be a known provider
          model: name(text, index),
          domain: name(text, index),
          capabilities: document(text),
        }),
      },
    ],
    [
      'tools',
      () => joined,
      {
        type: 'Tool',
        fields: 'description parameters',
        row: (text, index) => ({
          name: `tool-${index}`,
          kind: 'custom',
          description: text,
          parameters: { type: 'object', properties: { a: { enum: [text], description: text } } },
        }),
      },
    ],
    [
      'todos',
      () => joined,
      {
        type: 'Todo',
        fields: 'title note',
        row: (text, index) => ({ sessionId, title: name(text, index), note: text.slice(0, 4_000) }),
      },
    ],
    [
      'mails',
      () => joined,
      {
        type: 'Mail',
        fields: 'content',
        row: (text) => ({ toAgentId: agentId, content: `It says: ${text}` }),
      },
    ],
    [
      'resources',
      () => [...new Set(everyNth(8).filter(isLine))],
      {
        type: 'Resource',
        fields: 'name metadata',
        row: (text) => ({
          name: text,
          type: 'text/plain',
          bytes: 'eA==',
          metadata: document(text),
        }),
      },
    ],
    [
      'schedules',
      () => joined,
      {
        type: 'Schedule',
        fields: 'name input inputData metadata',
        row: (text, index) => ({
          agentId,
          cron: '@monthly',
          isActive: false,
          name: line(text, index),
          input: text,
          inputData: document(text),
          metadata: document(text),
        }),
      },
    ],
  ];

  test.each(kinds)('are stored unchanged in %s by GraphQL', async (_table, values, kind) => {
    const rows = values().map(kind.row);
    expect(rows.length).toBeGreaterThan(hasAssets ? 90 : 30);
    const batches = Array.from({ length: Math.ceil(rows.length / BATCH) }, (_, index) =>
      rows.slice(index * BATCH, index * BATCH + BATCH),
    );
    const write = async (batch: Row[]) => {
      const { status, data, errors } = await ask(api, mutationOf(kind, batch.length), {
        ...Object.fromEntries(batch.map((row, index) => [`v${index}`, row])),
      });
      expect({ status, errors }).toEqual({ status: 200, errors: [] });
      const field = kind.type[0]?.toLowerCase() + kind.type.slice(1);
      const stored = batch.map((_, index) => data[`a${index}`][field]);
      expect(stored).toEqual(batch.map((row) => pick(row, kind.fields)));
    };
    // two at a time, one per core
    const queue = batches[Symbol.iterator]();
    await Promise.all(
      [1, 2].map(async () => {
        for (const batch of queue) await write(batch);
      }),
    );
  });

  test('are stored unchanged by SQL and sent unchanged to a model', async () => {
    const writes: [string, string[]][] = [
      [
        `sessions (title, state) select left(t, 400), jsonb_build_object('text', t, t, t)`,
        [`state ->> 'text'`],
      ],
      [
        `executions (agent_id, input, metadata) select '${agentId}', t, jsonb_build_object('text', t)`,
        ['input', `metadata ->> 'text'`],
      ],
      [
        `agents (name, instruction, output_schema) select 'sql ' || n, t, jsonb_build_object('title', t)`,
        ['instruction', `output_schema ->> 'title'`],
      ],
      [
        `models (name, provider, model, capabilities) select 'sql ' || n, 'local', left('-' || t, 500), jsonb_build_object('text', t)`,
        [`capabilities ->> 'text'`],
      ],
    ];
    for (const [write, columns] of writes) {
      const rows = await all(
        db.pool,
        `insert into howdah.${write} from unnest($1::text[]) with ordinality as g (t, n) order by n
         returning array[${columns}] as stored`,
        [texts],
      );
      expect(rows.map(({ stored }) => stored)).toEqual(
        texts.map((text) => columns.map(() => text)),
      );
    }
    const worker = await makeWorker(db.pool);
    const id = await makeRun(db.pool, { agent_id: agentId, input: joined.join('\n') });
    const [run] = await claim(db.pool, worker, [id]);
    const messages = texts.map((content) => ({
      role: 'assistant',
      content,
      parts: [{ type: 'text', text: content }],
    }));
    const steps = [{ kind: 'model', name: 'default', output: document(joined.join()), messages }];
    await commit(db.pool, worker, [{ id, fence: run?.fence, after: 0, steps }]);
    const log = await all(
      db.pool,
      'select content, parts from howdah.messages where execution_id = $1 order by seq',
      [id],
    );
    expect(log.map(({ content }) => content)).toEqual([joined.join('\n'), ...texts]);
    expect(log.slice(1).map(({ parts }) => parts[0].text)).toEqual(texts);
  });

  test.each(kinds)('that cannot be stored are refused in %s', async (_table, _values, kind) => {
    const refused: string[] = [];
    for (const [index, text] of Object.values(UNSTORABLE_STRINGS).entries()) {
      const [good, bad] = [kind.row('good', index), kind.row(text, index)];
      for (const field of Object.keys(bad)) {
        if (!/\\u0000|\\ud[89a-f]/.test(JSON.stringify(bad[field]))) continue;
        const variables = { v0: { ...good, [field]: bad[field] } as Row };
        const { status, data, errors } = await ask(api, mutationOf(kind, 1), variables);
        expect({ status, data, code: errors[0]?.extensions.code }).toEqual({
          ...{ status: 400, data: undefined, code: 'HWINV' },
        });
        expect(errors[0]?.message).toContain(`variables.v0.${field}`);
        refused.push(field);
      }
    }
    expect(refused.length).toBeGreaterThanOrEqual(Object.keys(UNSTORABLE_STRINGS).length);
  });

  test('match only themselves in filters and cause no error', async () => {
    const query =
      'query ($t: String!, $d: JSON!) { agents(filter: { name: { equalTo: $t } }) { totalCount } executions(filter: { metadata: { contains: $d } }) { totalCount } }';
    for (const text of [...new Set(everyNth(40))]) {
      const { status, data } = await ask(api, query, { t: text, d: { text } });
      expect({ status, data }).toEqual({
        status: 200,
        // SQL stored all of them; GraphQL stored the strings of this repository
        data: {
          agents: { totalCount: 0 },
          executions: { totalCount: core.includes(text) ? 2 : 1 },
        },
      });
    }
    const { errors } = await ask(
      api,
      'mutation ($t: String!) { run(input: { agent: $t, input: $t }) { result { id } } }',
      { t: texts[7] },
    );
    expect(errors[0]?.extensions.code).toBe('HWNTF');
  });
});

function mutationOf({ type, fields }: Kind, count: number): string {
  const field = type[0]?.toLowerCase() + type.slice(1);
  const places = Array.from({ length: count }, (_, index) => index);
  const variables = places.map((index) => `$v${index}: ${type}Input!`).join(', ');
  const calls = places.map(
    (index) =>
      `a${index}: create${type}(input: { ${field}: $v${index} }) { ${field} { ${fields} } }`,
  );
  return `mutation (${variables}) { ${calls.join(' ')} }`;
}

function pick(row: Row, fields: string): Row {
  return Object.fromEntries(fields.split(' ').map((field) => [field, row[field] ?? null]));
}
