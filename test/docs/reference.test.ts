import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSchema, parse, validate } from 'graphql';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VENDORS } from '../../src/providers/vendors.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { runCli, startCli } from '../cli/run-cli.ts';
import { testDatabase } from '../support/database.ts';
import { reportUsable } from '../support/usable-providers.ts';
import { startTestWorker } from '../support/worker.ts';
import {
  argumentsOf,
  commandsOf,
  ROOT,
  type Snippet,
  snippetsOf,
  statementsOf,
} from './snippets.ts';

// Runs every snippet of the README and of docs/ unchanged: SQL on a database in which the demo has
// run, GraphQL against the schema, and commands of howdah in this process.

const PAGES = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`),
].filter(
  (name) => name.endsWith('.md') && name !== 'docs/first-hour.md', // tested by first-hour.test.ts
);

const snippets = PAGES.flatMap(snippetsOf);

const of = (language: string): Snippet[] => snippets.filter((one) => one.language === language);
const lines = (language: string): [string, string][] =>
  of(language).flatMap(({ page, text }) =>
    text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line): [string, string] => [page, line]),
  );

const database = testDatabase();
let worker: Worker;
let execution: string;

beforeAll(async () => {
  worker = await startTestWorker(database.url);
  await runCli(database.url, 'demo');
  await reportUsable(database.pool, ...VENDORS.map(({ name }) => name)); // all are installed
  const secrets = {
    github: 'a-token-of-github',
    gitlab: 'a-token-of-gitlab',
    anthropic: 'a-key-of-anthropic',
    google: 'a-key-of-google',
    groq: 'a-key-of-groq',
    github_hook: 'a-secret-of-github',
    warehouse: 'postgresql://agents:a-password@warehouse.example.com/sales',
  };
  for (const [name, value] of Object.entries(secrets)) {
    const set = startCli(database.url, 'secret', 'set', name); // the pages use these secrets
    set.type(value);
    await set.end();
  }
  const { rows } = await database.pool.query('select id from howdah.executions limit 1');
  execution = rows[0].id;
});

afterAll(async () => {
  await worker.stop(0);
});

test('snippets exist, and each is in a language that this test knows', () => {
  expect(new Set(snippets.map(({ language }) => language))).toEqual(
    // Other tests run the rest. python: docs/webhooks.test.ts; js: tools/run-code.test.ts; ts:
    // tools/custom/tool-folder.test.ts, api/rest/docs.test.ts, embedding/docs.test.ts; http:
    // api/rest/docs.test.ts; psql: sql/runs/insert_by_systems.test.ts.
    new Set(['sh', 'sql', 'psql', 'graphql', 'yaml', 'ts', 'http', 'js', 'python']),
  );
});

describe('SQL', () => {
  test.each(of('sql').map(({ page, text }) => [page, text]))('of %s runs', async (_page, text) => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const statements = statementsOf(text.replaceAll('…', execution));
    expect(statements).not.toEqual([]);
    try {
      for (const statement of statements) {
        await client.query(statement); // one by one, because ask() commits
      }
    } finally {
      await client.end();
    }
  });
});

test.each(of('yaml').map(({ page, text }) => [page, text]))(
  'the file in %s applies',
  async (_page, text) => {
    const folder = mkdtempSync(join(tmpdir(), 'howdah-docs-'));
    const file = join(folder, 'system.yaml');
    writeFileSync(file, text);
    expect(await runCli(database.url, 'apply', file, '--dry-run')).toMatchObject({ status: 0 });
    rmSync(folder, { recursive: true });
  },
);

describe('GraphQL', () => {
  const schema = buildSchema(readFileSync(join(ROOT, 'src/api/schema.graphql'), 'utf8'));
  test.each(lines('graphql'))('of %s is valid: %s', (_page, line) => {
    expect(validate(schema, parse(line)).map(({ message }) => message)).toEqual([]);
  });
});

describe('commands', () => {
  const commands = of('sh').flatMap(({ page, text }) =>
    commandsOf(text).map((words): [string, string] => [page, words]),
  );
  test.each(commands)('of %s work: howdah %s', async (_page, words) => {
    const argv = argumentsOf(words);
    const isCancel = argv.includes('cancel');
    const { status, stdout, stderr } = await runCli(
      database.url,
      ...argv.map((word) => word.replace(/^ID(?=\/|$)/, execution)),
    );
    // cancel fails, because the runs of the demo have ended
    expect(status, stdout + stderr).toBe(isCancel ? 1 : 0);
  });
});

test('docs/models.md names each vendor with its package and its keys', () => {
  const page = readFileSync(join(ROOT, 'docs/models.md'), 'utf8');
  for (const { name, sdk, keyVariables } of VENDORS) {
    const row = page.split('\n').find((line) => line.startsWith(`| \`${name}\` |`)) ?? '';
    for (const word of [...(sdk ? [sdk.package] : []), ...keyVariables]) {
      expect(row, name).toContain(`\`${word}\``);
    }
    expect(row, name).not.toBe('');
    expect(page, name).toMatch(new RegExp(`^[^|]*'${name}', '`, 'm')); // the page has an example
  }
});
