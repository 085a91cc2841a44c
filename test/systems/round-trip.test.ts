import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MODEL_PURPOSES } from '../../src/contracts/agents/model.ts';
import { exportDocument } from '../../src/db/access/agent-systems.ts';
import type { Json, JsonObject } from '../../src/json/json.ts';
import { parseJson } from '../../src/json/parse-json.ts';
import { readFile } from '../../src/systems/read-file.ts';
import { writeFile } from '../../src/systems/write-file.ts';
import { testDatabase } from '../support/database.ts';
import { changes, HELPDESK, newTenant } from './support.ts';

const database = testDatabase();

/** Generates texts, including texts that YAML could parse as another type. */
const text = fc.oneof(
  fc.constantFrom(
    'yes',
    'null',
    '~',
    '1e3',
    '0x1f',
    '- a',
    'a: b',
    '# no',
    ' a ',
    'two\nlines',
    'ends\n',
    '\n',
    '\t',
    "'",
    '"',
    '|',
    '*x',
    '&x',
    '!x',
    '%',
    '',
    '2026-11-20',
    '…',
    '🙂',
    'a\n\n\n',
    '  b\n c',
    '<<',
    '\r\n',
  ),
  fc
    .string({ unit: 'grapheme', maxLength: 30 })
    .filter((one) => one.isWellFormed() && !one.includes('\u0000')),
);
const word = fc.stringMatching(/^[a-z][a-z0-9_]{0,7}$/);
/** Generates names of one line. JavaScript orders integer keys before other keys. */
const name = fc.oneof(
  word,
  fc.constantFrom('Ann Lee', 'é~/x', '7', '01', 'true', 'null', 'constructor', 'a: b'),
);
const value = fc.oneof(
  text,
  fc.integer(),
  fc.constantFrom(0.25, 1e21, -3.5),
  fc.boolean(),
  fc.constant(null),
);
const free = fc.dictionary(
  word,
  fc.oneof(value, fc.array(value, { maxLength: 3 }), fc.dictionary(word, value, { maxKeys: 3 })),
  { maxKeys: 3 },
);
const some = <T extends object>(shape: T) =>
  fc.record(shape as never, { requiredKeys: [] }) as fc.Arbitrary<JsonObject>;
const budget = some({
  max_steps: fc.integer({ min: 1, max: 99 }),
  max_tokens: fc.integer({ min: 1, max: 2 ** 50 }),
  max_cost: fc.constantFrom(0.5, 0.1, 12, 1e-7),
  max_seconds: fc.integer({ min: 1, max: 99 }),
});
const subRun = some({
  mission_override: fc.constantFrom('Be short.', 'yes'),
  allowed_tools: fc.array(fc.constantFrom('todo', 'ask_user'), { maxLength: 2 }),
  budget,
  suppress_markdown: fc.boolean(),
  ephemeral: fc.boolean(),
  handoff: fc.boolean(),
  weight: fc.constantFrom(0.5, 2),
});

/** One variable of each type, with suitable constraints. */
const VARIABLES: JsonObject = {
  tone: { type: 'string', enum: ['kind', 'strict'], default: 'kind', description: 'How.' },
  share: { type: 'number', minimum: 0 },
  items: { type: 'integer', maximum: 9, default: 3 },
  is_new: { type: 'boolean' },
};
const filled = text.filter((one) => /\S/.test(one));
/** Generates texts without `{{`, which would be parsed as undeclared variables. */
const unmarked = filled.filter((one) => !one.includes('{{'));
const prompt = fc.oneof(
  unmarked.map((template): JsonObject => ({ template })),
  fc.tuple(unmarked, some({ description: text })).map(
    ([template, rest]): JsonObject => ({
      template: `${template}{{tone}}, {{ share }}: {{items}}{{is_new}}`,
      variables: VARIABLES,
      ...rest,
    }),
  ),
);
const values = some({
  tone: fc.constant('strict'),
  share: fc.constantFrom(0.5, 1, 1e-7),
  items: fc.integer({ min: -3, max: 9 }),
  is_new: fc.boolean(),
});
const skill = fc
  .tuple(
    filled.filter((one) => !/[\r\n]/.test(one)),
    filled,
    some({ is_active: fc.boolean() }),
  )
  .map(([description, content, rest]): JsonObject => ({ description, content, ...rest }));

