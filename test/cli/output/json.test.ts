import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { CommandEntry } from '../../../src/cli/command-entry.ts';
import { allCommands } from '../../../src/cli/registry.ts';
import {
  adminResourceCommands,
  devResourceCommands,
} from '../../../src/cli/resource-commands.generated.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { createTestDatabase, eventually, type TestDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { wordsOf } from '../example-words.ts';
import { runCli, startCli } from '../run-cli.ts';
import { SCRIPTED_AGENTS } from '../scripted-agents.ts';

// Scripts depend on the output of --json: fields may be added, but none is removed or changes its
// type. json-shapes.json contains the shapes. HOWDAH_WRITE_SHAPES=1 writes the file again; review
// its changes before a commit.

const FILE = fileURLToPath(new URL('json-shapes.json', import.meta.url));

/** Commands that the file omits, with the reason. */
const NONE: Record<string, string> = {
  start: 'serves until it is stopped',
  worker: 'serves until it is stopped',
  api: 'serves until it is stopped',
  demo: 'is for people',
  backup: 'needs programs of PostgreSQL: backup.test.ts reads it where they are',
  restore: 'needs programs of PostgreSQL: backup.test.ts reads it where they are',
  psql: 'is psql, which prints what it is told to: psql.test.ts',
  open: 'asks no database: open.test.ts reads it',
  login: 'asks no database: login.test.ts reads it',
  logout: 'asks no database: login.test.ts reads it',
  profiles: 'asks no database: login.test.ts reads it',
  bench: 'measures for a minute: package.test.ts reads it',
  chaos: 'breaks a server for a minute: package.test.ts reads it',
  doctor: 'does: commands.test.ts reads it, which takes its time',
};

const recordShapes = (all: Record<string, Shape>) =>
  writeFileSync(FILE, `${JSON.stringify(all, null, 2)}\n`);

type Shape = string | { [key: string]: Shape } | Shape[];

/**
 * Maximum depth. Deeper values are documents of their own, such as definitions or parameters of
 * tools.
 */
const DEPTH = 3;

/**
 * Returns the value with types in place of values. The items of a list are merged into one type.
 */
function shapeOf(value: unknown, depth = 0): Shape {
  if (value === null) return 'null';
  if (typeof value !== 'object') return typeof value;
  if (depth >= DEPTH) return Array.isArray(value) ? 'list' : 'object';
  if (Array.isArray(value)) {
    return value.length === 0
      ? []
      : [value.map((one) => shapeOf(one, depth + 1)).reduce(mergeShapes)];
  }
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]) => [key, shapeOf(one, depth + 1)]),
  );
}

function mergeShapes(one: Shape, other: Shape): Shape {
  if (typeof one === 'string' || typeof other === 'string') {
    if (typeof one !== typeof other) return one === 'null' ? other : one;
    return [...new Set(`${one}|${other}`.split('|'))].toSorted().join('|');
  }
  if (Array.isArray(one) && Array.isArray(other)) {
    const [a] = one;
    const [b] = other;
    return a && b ? [mergeShapes(a, b)] : [...one, ...other];
  }
  if (Array.isArray(one) || Array.isArray(other)) return one;
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])].toSorted();
  return Object.fromEntries(
    keys.map((key) => [
      key,
      mergeShapes(one[key] ?? other[key] ?? 'null', other[key] ?? one[key] ?? 'null'),
    ]),
  );
}

let database: TestDatabase;
let worker: Worker;
const shapes: Record<string, Shape> = {};

beforeAll(async () => {
  vi.stubEnv('HOWDAH_JWT_SECRET', 'a secret of at least thirty-two bytes');
  database = await createTestDatabase();
  worker = await startTestWorker(database.url);
  await database.pool.query(SCRIPTED_AGENTS);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await worker.stop(0);
  await database.drop();
});

const cli = (...argv: string[]) => runCli(database.url, ...argv, '--json');

