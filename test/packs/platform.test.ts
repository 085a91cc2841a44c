import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { putSecretOn, secretRowsOn } from '../../src/db/access/secrets.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { createMasterKeys } from '../../src/secrets/master-keys.ts';
import { createSecretWriter } from '../../src/secrets/writer.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { runCli } from '../cli/run-cli.ts';
import { makeAgent, waitForEnd } from '../runtime/arrange.ts';
import { all, one } from '../sql/support.ts';
import { createTestDatabase, eventually, type TestDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { startGitHub } from './github-server.ts';
import { applyPack, packFolder } from './support.ts';

const TOKEN = 'a-token-of-github-for-tests';
const masterKeys = createMasterKeys({ keys: [randomBytes(32)], file: undefined });

let database: TestDatabase;
let worker: Worker;
let github: Awaited<ReturnType<typeof startGitHub>>;
let folder: string;
beforeAll(async () => {
  database = await createTestDatabase();
  worker = await startTestWorker(database.url, { egressAllow: ['127.0.0.1'], masterKeys });
  github = await startGitHub(TOKEN);
  const waiting = await applyPack(database.url, 'platform');
  expect(waiting.status).toBe(0);
  expect(waiting.stderr).toMatch(
    /warning: github_create_branch, .*github_update_branch cannot be called .*: howdah admin secret set github/,
  );
  expect(waiting.stderr).not.toContain('kubernetes_manifest');
  const { id } = await one(database.pool, 'select howdah.current_tenant() as id');
  const { set } = createSecretWriter(secretRowsOn(database.pool), masterKeys);
  await set(id, 'github', TOKEN, putSecretOn(database.pool, id));
  expect(await applyPack(database.url, 'platform', '--dry-run')).toMatchObject({ status: 0 });
  folder = await mkdtemp(join(tmpdir(), 'howdah-platform-'));
  await cp(packFolder('platform'), folder, { recursive: true });
  const manifest = await readFile(join(folder, 'pack.yaml'), 'utf8');
  const here = manifest
    .replaceAll('https://api.github.com', `http://${github.host}`)
    .replaceAll('[api.github.com]', `["${github.host}"]`);
  await writeFile(join(folder, 'pack.yaml'), here);
  expect(await runCli(database.url, 'apply', folder)).toMatchObject({ status: 0 });
});
afterAll(async () => {
  github.close();
  await worker.stop(0);
  await database.drop();
  await rm(folder, { recursive: true });
});

const manifests = async (args: string) => {
  const { text } = await one(database.pool, `select platform.kubernetes_manifest(${args}) as text`);
  return parseAllDocuments(text).map((one) => one.toJS());
};
const APP = `'shop', 'registry.example/shop:1.2.0', 8080`;

describe('kubernetes_manifest', () => {
  test('returns a Deployment, a Service that selects it, and with a host an Ingress to the Service', async () => {
    const [deployment, service, ingress] = await manifests(
      `${APP}, host => 'shop.example.org', environment => '{"LOG_LEVEL": "info", "ON": "yes", "N": 3}'`,
    );
    expect(deployment).toMatchObject({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'shop', namespace: 'default' },
    });
    const { selector, template } = deployment.spec;
    expect(template.metadata.labels).toMatchObject(selector.matchLabels);
    expect(service.spec.selector).toEqual(selector.matchLabels);
    const [container] = template.spec.containers;
    expect(container).toMatchObject({
      image: 'registry.example/shop:1.2.0',
      env: [
        { name: 'LOG_LEVEL', value: 'info' },
        { name: 'N', value: '3' },
        { name: 'ON', value: 'yes' },
      ],
      securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
      resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '128Mi' } },
    });
    expect(container.ports[0].name).toBe(service.spec.ports[0].targetPort);
    expect(ingress.spec.rules[0]).toMatchObject({
      host: 'shop.example.org',
      http: {
        paths: [
          {
            backend: {
              service: { name: service.metadata.name, port: { name: service.spec.ports[0].name } },
            },
          },
        ],
      },
    });
    expect(await manifests(APP)).toHaveLength(2);
  });

  test.each<[string, RegExp]>([
    [`'Shop', 'r.example/a:1', 80`, /name must be/],
    [`'shop', 'shop:latest', 80`, /not latest/],
    [`'shop', 'shop', 80`, /image must name a digest/],
    [`'shop', 'shop:1 --privileged', 80`, /image must name a digest/],
    [`'shop', 'shop:1', 0`, /port must be/],
    [`${APP}, host => 'not a host'`, /host must be/],
    [`${APP}, replicas => -1`, /replicas must be/],
    [`${APP}, memory => 'much'`, /memory must be/],
    [`${APP}, environment => '{"DB_PASSWORD": "x"}'`, /environment contains a key/],
    [`${APP}, environment => '{"A": {}}'`, /environment must be/],
    [`${APP}, namespace => null`, /namespace must be/],
  ])('rejects %s', async (args, words) => {
    await expect(manifests(args)).rejects.toThrow(words);
  });
});