const model = fc
  .tuple(
    some({
      purpose: fc.constantFrom(...MODEL_PURPOSES),
      domain: text.filter((one) => one.length > 0 && one.length <= 200),
      base_url: fc.constantFrom('https://models.example.org/v1', 'http://a.example.com'),
      capabilities: free,
      input_price: fc.constantFrom(0, 0.25, 3, 1.1),
      output_price: fc.constantFrom(0, 1e-7, 15),
      context_tokens: fc.integer({ min: 1, max: 1e6 }),
    }),
    word,
  )
  .map(([rest, id]): JsonObject => ({ provider: 'openai', model: id, ...rest }));

const engine = fc.constantFrom<JsonObject>(
  {},
  {
    engine: 'http',
    engine_configuration: { url: 'https://agents.example.org/ask', headers: { 'x-team': 'a' } },
  },
  { engine: 'custom', engine_configuration: { function: 'answer', request_params: { n: 1.5 } } },
);

const server = fc.oneof(
  some({
    headers: fc.constantFrom<JsonObject>({}, { 'X-Team': 'a: b' }),
    description: text,
    trusts_annotations: fc.boolean(),
    allows_elicitation: fc.boolean(),
    roots: fc.constantFrom<Json>([], [{ uri: 'file:///srv' }]),
    is_active: fc.boolean(),
  }).map((rest): JsonObject => ({ type: 'http', url: 'https://mcp.example.org/a?b=c', ...rest })),
  some({
    args: fc.array(word, { maxLength: 3 }),
    env: fc.constantFrom<JsonObject>({}, { LEVEL: 'debug', EMPTY: '' }),
    cwd: fc.constantFrom('/', '/srv'),
    description: text,
  }).map((rest): JsonObject => ({ type: 'stdio', command: 'search', ...rest })),
  fc.constantFrom<JsonObject>({ type: 'filesystem', args: ['/srv'] }, { type: 'fetch' }),
);
const serversAmong = (names: string[]) =>
  fc.tuple(fc.subarray(names), fc.option(fc.array(word, { maxLength: 2 }))).map(
    ([own, allowed_tools]): JsonObject => ({
      servers: allowed_tools
        ? Object.fromEntries(own.map((one, at) => [one, at === 0 ? { allowed_tools } : {}]))
        : own,
    }),
  );

type Parts = {
  models: JsonObject;
  tools: JsonObject;
  mcp_servers: JsonObject;
  prompts: JsonObject;
  skills: JsonObject;
};

const promptedBy = (prompts: JsonObject): fc.Arbitrary<JsonObject> =>
  fc
    .tuple(fc.constantFrom(null, ...Object.entries(prompts)), values)
    .map(([chosen, values]): JsonObject => {
      if (chosen === null) return {};
      const [name, { variables }] = chosen as [string, JsonObject];
      return { prompt: name, ...(variables !== undefined && { prompt_values: values }) };
    });

const agentOf = (parts: Parts, agents: string[], workflows: string[]) =>
  fc
    .tuple(
      some({
        mission: text,
        system_prompt: text,
        description: text,
        budget,
        domain: text.filter((one) => one.length <= 200),
        use_history: fc.boolean(),
        human_input: fc.boolean(),
        is_active: fc.boolean(),
        allow_empty: fc.boolean(),
        context_policy: fc.constantFrom('trim', 'summarize', 'none'),
        retry_for: fc.integer({ min: 0, max: 99 }),
        cache_answers_for: fc.integer({ min: 1, max: 99 }),
        capabilities: fc.array(text, { maxLength: 3 }),
        output_schema: fc.constantFrom(
          { type: 'object', properties: { n: { type: 'number', default: 1.5 } } },
          { type: 'string' },
        ),
      }),
      fc.array(
        fc.tuple(fc.constantFrom('default', ...Object.keys(parts.models)), fc.option(free)),
        { maxLength: 3 },
      ),
      fc.subarray(['todo', 'http_request', ...Object.keys(parts.tools)]),
      fc.subarray(agents),
      fc.subarray(workflows),
      fc.tuple(fc.boolean(), subRun, free, fc.option(fc.boolean()), engine),
      fc.tuple(
        promptedBy(parts.prompts),
        fc.shuffledSubarray(Object.keys(parts.skills)),
        serversAmong(Object.keys(parts.mcp_servers)),
      ),
    )
    .map(
      ([
        rest,
        chosen,
        allow,
        sub,
        flows,
        [isLong, configuration, params, approval, answers],
        [basics, skills, served],
      ]): JsonObject => ({
        ...rest,
        ...answers,
        ...basics,
        ...served,
        skills,
        models: chosen.map(([one, requestParams]) =>
          requestParams ? { model: one, request_params: requestParams } : one,
        ),
        tools: {
          allow,
          configuration: Object.fromEntries(
            allow
              .filter(
                (tool) =>
                  tool === 'todo' ||
                  (parts.tools[tool] as JsonObject | undefined)?.kind === 'custom',
              )
              .map((tool) => [tool, tool === 'todo' ? { max_result_bytes: 2000 } : params]),
          ),
          ...(allow.includes('http_request') &&
            approval !== null && { requires_approval: { http_request: approval } }),
        },
        agents: isLong ? Object.fromEntries(sub.map((one) => [one, configuration])) : sub,
        workflows: isLong
          ? Object.fromEntries(
              flows.map((one) => [one, { ...configuration, requires_approval: true }]),
            )
          : flows,
      }),
    );