/** Runs a command line, records the shape of its output, and returns the values. */
async function note(name: string, ...argv: string[]) {
  const { stdout, stderr } = await cli(...argv);
  if (stdout === '') throw new Error(`howdah ${argv.join(' ')} printed nothing: ${stderr}`);
  const values = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  if (values.length === 1) shapes[name] = shapeOf(values[0]);
  for (const value of values.length > 1 ? values : []) {
    const key = value.type ? `${name}: ${value.type}` : name;
    const shape = shapeOf(value);
    shapes[key] = shapes[key] ? mergeShapes(shapes[key], shape) : shape;
  }
  return values;
}

/** Commands that only have the verbs of their resource. */
const madeOfResources = [...adminResourceCommands, ...devResourceCommands];

/** Notes the verbs of such a command, on the row of its examples or on the first that is there. */
async function noteResource({ name, examples = [] }: CommandEntry) {
  const ofVerb = (verb: string) =>
    examples
      .map(wordsOf)
      .find(([, , word]) => word === verb)
      ?.slice(1);
  const create = ofVerb('create');
  const made = create && (await note(`${name} create`, ...create))[0];
  const [{ items }] = await note(`${name} list`, name, 'list');
  const id = made?.id ?? items[0]?.id;
  if (id) await note(`${name} show`, name, 'show', id);
  if (made && ofVerb('delete')) await note(`${name} delete`, name, 'delete', id, '--yes');
}

/** Does work while no worker grades by a new rule, which would change what is listed. */
async function withoutGradings(work: () => Promise<void>): Promise<void> {
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    await client.query(
      `select from howdah_private.background_tasks where name = 'gradings' for update`,
    );
    await work();
  } finally {
    await client.query('rollback');
    client.release();
  }
}