test('generated YAML parses to the same values', async () => {
  const value = {
    plain: 'a text',
    number: '1',
    yes: 'yes',
    no: 'NO',
    colon: 'a: b',
    dash: '- a',
    empty: '',
    lines: 'a\nb',
    quote: '"\\',
    hash: 'a # b',
    trailing: 'a ',
    unicode: 'é☃',
    list: [],
    object: {},
    nested: [[1, [2]], [{ a: [{ b: null }] }], {}],
    'a key: with': true,
    on: 1.5,
    '7': false,
  };
  const { text } = await one(database.pool, 'select platform.as_yaml($1::json) as text', [
    JSON.stringify(value),
  ]);
  expect(parse(text)).toEqual(value);
  expect(parse(text, { version: '1.1' })).toEqual(value);
});

describe('ci_workflow', () => {
  test.each(['node', 'python', 'go'])(
    'returns tests for a repository in %s, on GitHub and on GitLab',
    async (language) => {
      const file = async (provider: string) =>
        (
          await one(database.pool, 'select platform.ci_workflow($1, $2) as file', [
            provider,
            language,
          ])
        ).file;
      const actions = await file('github');
      expect(actions.path).toBe('.github/workflows/ci.yml');
      const { on, permissions, jobs } = parse(actions.content);
      expect([on.push.branches, permissions]).toEqual([['main'], { contents: 'read' }]);
      expect(jobs.test.steps.map((step: JsonObject) => step.uses ?? step.run)).toHaveLength(4);
      const gitlab = await file('gitlab');
      expect(gitlab.path).toBe('.gitlab-ci.yml');
      expect(parse(gitlab.content).test.script).toEqual(
        jobs.test.steps.slice(2).map(({ run }: { run: string }) => run),
      );
    },
  );

  test.each([
    [`'github', 'cobol'`, /language must be node/],
    [`'bitbucket', 'node'`, /provider must be github or gitlab/],
    [`'github', 'node', '20; rm -rf /'`, /version must be a number/],
    [`'github', 'node', branch => 'a b'`, /branch must be the name/],
  ])('rejects %s', async (args, words) => {
    await expect(one(database.pool, `select platform.ci_workflow(${args})`)).rejects.toThrow(words);
  });
});

/** Keywords of JSON Schema that variables of templates use. */
const KEYWORDS = [
  ...['type', 'description', 'default', 'enum', 'pattern'],
  ...['minimum', 'maximum', 'minLength'],
];

describe('templates', () => {
  test('are rows with typed variables, which are listed and rendered', async () => {
    const rows = await all(database.pool, 'select * from platform.list_templates()');
    expect(rows.map(({ template }) => template)).toEqual([
      'adr',
      'dockerfile-node',
      'readme',
      'runbook',
    ]);
    const schemas = rows.flatMap(({ variables }) => Object.values<JsonObject>(variables));
    const keywords = new Set(schemas.flatMap((schema) => Object.keys(schema)));
    expect([...keywords].filter((keyword) => !KEYWORDS.includes(keyword))).toEqual([]);
    const { text } = await one(
      database.pool,
      `select platform.render_template('dockerfile-node', '{"port": 3000}') as text`,
    );
    expect(text).toMatch(/^FROM node:24-slim AS build[\s\S]*USER node\nEXPOSE 3000/);
  });

  test.each([
    [`'dockerfile-node', '{"port": "many"}'`, /port/],
    [`'adr', '{}'`, /number|title/],
    [`'nothing'`, /no prompt named/],
  ])('rejects %s', async (args, words) => {
    await expect(one(database.pool, `select platform.render_template(${args})`)).rejects.toThrow(
      words,
    );
  });
});