const configurations: fc.Arbitrary<JsonObject>[] = [
  some({ cumulative: fc.boolean(), stop_when: fc.constant("output == 'x'") }).map((rest) => ({
    type: 'chain',
    ...rest,
  })),
  some({
    max_concurrency: fc.integer({ min: 1, max: 9 }),
    template: text.filter((one) => one !== ''),
  }).map((rest) => ({ type: 'parallel', ...rest })),
  some({
    method: fc.constant('lexical'),
    configuration: fc.constantFrom({ members: 'capable' }, { members: 'listed' }),
    min_confidence: fc.constantFrom(0, 0.5, 1),
    request_params: free,
  }).map((rest) => ({ type: 'router', ...rest })),
  some({ planning: fc.constant('iterative'), max_plans: fc.integer({ min: 1, max: 9 }) }).map(
    (rest) => ({ type: 'orchestrator', ...rest }),
  ),
  some({ rubric: text.filter((one) => one !== ''), min_score: fc.constantFrom(0.25, 1) }).map(
    (rest) => ({ type: 'evaluator-optimizer', ...rest }),
  ),
  some({ ties: fc.constant('fail'), method: fc.constant('weighted') }).map((rest) => ({
    type: 'voting',
    ...rest,
  })),
  some({ query: fc.constant('select 1') }).map((rest) => ({ type: 'map', ...rest })),
  fc.constant({
    type: 'graph',
    start: 'a',
    edges: [{ from: 'a', to: 'b', when: 'true' }],
    joins: { b: 'all' },
  }),
];

const workflowOf = (agents: string[]) =>
  fc
    .tuple(
      fc.oneof(...configurations),
      some({ description: text, instruction: text, budget, is_active: fc.boolean() }),
      fc.array(
        fc.oneof(
          fc.constantFrom('development', ...agents),
          fc
            .tuple(fc.constantFrom('development', ...agents), subRun, word)
            .map(([agent, configuration, role]) => ({ agent, configuration, role })),
          fc
            .tuple(
              fc.constantFrom<JsonObject>(
                {},
                { options: ['yes', 'no'] },
                { options: ['yes', 'no'], expires_in_seconds: 60, default_answer: 'no' },
              ),
              some({ role: word }),
            )
            .map(([settings, rest]) => ({ question: { prompt: 'Well?', ...settings }, ...rest })),
        ),
        { maxLength: 4 },
      ),
    )
    .map(
      ([configuration, rest, members]): JsonObject =>
        ({ ...configuration, ...rest, members }) as JsonObject,
    );

const tool = fc.oneof(
  some({
    description: text,
    capabilities: fc.array(word, { minLength: 1, maxLength: 3 }),
    domain: word,
    parameters: fc.constant({ type: 'object', properties: { q: { type: 'string' } } }),
    configuration: free,
    effect: fc.constantFrom('pure', 'once'),
    requires_approval: fc.boolean(),
    timeout_ms: fc.integer({ min: 1, max: 9999 }),
    is_active: fc.boolean(),
  }).map((rest): JsonObject => ({ kind: 'custom', ...rest })),
  some({ cache_answers_for: fc.integer({ min: 1, max: 99 }), effect: fc.constant('pure') })
    .filter((rest) => rest.cache_answers_for === undefined || rest.effect === 'pure')
    .map((rest): JsonObject => ({ kind: 'custom', ...rest })),
  some({ description: text, domain: word }).map(
    (rest): JsonObject => ({ kind: 'agent', agent: 'development', ...rest }),
  ),
);