test('the JSON output of each command matches the recorded file', async () => {
  const done = (await note('run', 'run', 'greeter', 'Hi')).at(-1);
  const [failed] = (await note('run', 'run', 'broken', 'Hi')).slice(-1);
  const asking = (await note('run', 'run', 'asker', 'Paint it')).at(-1);
  await note('run-agent', 'run-agent', '--agent-id', done.agent_id, '--message', 'Hi');
  await note('run --detach', 'run', 'greeter', 'Hi', '--detach');
  await note('runs', 'runs');
  await note('ls', 'ls', 'runs');
  await note('show', 'show', done.id);
  await note('show --tree', 'show', done.id, '--tree');
  await note('explain', 'explain', asking.execution_id);
  await note('explain CODE', 'explain', 'HWNTF');
  await note('watch', 'watch', done.id);
  await note('questions', 'questions');
  await note('answer', 'answer', asking.id, 'blue');
  await note('retry', 'retry', failed.id);
  await note('fork --detach', 'fork', done.id, '--seq', '0', '--detach');
  await note('fork', 'fork', done.id, '--seq', '0');
  const later = async () =>
    (await note('run --detach', 'run', 'greeter', 'Hi', '--detach', '--at', '2099-01-01'))[0].id;
  const paused = await later();
  await database.pool.query(
    `update howdah_private.alert_limits set threshold = 0, is_active = (name = 'connections_near_max')`,
  );
  await note('logs', 'logs');
  await note('top', 'top');
  await note('pause', 'pause', paused);
  await note('resume', 'resume', paused);
  await note('cancel', 'cancel', paused);
  for (const verdict of ['approve', 'reject']) {
    const approval = (await note('run', 'run', 'careful', 'What is 6 * 7?')).at(-1);
    await note(verdict, verdict, approval.id);
  }
  await note('diff RUN RUN', 'diff', done.id, failed.id);
  await note('export-run', 'export-run', done.id);
  await note('replay', 'replay', done.id);
  await note('agents', 'agents');
  await note('tools', 'tools');
  await note('tools AGENT', 'tools', 'asker');
  await note('versions', 'versions', 'greeter');
  const chat = startCli(database.url, 'chat', 'greeter', '--json');
  chat.type('Hi');
  for (const line of (await chat.end()).stdout.trim().split('\n')) {
    const value = JSON.parse(line);
    const shape = shapeOf(value);
    const key = `chat: ${value.type}`;
    shapes[key] = shapes[key] ? mergeShapes(shapes[key], shape) : shape;
  }
  await note('apply', 'apply', 'examples/press.yaml');
  await note('validate', 'validate', 'examples/press.yaml');
  await note('diff', 'diff', 'examples/press.yaml');
  await note('export', 'export');
  await note('import', 'import', 'fast-agent', 'test/fixtures/fast-agent/newsroom');
  const set = startCli(database.url, 'secret', 'set', 'github');
  set.type('a-token-of-github');
  await set.end();
  await note('retention', 'retention', '--yes');
  await note('index-vectors', 'index-vectors');
  await note('retention months', 'retention', 'months');
  const out = await mkdtemp(join(tmpdir(), 'howdah-archive-'));
  try {
    const month = new Date().toISOString().slice(0, 7);
    const [archived] = await note('retention archive', 'retention', 'archive', month, '--out', out);
    await note('retention restore', 'retention', 'restore', archived.folder);
  } finally {
    await rm(out, { recursive: true, force: true });
  }
  await note('secret', 'secret', 'list');
  await note('token', 'token', '--user', 'ada', '--create');
  await note('export-user', 'export-user', 'ada');
  await note('users list', 'users');
  await note('users show', 'users', 'show', 'ada');
  await note('erase-user', 'erase-user', 'ada', '--mode', 'delete', '--yes');
  const [key] = await note('key create', 'key', 'create', 'ci', '--role', 'member');
  await note('key list', 'key', 'list');
  await note('key revoke', 'key', 'revoke', key.id, '--yes');
  await note('generate', 'generate', '--executions', '20', '--append');
  await note('migrate', 'migrate', 'status');
  await note('db', 'db', 'url');
  await database.pool.query(`select howdah.use_tool_policies('strict')`);
  await note('policies', 'policies');
  await note('alerts', 'alerts', '--use');
  await note('queue', 'queue');
  await note('violations', 'violations');
  await note('jobs list', 'jobs', 'list');
  await note('jobs pause', 'jobs', 'pause', 'erase_run');
  await note('jobs resume', 'jobs', 'resume', 'erase_run');
  await note('filters add', 'filters', 'add', 'tax_id', '[0-9]{11}');
  await note('filters list', 'filters', 'list');
  await note('filters test', 'filters', 'test', '12345678901');
  await note('filters remove', 'filters', 'remove', 'tax_id', '--yes');
  await note('kb create', 'kb', 'create', 'handbook');
  await note('kb add', 'kb', 'add', 'handbook', 'README.md', '--metadata', '{"year": 2026}');
  await eventually(
    database.pool,
    'the document is divided',
    `select * from howdah.documents where status = 'ready'`,
    [],
  );
  await note('kb ls', 'kb', 'ls', 'handbook');
  await note('kb state', 'kb', 'state', 'handbook');
  await note('kb chunks', 'kb', 'chunks', 'handbook', 'README.md');
  await note('kb search', 'kb', 'search', 'handbook', 'agents');
  const { rows: searched } = await database.pool.query('select id from howdah.searches limit 1');
  await note('kb searches', 'kb', 'searches', 'handbook');
  await note('kb hits', 'kb', 'hits', searched[0].id);
  await note('kb health', 'kb', 'health', 'handbook');
  await note('kb sources', 'kb', 'sources', done.id);
  await note('kb stale', 'kb', 'stale', 'handbook');
  await note('kb replay', 'kb', 'replay', 'handbook');
  await database.pool.query(
    `insert into howdah.models (name, provider, model, purpose)
       values ('letters', 'local', 'letters', 'embedding');
     update howdah.knowledge_bases set embedding_model_id = (
       select id from howdah.models where name = 'letters');
     insert into howdah.datasets (name) values ('questions');
     insert into howdah.dataset_items (dataset_id, input, expected)
     select d.id, 'agents ' || n, '"README.md"'
     from howdah.datasets as d cross join generate_series(1, 20) as n where d.name = 'questions'`,
  );
  await eventually(
    database.pool,
    'the chunks have vectors',
    `select from howdah.knowledge_bases as b
     where howdah.knowledge_bases_state(b) #>> '{vectors,status}' = 'ready'`,
    [],
  );
  await note('kb fit', 'kb', 'fit', 'handbook', '--dataset', 'questions');
  await database.pool.query(`delete from howdah.datasets where name = 'questions'`);
  await note('kb list', 'kb', 'list');
  await note('kb show', 'kb', 'show', 'handbook');
  await note('kb change', 'kb', 'change', 'handbook', '--domain', 'docs');
  await note('kb set-language', 'kb', 'set-language', 'handbook', 'README.md', 'en');
  await note('kb rm', 'kb', 'rm', 'handbook', 'README.md', '--yes');
  await note('kb delete', 'kb', 'delete', 'handbook', '--yes');
  await note('dataset create', 'dataset', 'create', 'sums');
  await note('dataset add', 'dataset', 'add', 'sums', 'test/fixtures/items.jsonl');
  await note('dataset items', 'dataset', 'items', 'sums');
  await note('dataset list', 'dataset', 'list');
  await note('dataset show', 'dataset', 'show', 'sums');
  const { rows: runs } = await database.pool.query(
    `select id from howdah.executions where status = 'completed' order by id limit 1`,
  );
  await note('dataset add-run', 'dataset', 'add-run', 'sums', runs[0].id);
  await note('dataset change', 'dataset', 'change', 'sums', '--description', 'Sums');
  await cli('graders', 'create', 'text', '--kind', 'exact');
  const [evaluated] = await note(
    ...(['eval run', 'eval', 'run', 'sums', '--agent', 'greeter', '--graders', 'text'] as const),
  );
  const evaluation = evaluated.evaluation.id;
  await note('eval wait', 'eval', 'wait', evaluation);
  await note('eval list', 'eval', 'list');
  await note('eval show', 'eval', 'show', evaluation);
  await note('eval results', 'eval', 'results', evaluation);
  await note('eval compare', 'eval', 'compare', evaluation, evaluation);
  await note('eval grade-again', 'eval', 'grade-again', evaluation);
  await note('eval queue', 'eval', 'queue', evaluation);
  const { rows: graded } = await database.pool.query(
    `select id from howdah.evaluation_results where evaluation_id = $1 order by id limit 1`,
    [evaluation],
  );
  await note('eval grade', 'eval', 'grade', graded[0].id, '0.5', '--comment', 'Half right');
  await note('eval grades', 'eval', 'grades', evaluation);
  await note('eval items', 'eval', 'items', evaluation);
  await note('eval agreement', 'eval', 'agreement', evaluation);
  // a judge has examples, no other grader
  const setKind = (kind: string) =>
    database.pool.query(
      `update howdah.evaluations set graders = jsonb_set(graders, '{0,kind}', to_jsonb($2::text))
       where id = $1`,
      [evaluation, kind],
    );
  await setKind('rubric');
  await note('eval examples', 'eval', 'examples', evaluation, '--grader', 'text');
  await setKind('exact');
  await note('eval leaderboard', 'eval', 'leaderboard', 'sums');
  await note('eval by-day', 'eval', 'by-day');
  await note('eval promote', 'eval', 'promote', evaluation);
  const { rows: waiting } = await database.pool.query(
    `select id from howdah.evaluate('sums', 'asker', graders => '{text}')`,
  );
  await note('eval cancel', 'eval', 'cancel', waiting[0].id);
  await cli('graders', 'delete', 'text', '--yes');
  await note('dataset delete', 'dataset', 'delete', 'sums', '--yes');
  const [memory] = await note('memories add', 'memories', 'add', 'a word', '--scope', 'tenant');
  await note('memories list', 'memories', 'list');
  await note('memories show', 'memories', 'show', memory.id);
  await note('memories recall', 'memories', 'recall', 'word');
  const [corrected] = await note('memories correct', 'memories', 'correct', memory.id, 'b');
  await note('memories forget', 'memories', 'forget', corrected.id, '--yes');
  const { rows: askers } = await database.pool.query(`select howdah.agent('asker') as id`);
  const about = ['--scope', 'agent', '--subject', askers[0].id];
  const [lesson] = await note('memories add', 'memories', 'add', 'a lesson', ...about);
  await note('memories pin', 'memories', 'pin', lesson.id);
  await note('memories propose', 'memories', 'propose', lesson.id);
  await note('memories approve', 'memories', 'approve', lesson.id, 'a corrected lesson');
  const [other] = await note('memories add', 'memories', 'add', 'another lesson', ...about);
  await note('memories propose', 'memories', 'propose', other.id);
  await note('memories reject', 'memories', 'reject', other.id);
  await note('settings list', 'settings', 'list');
  await note('settings show', 'settings', 'show', 'max_depth');
  await note('settings set', 'settings', 'set', 'max_depth', '6');
  const { rows: lists } = await database.pool.query(
    `insert into howdah.sessions (agent_id) values (howdah.agent('greeter')) returning id`,
  );
  await note('todo', 'todo', lists[0].id);
  await note('settings remove', 'settings', 'remove', 'max_depth');
  await note('whoami', 'whoami');
  await note('sql', 'sql', 'select 1 as one');
  await database.pool.query(`
    insert into howdah.prompts (name, template) values ('hello', 'Hello.');
    insert into howdah.skills (name, description, content) values ('manners', 'Manners.', 'Be kind.');
    create function public.look(payload jsonb) returns jsonb language sql as 'select null::jsonb';
    grant execute on function public.look(jsonb) to howdah_tool;
    insert into howdah.hooks (event, function, is_active) values ('before_run', 'public.look', false);
    insert into howdah.mcp_servers (name, type, configuration) values ('shelf', 'http', '{"url": "https://example.com/mcp"}');
    insert into howdah.integrations (name, resource_url, account_scope) values ('notes', 'https://example.com/mcp', 'tenant');
    insert into howdah.schedules (name, cron, agent_id, input) values ('morning', '0 0 29 2 *', howdah.agent('greeter'), 'Good morning');
    insert into howdah.webhooks (url, is_active) values ('https://example.com/hook', false);
    insert into howdah.secrets (name, fingerprint) values ('hook', '');
    insert into howdah.inbound_hooks (name, verification, secret_name, agent_id) values ('issues', 'github', 'hook', howdah.agent('greeter'));
    insert into howdah.inbound_deliveries (inbound_hook_id, status, error) select h.id, 'refused', '{"code": "late", "message": "late"}' from howdah.inbound_hooks as h;
    insert into howdah.webhook_deliveries (webhook_id, execution_id, event, url, payload, status)
    select w.id, '${done.id}', 'execution.completed', w.url, '{}', 'failed' from howdah.webhooks as w`);
  // the worker asks the server of `shelf` for its tools, which fails
  await eventually(
    database.pool,
    'the failure of the MCP server',
    `select from howdah.mcp_servers where name = 'shelf' and failed_at is not null`,
  );
  for (const [noun, name] of Object.entries({
    agents: 'greeter',
    models: 'script',
    prompts: 'hello',
    tools: 'calculator',
    mcp: 'shelf',
    integrations: 'notes',
    schedules: 'morning',
    skills: 'manners',
    webhooks: 'https://example.com/hook',
    'inbound-hooks': 'issues',
  })) {
    await note(`${noun} list`, noun, 'list');
    await note(`${noun} show`, noun, 'show', name);
  }
  for (const [noun, more] of Object.entries({
    models: ['made', '--provider', 'local', '--model', 'extractive'],
    prompts: ['made', 'Hello.'],
    skills: ['made', 'Be brief.', '--description', 'Brevity.'],
    integrations: ['made', '--url', 'https://example.com/api'],
    schedules: ['made', '--cron', '0 0 29 2 *', '--agent', 'greeter', '--input', 'Hi', '--paused'],
    webhooks: ['https://example.com/made'],
    'inbound-hooks': ['made', '--verification', 'github', '--secret', 'hook', '--agent', 'greeter'],
  })) {
    await note(`${noun} create`, noun, 'create', ...more);
    await note(`${noun} delete`, noun, 'delete', more[0] ?? '', '--yes');
  }
  for (const [noun, more] of Object.entries({
    grants: ['run', '--agent', 'greeter', '--role', 'owner'],
    limits: ['cost', '50', '--period', 'day'],
  })) {
    const [{ id }] = await note(`${noun} create`, noun, 'create', ...more);
    await note(`${noun} list`, noun, 'list');
    await note(`${noun} show`, noun, 'show', id);
    await note(`${noun} delete`, noun, 'delete', id, '--yes');
  }
  await database.pool.query(
    `insert into howdah.agents (name, instruction) values ('support', 'Answer.');
     with made as (insert into howdah.datasets (name) values ('sums') returning id)
     insert into howdah.graders (dataset_id, name, kind, configuration)
     select id, 'quick', 'latency', '{"max": 60000}' from made`,
  );
  await database.pool.query(
    `insert into howdah.knowledge_bases (name) values ('searched');
     select from howdah.search('{searched}', 'agents')`,
  );
  await withoutGradings(async () => {
    for (const entry of madeOfResources) await noteResource(entry);
  });
  await note('audit', 'audit', '--object', 'hooks');
  await note('runs input', 'runs', 'input', await later(), 'Only to ten.');
  await database.pool.query(`select howdah_private.set_public_address('http://127.0.0.1:8000')`);
  const [link] = await note('integrations connect', 'integrations', 'connect', 'notes');
  const account = ['integrations', 'accounts', 'show', link.account_id];
  await note('integrations accounts', 'integrations', 'accounts');
  await note('integrations accounts show', ...account);
  await note('integrations disconnect', 'integrations', 'disconnect', link.account_id, '--yes');
  await note('schedules run', 'schedules', 'run', 'morning');
  await note('webhooks key', 'webhooks', 'key', 'callbacks');
  const [deliveries] = await note('webhooks deliveries', 'webhooks', 'deliveries');
  await note('webhooks redeliver', 'webhooks', 'redeliver', deliveries.items[0].id);
  await note('inbound-hooks deliveries', 'inbound-hooks', 'deliveries');
  await note('inbound-hooks test', 'inbound-hooks', 'test', 'issues', '--file', 'package.json');
  await note('completion', 'completion', 'words', 'exec');

  if (process.env.HOWDAH_WRITE_SHAPES) recordShapes(shapes);
  const recorded = JSON.parse(readFileSync(FILE, 'utf8'));
  expect(shapes).toMatchObject(recorded);
  // as with snapshots, what is new is written, but not in CI
  const added = Object.keys(shapes).filter((name) => !(name in recorded));
  if (!process.env.CI && added.length > 0) {
    recordShapes({ ...recorded, ...Object.fromEntries(added.map((name) => [name, shapes[name]])) });
  }
});

test('every command is in the recorded file, or listed with a reason', () => {
  const promised = Object.keys(JSON.parse(readFileSync(FILE, 'utf8')));
  const shown = new Set(promised.map((name) => name.split(/[ :]/)[0]));
  const missing = allCommands.map(({ name }) => name).filter((name) => !shown.has(name));
  expect(missing.toSorted()).toEqual([...Object.keys(NONE)].toSorted());
});