describe('a repository', () => {
  test('every tool that leaves the database requires approval and acts once where it writes', async () => {
    const tools = await all(
      database.pool,
      `select name, requires_approval, effect, configuration ->> 'method' as method from howdah.tools where kind = 'http' order by name`,
    );
    expect(tools).toHaveLength(9);
    for (const { name, requires_approval, effect, method } of tools) {
      expect({ name, requires_approval, effect }).toEqual({
        name,
        requires_approval: true,
        effect: method === 'GET' ? 'pure' : 'once',
      });
    }
  });

  test('is changed through a branch and a pull request, each call approved by a person', async () => {
    const repo = { owner: 'acme', repo: 'shop' };
    const [head, tree] = [github.headOf('main'), github.treeOf('main')];
    const call = (name: string, args: JsonObject) => ({
      tool_calls: [{ name, arguments: { ...repo, ...args } }],
    });
    const content = '# Shop\n\nSells pumps: "é" {}.\n';
    // the answers of GitHub are known in advance, since objects are named by their digests
    const { createHash } = await import('node:crypto');
    const digest = (value: unknown) =>
      createHash('sha1').update(JSON.stringify(value)).digest('hex');
    const nextTree = digest([
      ['README.md', content],
      ['docs/a b.md', 'x'],
    ]);
    const next = digest({ tree: nextTree, message: 'Say more', parents: [head] });
    const script = [
      call('github_get_branch', { branch: 'main' }),
      call('github_read_file', { path: 'README.md' }),
      call('github_create_branch', { ref: 'refs/heads/say-more', sha: head }),
      call('github_create_tree', {
        base_tree: tree,
        tree: [
          { path: 'README.md', mode: '100644', type: 'blob', content },
          { path: 'docs/a b.md', mode: '100644', type: 'blob', content: 'x' },
        ],
      }),
      call('github_create_commit', { message: 'Say more', tree: nextTree, parents: [head] }),
      call('github_update_branch', { branch: 'say-more', sha: next }),
      call('github_open_pull_request', { title: 'Say more', head: 'say-more', base: 'main' }),
      { content: 'Opened.' },
    ];
    const tools = script.flatMap((one) =>
      'tool_calls' in one ? one.tool_calls.map(({ name }) => name) : [],
    );
    const agent = await makeAgent(database.pool, { script, tools });
    const { id } = await one(
      database.pool,
      `insert into howdah.executions (agent_id, input) values ($1, 'go') returning id`,
      [agent],
    );
    const requestedTools: string[] = [];
    for (const tool of tools) {
      const question = await eventually<{ id: string; tool: string }>(
        database.pool,
        `leave for ${tool}`,
        `select id, tool_call ->> 'name' as tool from howdah.questions where execution_id = $1 and status = 'open'`,
        [id],
      );
      expect(github.calls).toHaveLength(requestedTools.length);
      requestedTools.push(question.tool);
      await database.pool.query('select howdah.approve($1)', [question.id]);
    }
    expect(await waitForEnd(database.pool, id)).toMatchObject({
      status: 'completed',
      output: 'Opened.',
    });
    expect(requestedTools).toEqual(tools);
    expect(github.fileOn('say-more', 'README.md')).toBe(content);
    expect(github.fileOn('main', 'README.md')).toBe('# Shop\n');
    expect(github.pulls).toEqual([
      { title: 'Say more', head: 'say-more', base: 'main', number: 1 },
    ]);
    const read = await one(
      database.pool,
      `select output from howdah.steps where execution_id = $1 and kind = 'tool' and name = 'github_read_file'`,
      [id],
    );
    expect(read.output).toMatchObject({ status: 200, body: '# Shop\n' });
    const logged = await all(
      database.pool,
      'select to_jsonb(s)::text as t from howdah.steps as s where execution_id = $1',
      [id],
    );
    expect(logged.filter(({ t }) => t.includes(TOKEN))).toEqual([]);
  });

  test('is unchanged when a person rejects the call', async () => {
    const script = [
      {
        tool_calls: [
          {
            name: 'github_create_repository',
            arguments: { name: 'new', private: true, auto_init: true },
          },
        ],
      },
      { content: 'Then not.' },
    ];
    const agent = await makeAgent(database.pool, { script, tools: ['github_create_repository'] });
    const before = github.calls.length;
    const { id } = await one(
      database.pool,
      `insert into howdah.executions (agent_id, input) values ($1, 'go') returning id`,
      [agent],
    );
    const question = await eventually<{ id: string }>(
      database.pool,
      'its question',
      `select id from howdah.questions where execution_id = $1 and status = 'open'`,
      [id],
    );
    await database.pool.query(`select howdah.reject($1, 'not now')`, [question.id]);
    expect(await waitForEnd(database.pool, id)).toMatchObject({
      status: 'completed',
      output: 'Then not.',
    });
    expect(github.calls).toHaveLength(before);
  });
});

test('the agent of the pack answers without an API key', async () => {
  const { id } = await one(
    database.pool,
    `select id from howdah.run('platform', 'Which templates are there? List the templates.')`,
  );
  const run = await waitForEnd(database.pool, id);
  expect(run).toMatchObject({ status: 'completed' });
  expect(run.output).toMatch(/adr[\s\S]*runbook/);
});