const system = fc
  .record({
    models: fc.dictionary(name, model, { maxKeys: 3 }),
    tools: fc.dictionary(fc.stringMatching(/^t_[a-z]{1,6}$/), tool, { maxKeys: 3 }),
    mcp_servers: fc.dictionary(fc.stringMatching(/^[a-z](_?[A-Za-z0-9-]){0,6}$/), server, {
      maxKeys: 3,
    }),
    prompts: fc.dictionary(name, prompt, { maxKeys: 3 }),
    skills: fc.dictionary(fc.stringMatching(/^[a-z][A-Za-z0-9_-]{0,7}$/), skill, { maxKeys: 3 }),
    agents: fc.uniqueArray(
      name.map((one) => `a ${one}`),
      { maxLength: 4 },
    ),
    workflows: fc.uniqueArray(
      name.map((one) => `w ${one}`),
      { maxLength: 3 },
    ),
    description: text,
  })
  .chain(({ agents, workflows, description, ...parts }) =>
    fc
      .tuple(
        fc.tuple(
          ...agents.map((own) =>
            agentOf(
              parts,
              agents.filter((one) => one !== own),
              workflows,
            ),
          ),
        ),
        fc.tuple(...workflows.map(() => workflowOf(agents))),
      )
      .map(
        ([made, flows]): JsonObject => ({
          version: 'v1',
          name: 'random',
          description,
          ...parts,
          agents: Object.fromEntries(agents.map((one, index) => [one, made[index] as JsonObject])),
          workflows: Object.fromEntries(
            workflows.map((one, index) => [one, flows[index] as JsonObject]),
          ),
          ...(agents[0] !== undefined && { orchestrator: agents[0] }),
        }),
      ),
  );

test('an export applies to the same digest, also in an empty tenant, and re-exports the same bytes', async () => {
  await fc.assert(
    fc.asyncProperty(system, async (document) => {
      const [here, there] = [await newTenant(database.pool), await newTenant(database.pool)];
      const first = await here.apply(document);
      const file = writeFile((await here.export('random')) as JsonObject);
      const again = await here.apply(file, { prune: true });
      expect(changes(again)).toEqual([]);
      expect(again).toMatchObject({ digest: first.digest, version: 1 });
      expect((await there.apply(file)).digest).toBe(first.digest);
      expect(writeFile((await there.export('random')) as JsonObject)).toBe(file);
      expect(changes(await here.apply(document))).toEqual([]);
    }),
    { numRuns: 12, seed: 20261120 },
  );
});

test('any content is unchanged after it is written and read', () => {
  fc.assert(
    fc.property(system, (document) => {
      const read = readFile(writeFile(document));
      expect(read.faults).toEqual([]);
      const { agents: _, ...rest } = document;
      expect(read.document).toMatchObject(parseJson<object>(JSON.stringify(rest)));
    }),
    { numRuns: 100, seed: 20261120 },
  );
});

test('an exported file reads like one written by hand', async () => {
  const tenant = await newTenant(database.pool);
  await tenant.apply(HELPDESK);
  expect(writeFile((await tenant.export('shop-helpdesk')) as JsonObject)).toBe(`version: v1
name: shop-helpdesk
models:
  fast:
    provider: openai
    model: gpt-5-mini
agents:
  analyst:
    mission: Answer with SQL.
    model: fast
    tools:
      allow:
        - sql_query
    budget:
      max_steps: 6
  desk:
    mission: Answer the customer. Delegate figures to analyst.
    model: fast
    tools:
      allow:
        - ask_user
        - todo
    agents:
      - analyst
    budget:
      max_steps: 12
      max_tokens: 40000
workflows:
  nightly:
    type: chain
    members:
      - analyst
      - desk
orchestrator: desk
`);
});

test('parts created by hand are exported too, with every column', async () => {
  const tenant = await newTenant(database.pool);
  await tenant.all(
    `insert into howdah.models (name, provider, model) values ('mine', 'openai', 'x')`,
  );
  await tenant.all(
    `insert into howdah.agents (name, instruction, is_default, max_cost) values ('hand', 'Do.', true, 0.250)`,
  );
  await tenant.all(
    `insert into howdah.agent_models (agent_id, model_id, position) select howdah.agent('hand'), id, 5 from howdah.models where name = 'mine' and tenant_id = $1`,
    tenant.tenant,
  );
  const document = await tenant.export(null);
  expect(document).toMatchObject({
    agents: {
      hand: { mission: 'Do.', is_default: true, budget: { max_cost: 0.25 }, models: ['mine'] },
    },
    models: { mine: { provider: 'openai', model: 'x' } },
  });
  const plan = await tenant.apply(document);
  expect((await tenant.apply(writeFile(document as JsonObject))).digest).toBe(plan.digest);
});

describe('deleted parts', () => {
  const TEAM = {
    version: 'v1',
    name: 'team',
    tools: { ask_bo: { kind: 'agent', agent: 'bo' } },
    agents: {
      al: { mission: 'Lead.', agents: ['bo', 'cy'], tools: { allow: ['ask_bo', 'todo'] } },
      bo: { mission: 'Find.' },
      cy: {
        mission: 'Tell.',
        agents: ['bo'],
        tools: { allow: ['ask_bo'], configuration: { ask_bo: { ephemeral: false } } },
      },
    },
    workflows: {
      inner: { type: 'chain', members: ['cy'] },
      news: { type: 'chain', members: ['bo', 'al', { agent: 'bo', role: 'again' }, 'inner', 'cy'] },
    },
    orchestrator: 'bo',
  };

  test('are left out of an export and reported with their place; the rest applies, here and elsewhere', async () => {
    const tenant = await newTenant(database.pool);
    await tenant.apply(TEAM);
    // Older releases allowed this. delete_agent and delete_workflow now reject members.
    for (const [table, name] of [
      ['agents', 'bo'],
      ['workflows', 'inner'],
    ]) {
      await tenant.all(
        `update howdah.${table} set deleted_at = now(), is_active = false where tenant_id = howdah.current_tenant() and name = $1`,
        name,
      );
    }
    const { document, left_out } = await tenant.inside((client) => exportDocument(client, 'team'));
    expect(left_out.map(({ path, message }) => `${path}: ${message}`).sort()).toEqual([
      '/agents/al/agents/0: agent "bo" was deleted and is left out',
      '/agents/al/tools/allow/0: tool "ask_bo" was deleted and is left out',
      '/agents/cy/agents/0: agent "bo" was deleted and is left out',
      '/agents/cy/tools/allow/0: tool "ask_bo" was deleted and is left out',
      '/orchestrator: agent or workflow "bo" was deleted and is left out',
      '/tools/ask_bo/agent: agent "bo" was deleted and is left out',
      '/workflows/news/members/0: agent or workflow "bo" was deleted and is left out',
      '/workflows/news/members/2: agent "bo" was deleted and is left out',
      '/workflows/news/members/3: workflow "inner" was deleted and is left out',
    ]);
    expect(document).toEqual({
      version: 'v1',
      name: 'team',
      agents: {
        al: { mission: 'Lead.', agents: ['cy'], tools: { allow: ['todo'] } },
        cy: { mission: 'Tell.' },
      },
      workflows: { news: { type: 'chain', members: ['al', 'cy'] } },
    });
    expect(await tenant.export('team')).toEqual(document);
    const other = await newTenant(database.pool);
    for (const interfaces of [tenant, other]) {
      await interfaces.apply(document, { prune: true });
      expect(
        (await interfaces.inside((client) => exportDocument(client, 'team'))).left_out,
      ).toEqual([]);
    }
    const digests = await Promise.all(
      [tenant, other].map((interfaces) =>
        interfaces.one(
          'select digest from howdah.agent_systems where tenant_id = howdah.current_tenant()',
        ),
      ),
    );
    expect(digests[0]).toEqual(digests[1]);
  });
});

describe('parts that no system owns', () => {
  test('are exported without the initial agents and workflows, until someone edits those', async () => {
    const tenant = await newTenant(database.pool);
    const heading = { version: 'v1', name: expect.any(String) };
    expect(await tenant.export(null)).toEqual(heading);
    await tenant.all(`insert into howdah.agents (name, instruction) values ('bo', 'Find.')`);
    expect(await tenant.export(null)).toEqual({ ...heading, agents: { bo: { mission: 'Find.' } } });
    await tenant.all(
      `update howdah.agents set instruction = 'Be short.' where name = 'development'`,
    );
    await tenant.all(`update howdah.workflows set instruction = 'Choose.' where name = 'manager'`);
    const document = await tenant.export(null);
    expect(document).toMatchObject({
      agents: { development: { mission: 'Be short.' } },
      workflows: { manager: { instruction: 'Choose.' } },
    });
    const other = await newTenant(database.pool);
    await other.apply(document);
    expect(await other.export(String(document.name))).toEqual(document);
  });
});
