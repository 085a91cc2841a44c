import { describe, expect, test } from 'vitest';
import { readFastAgentProject } from '../../../src/cli/files/read-fast-agent.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { findVendor } from '../../../src/providers/vendors.ts';
import { type Imported, importFastAgent } from '../../../src/systems/fast-agent/import.ts';
import type { ProjectSource } from '../../../src/systems/fast-agent/project.ts';
import { writeFile } from '../../../src/systems/write-file.ts';
import { testDatabase } from '../../support/database.ts';
import { reportUsable } from '../../support/usable-providers.ts';
import { changes, faultsOf, newTenant } from '../support.ts';

const database = testDatabase();

const NEWSROOM = 'test/fixtures/fast-agent/newsroom';

/** Imports a project of these files, by name. Files that includes refer to are among them. */
function imported(files: Record<string, string>): Imported {
  const kindOf = (name: string): ProjectSource['kind'] =>
    name.startsWith('config') ? 'config' : name.startsWith('secrets') ? 'secrets' : 'card';
  return importFastAgent({
    name: 'project',
    files: Object.entries(files)
      .filter(([name]) => !name.endsWith('.txt'))
      .map(([name, text]) => ({ kind: kindOf(name), name, text })),
    include: (path) => files[path],
  });
}

const card = (front: string, body = 'Do it.') => `---\n${front}\n---\n${body}\n`;
const notes = ({ notes: all }: Imported) =>
  all.map(({ file, line, column, message }) => `${file}:${line}:${column} ${message}`);
const agent = (files: Record<string, string>, name = 'a') =>
  (imported(files).document.agents as Record<string, JsonObject>)[name];
const workflow = (front: string, more: Record<string, string> = {}) =>
  (
    imported({ 'a.md': card('name: a'), 'b.md': card('name: b'), 'w.md': card(front), ...more })
      .document.workflows as Record<string, JsonObject>
  ).w;
const refusal = async (files: Record<string, string>) =>
  (await faultsOf(Promise.resolve().then(() => imported(files)))).faults.map(
    ({ line, column, message, ...rest }) =>
      `${(rest as unknown as { file: string }).file}:${line}:${column} ${message}`,
  );

describe('an agent', () => {
  test('uses its body, or instruction, as its mission', () => {
    expect(agent({ 'a.md': card('name: a', '---SYSTEM\nSay it.\n') })).toEqual({
      mission: 'Say it.',
    });
    expect(agent({ 'a.yaml': 'instruction: Say it.' })).toEqual({ mission: 'Say it.' });
    expect(notes(imported({ 'a.md': card('name: a', '') }))).toEqual([
      'a.md:2:1 it has no instruction, and the default instruction of fast-agent is not imported',
    ]);
  });

  test('is named by its name, else by its file, with _ for spaces', () => {
    const { document } = imported({
      'x/night desk.md': card('type: agent'),
      'b.md': card('name: day desk'),
    });
    expect(Object.keys(document.agents as object)).toEqual(['night_desk', 'day_desk']);
  });

  test('omits values that equal the default', () => {
    const front =
      'name: a\nuse_history: off\nhuman_input: yes\nshell: false\nskills: []\ndescription: Says it';
    const all = imported({ 'a.md': card(front) });
    expect(all).toMatchObject({ notes: [], document: { agents: { a: { mission: 'Do it.' } } } });
    expect(agent({ 'a.md': card(front) })).toEqual({
      mission: 'Do it.',
      description: 'Says it',
      use_history: false,
      human_input: true,
    });
  });

  test('expands its placeholders, and reports those without a value', () => {
    const all = imported({
      'a.md': card(
        'name: a',
        'I am {{agentName}}, \\{{so}}.\n{{file:b.txt}}\n  {{env}} {{mine}} {{file:no.txt}}{{file_silent:no.txt}}',
      ),
      'b.txt': 'Be {{agentType}}. {{currentDate}}',
    });
    expect(all.document.agents).toEqual({
      a: { mission: 'I am a, {{so}}.\nBe agent. \n   {{mine}}' },
    });
    expect(notes(all)).toEqual([
      'a.md:5:1 b.txt: {{currentDate}}: Howdah does not fill in this placeholder; it is removed',
      'a.md:6:3 {{env}}: Howdah does not fill in this placeholder; it is removed',
      'a.md:6:11 {{mine}}: Howdah does not fill in this placeholder; it is kept unchanged',
      'a.md:6:20 {{file:no.txt}}: the file does not exist in the project or cannot be read',
    ]);
  });

  test('that includes itself endlessly is still imported', () => {
    const bomb = '{{file:b.txt}}{{file:b.txt}}';
    expect(agent({ 'a.md': card('name: a', `Go.${bomb}`), 'b.txt': bomb })).toEqual({
      mission: 'Go.',
    });
  });

  test('maps model parameters and limits to their own fields', () => {
    const params =
      '{maxTokens: 50, stopSequences: [x], service_tier: fast, max_iterations: 4, use_history: false, top_p: 0.5}';
    expect(
      agent({
        'a.md': card(`name: a\nmodel: gpt-5?reasoning=high&temp=0.2\nrequest_params: ${params}`),
      }),
    ).toEqual({
      mission: 'Do it.',
      model: 'gpt-5',
      request_params: {
        reasoning_effort: 'high',
        temperature: 0.2,
        max_tokens: 50,
        stop: ['x'],
        service_tier: 'priority',
        top_p: 0.5,
      },
      budget: { max_steps: 4 },
      use_history: false,
    });
  });

  test('delegates to the agents and workflows it names', () => {
    const files = {
      'a.md': card('name: a\nagents: [b, w, b]'),
      'b.md': card('name: b'),
      'w.md': card('name: w\ntype: chain\nsequence: [b]'),
    };
    expect(agent(files)).toMatchObject({ agents: ['b'], workflows: ['w'] });
    const timed = { ...files, 'a.md': card('name: a\nagents: [b]\nchild_timeout_sec: 1.5') };
    expect(agent(timed)).toMatchObject({ agents: { b: { budget: { max_seconds: 2 } } } });
  });

  test('marked as default is the orchestrator, the first of several', () => {
    const { document } = imported({
      'a.md': card('name: a'),
      'b.md': card('name: b\ndefault: true'),
      'c.md': card('name: c\ndefault: true'),
    });
    expect(document).toMatchObject({ orchestrator: 'b', agents: { b: { is_default: true } } });
    expect((document.agents as Record<string, JsonObject>).c).toEqual({ mission: 'Do it.' });
  });

  test('reports each key without a counterpart, and each unknown key', () => {
    const front =
      'name: a\nservers: [x]\nfunction_tools: [t.py:f]\nmodle: x\napi_key: "<set>"\nmax_parallel: 3';
    expect(notes(imported({ 'a.md': card(front) }))).toEqual([
      'a.md:3:11 MCP server "x" was not imported',
      'a.md:4:1 function_tools: it is Python, which is not executed',
      'a.md:5:1 unknown key "modle", did you mean "model"?',
      'a.md:6:1 api_key: keys are not imported; run howdah admin secret set openai_api_key, and set secret_name: openai_api_key in its models',
      'a.md:7:1 max_parallel: the workers set the number of concurrent runs',
    ]);
  });
});

describe('a model string', () => {
  const modelsOf = (spec: string, config = '') =>
    imported({ 'config.yaml': config, 'a.md': card(`name: a\nmodel: "${spec}"`) }).document.models;
  test.each([
    ['gpt-5-mini', { 'gpt-5-mini': { provider: 'openai', model: 'gpt-5-mini' } }],
    ['openai.gpt-4.1', { 'gpt-4.1': { provider: 'openai', model: 'gpt-4.1' } }],
    ['o3-mini.high', { 'o3-mini': { provider: 'openai', model: 'o3-mini' } }],
    ['responses.gpt-5.5', { 'gpt-5.5': { provider: 'openai', model: 'gpt-5.5' } }],
    ['sonnet', { 'claude-sonnet-5': { provider: 'anthropic', model: 'claude-sonnet-5' } }],
    [
      'anthropic/claude-opus-4-5',
      { 'claude-opus-4-5': { provider: 'anthropic', model: 'claude-opus-4-5' } },
    ],
    [
      'hf.openai/gpt-oss-20b:groq',
      {
        'openai/gpt-oss-20b:groq': {
          provider: 'huggingface',
          model: 'openai/gpt-oss-20b:groq',
        },
      },
    ],
    ['generic.qwen3:8b', { 'qwen3:8b': { base_url: 'http://localhost:11434/v1' } }],
    ['bedrock.amazon.nova-lite-v1:0', { 'amazon.nova-lite-v1:0': { provider: 'amazon-bedrock' } }],
    ['google.gemini-2.5-flash', { 'gemini-2.5-flash': { provider: 'google' } }],
    ['gemini-flash', { 'gemini-3.8-flash': { provider: 'google', model: 'gemini-3.8-flash' } }],
    ['moonshot.kimi-k3', { 'kimi-k3': { provider: 'moonshotai' } }],
    ['grok', { 'grok-4.6': { provider: 'xai', model: 'grok-4.6' } }],
    ['groq.constructor', { constructor: { provider: 'groq', model: 'constructor' } }],
    ['openai.default', { 'openai.default': { provider: 'openai', model: 'default' } }],
  ])('%s', (spec, models) => {
    expect(modelsOf(spec)).toMatchObject(models);
  });

  test('of a vendor that Howdah knows is named without its address and without notes', () => {
    const vendors = ['anthropic.x', 'bedrock.x', 'aliyun.x', 'deepseek.x', 'google.x', 'groq.x'];
    for (const spec of [...vendors, 'hf.x', 'moonshot.x', 'openrouter.x', 'xai.x', 'zai.x']) {
      const { document, notes } = imported({ 'a.md': card(`name: a\nmodel: ${spec}`) });
      expect(notes, spec).toEqual([]);
      const [entry] = Object.values(document.models as Record<string, JsonObject>);
      expect(findVendor(String(entry?.provider))?.name, spec).toBe(entry?.provider);
      expect(entry, spec).not.toHaveProperty('base_url');
    }
  });

  test('may be a name in the configuration that defines its provider', () => {
    const config =
      'model_references: {system: {fast: "groq.llama?top_k=5"}}\ngroq: {base_url: "https://groq.example.com/v1"}';
    const files = { 'config.yaml': config, 'a.md': card('name: a\nmodel: $system.fast') };
    expect(imported(files).document).toMatchObject({
      models: {
        llama: {
          provider: 'groq',
          base_url: 'https://groq.example.com/v1',
        },
      },
      agents: { a: { model: 'llama', request_params: { top_k: 5 } } },
    });
  });

  test('without a meaning in Howdah falls back to the default model', () => {
    const config = 'default_model: gpt-5-mini?reasoning=low';
    for (const [spec, why] of [
      ['$system.slow', 'the configuration does not define it'],
      ['passthrough', 'is for tests of fast-agent'],
      [`$\{MODEL}`, 'fast-agent reads it from the environment'],
    ]) {
      const all = imported({ 'config.yaml': config, 'a.md': card(`name: a\nmodel: "${spec}"`) });
      expect(all.document.agents).toMatchObject({
        a: { model: 'gpt-5-mini', request_params: { reasoning_effort: 'low' } },
      });
      expect(notes(all)).toEqual([
        expect.stringMatching(/^a\.md:3:1 model .*; the default model is used$/),
      ]);
      expect(notes(all)[0]).toContain(why);
    }
  });

  test('with one name at two providers becomes two models', () => {
    const all = imported({
      'a.md': card('name: a\nmodel: groq.llama'),
      'b.md': card('name: b\nmodel: hf.llama'),
    });
    expect(Object.keys(all.document.models as object)).toEqual(['llama', 'hf.llama']);
    expect(all.document.agents).toMatchObject({ a: { model: 'llama' }, b: { model: 'hf.llama' } });
  });

  test('may be at a vendor that fast-agent does not know', () => {
    const all = imported({ 'a.md': card('name: a\nmodel: mistral.mistral-large') });
    expect(all.document.models).toEqual({
      'mistral-large': { provider: 'mistral', model: 'mistral-large' },
    });
    expect(notes(all)).toEqual([]);
  });

  test('reports each unsupported part', () => {
    const spec = 'nova?web_search=on&reasoning=1024&temperature=warm';
    expect(notes(imported({ 'a.md': card(`name: a\nmodel: "${spec}"`) }))).toEqual([
      `a.md:3:1 model ${JSON.stringify(spec)} has no provider; openai is used`,
      'a.md:3:1 web_search=on in a model string is not supported',
      'a.md:3:1 reasoning=1024 in a model string is not supported',
      'a.md:3:1 temperature=warm in a model string is not supported',
    ]);
  });
});

test('no key and no token of a configuration is imported or reported', () => {
  const secret = 'very-secret-value';
  const all = imported({
    'config.yaml': `default_model: openai.gpt-5\nopenai: {api_key: ${secret}}\nmcp: {servers: {x: {command: y, env: {T: ${secret}}, headers: {H: ${secret}}}}}`,
    'secrets.yaml': `anthropic: {api_key: ${secret}}\nmcp: {servers: {x: {env: {U: ${secret}}}}}`,
    'a.md': card(
      `name: a\napi_key: ${secret}\nmcp_connect: {m: {target: "https://x", access_token: ${secret}}}`,
    ),
  });
  expect(JSON.stringify(all)).not.toContain(secret);
  expect(all.document.models).toEqual({ 'gpt-5': { provider: 'openai', model: 'gpt-5' } });
  expect(notes(all)).toEqual([
    'config.yaml:2:10 api_key: keys are not imported; run howdah admin secret set openai_api_key, and set secret_name: openai_api_key in its models',
    'config.yaml:3:39 env.T: keys are not imported; run howdah admin secret set x_t, and set secrets: {T: x_t} in mcp_servers.x, which is imported as inactive',
    'config.yaml:3:62 headers: it is not supported',
    'secrets.yaml:1:13 api_key: keys are not imported; run howdah admin secret set anthropic_api_key, and set secret_name: anthropic_api_key in its models',
    'secrets.yaml:2:27 env.U: keys are not imported; run howdah admin secret set x_u, and set secrets: {U: x_u} in mcp_servers.x, which is imported as inactive',
    expect.stringMatching(/^a\.md:3:1 api_key: keys are not imported/),
    expect.stringMatching(/^a\.md:4:1 mcp_connect: /),
  ]);
});

test('an agent on another server gets the engine a2a, and is active if it needs no key', () => {
  const all = imported({
    'a.md': card('name: a\ntype: a2a\nurl: https://a.example.com/agent\nheaders: {x-team: red}'),
    'b.md': card(
      'name: b\ntype: a2a\nurl: https://b.example.com\nrelative_card_path: /card.json\naccepted_output_modes: [text/plain]\nheaders: {Authorization: "Bearer abc-123-def"}',
    ),
    'c.md': card('name: c\ntype: a2a\nstreaming: true'),
  });
  expect(all.document.agents).toMatchObject({
    a: {
      engine: 'a2a',
      engine_configuration: { url: 'https://a.example.com/agent', headers: { 'x-team': 'red' } },
    },
    b: {
      engine: 'a2a',
      engine_configuration: {
        url: 'https://b.example.com/card.json',
        accepted_output_modes: ['text/plain'],
      },
      is_active: false,
    },
    c: { is_active: false },
  });
  expect(all.document.agents).not.toHaveProperty('a.is_active');
  expect(JSON.stringify(all)).not.toContain('abc-123');
  expect(notes(all)).toEqual([
    expect.stringMatching(/^b\.md:\d+:\d+ headers\.Authorization: .* secret_name: b_key /),
    expect.stringMatching(/^c\.md:\d+:\d+ an agent on another server needs an HTTP address/),
    expect.stringMatching(/^c\.md:\d+:\d+ streaming: /),
  ]);
});

describe('an MCP server', () => {
  const servers = (yaml: string) => {
    const all = imported({ 'config.yaml': `mcp: {servers: {${yaml}}}`, 'a.md': card('name: a') });
    return { entries: all.document.mcp_servers as JsonObject | undefined, notes: notes(all) };
  };

  test.each<[string, JsonObject]>([
    [
      'x: {command: npx, args: [-y, "@acme/search"], env: {LEVEL: debug}, cwd: /srv}',
      {
        type: 'stdio',
        command: 'npx',
        args: ['-y', '@acme/search'],
        cwd: '/srv',
        env: { LEVEL: 'debug' },
      },
    ],
    [
      `x: {target: "npx -y 'a b' --all", description: Finds.}`,
      { type: 'stdio', command: 'npx', args: ['-y', 'a b', '--all'], description: 'Finds.' },
    ],
    [
      'x: {transport: http, url: "https://mcp.example.org/mcp", headers: {X-Team: shop}}',
      { type: 'http', url: 'https://mcp.example.org/mcp', headers: { 'X-Team': 'shop' } },
    ],
    [
      'x: {target: "https://mcp.example.org/mcp?login"}',
      { type: 'http', url: 'https://mcp.example.org/mcp?login' },
    ],
  ])('%s', (yaml, entry) => {
    expect(servers(yaml)).toEqual({ entries: { x: entry }, notes: [] });
  });

  test('imports its sampling, elicitation and roots', () => {
    const { entries, notes } = servers(
      'x: {command: y, sampling: {model: openai.gpt-5-mini}, elicitation: {mode: forms}, roots: [{uri: "file:///srv/docs", name: docs}, {uri: "file:///x", server_uri_alias: "file:///mnt"}]}, z: {command: z, elicitation: {mode: auto-cancel}, sampling: {model: "openai.gpt-5?reasoning=high"}}',
    );
    expect(entries).toEqual({
      x: {
        type: 'stdio',
        command: 'y',
        roots: [{ uri: 'file:///srv/docs', name: 'docs' }, { uri: 'file:///mnt' }],
        sampling_model: 'gpt-5-mini',
        allows_elicitation: true,
      },
      z: { type: 'stdio', command: 'z', sampling_model: 'gpt-5' },
    });
    expect(notes).toEqual([
      expect.stringMatching(/sampling: parameters of the model "openai.gpt-5\?reasoning=high"/),
    ]);
  });

  test.each([
    [
      'x: {url: "https://mcp.example.org/sse"}',
      'it uses SSE, and only streamable HTTP is supported',
    ],
    [
      'x: {transport: sse, url: "https://mcp.example.org"}',
      'it uses SSE, and only streamable HTTP is supported',
    ],
    ['x: {url: "https://a:b@mcp.example.org"}', 'its URL contains a key'],
    ['x: {url: "https://mcp.example.org?api_key=1"}', 'its URL contains a key'],
    ['x: {command: y, args: [--api-key, abc]}', 'an argument of it looks like a key'],
    ['x: {command: docker, args: [-e, A_TOKEN=abc]}', 'an argument of it looks like a key'],
    ['x: {load_on_start: true}', 'it has neither a command nor a URL'],
  ])('is not imported but reported: %s', (yaml, why) => {
    expect(servers(yaml)).toEqual({
      entries: undefined,
      notes: [`config.yaml:1:17 MCP server "x" is not imported: ${why}`],
    });
  });

  test('without its keys, or with its own working directory, is imported as inactive', () => {
    const { entries, notes } = servers(
      'x: {url: "https://mcp.example.org", headers: {Authorization: Bearer abc}}, my files: {command: uv, args: [run, files.py], cwd: ./x, roots: [a]}',
    );
    expect(entries).toEqual({
      x: { type: 'http', url: 'https://mcp.example.org', is_active: false },
      'my-files': { type: 'stdio', command: 'uv', args: ['run', 'files.py'], is_active: false },
    });
    expect(notes).toEqual([
      'config.yaml:1:63 headers.Authorization: keys are not imported; run howdah admin secret set x_authorization, and set secrets: {Authorization: x_authorization} in mcp_servers.x, which is imported as inactive',
      'config.yaml:1:92 its working directory differs in Howdah: set cwd or use absolute paths; it is imported as inactive',
      'config.yaml:1:92 MCP server "my files" is renamed to my-files',
      'config.yaml:1:149 roots: not supported',
    ]);
  });

  test('is assigned to agents, with the tools their cards allow', async () => {
    const all = imported({
      'config.yaml': 'mcp: {servers: {x: {target: x}, y: {url: "https://y.example.org"}}}',
      'a.md': card('name: a\nservers: [x, y]\ntools: {y: [find, "read_*"], x: ["*"]}'),
      'b.md': card('name: b\nservers: x\nresources: {x: [a]}\ntools: {z: [b]}'),
      'w.md': card('name: w\ntype: chain\nsequence: [a]\nservers: [x]'),
    });
    expect(all.document.agents).toMatchObject({
      a: { servers: { x: {}, y: { allowed_tools: ['find'] } } },
      b: { servers: ['x'] },
    });
    expect(notes(all)).toEqual([
      'a.md:4:9 tools.y: patterns are not imported, list the tools by name: read_*',
      'b.md:4:1 resources: agents use resources and prompts of an MCP server by read_resource and get_prompt',
      'b.md:5:9 tools.z: the agent has no such server',
      'w.md:5:1 servers: only agents have MCP servers in Howdah',
    ]);
    const tenant = await newTenant(database.pool);
    const { digest } = await tenant.apply(writeFile(all.document));
    expect(await tenant.apply(await tenant.export('project'))).toMatchObject({ digest });
  });
});

describe('a workflow', () => {
  test.each([
    [
      'name: w\ntype: chain\nsequence: [a, b, a]\ncumulative: true',
      {
        type: 'chain',
        cumulative: true,
        members: [{ agent: 'a', role: 'a-1' }, 'b', { agent: 'a', role: 'a-2' }],
      },
    ],
    ['name: w\ntype: parallel\nfan_out: [a, b]', { type: 'parallel', members: ['a', 'b'] }],
    [
      'name: w\ntype: parallel\nfan_out: [a]\nfan_in: b\ninclude_request: false',
      { type: 'parallel', members: ['a', 'b'], aggregator: 'b', template: '{{outputs}}' },
    ],
    [
      'name: w\ntype: parallel\nfan_out: [a, b]\nfan_in: b',
      {
        type: 'parallel',
        members: ['a', 'b', { agent: 'b', role: 'b-fan-in' }],
        aggregator: 'b-fan-in',
      },
    ],
    [
      'name: w\ntype: router\nagents: [a, b]\nmodel: gpt-5?reasoning=low',
      {
        type: 'router',
        members: ['a', 'b'],
        model: 'gpt-5',
        request_params: { reasoning_effort: 'low' },
      },
    ],
    [
      'name: w\ntype: orchestrator\nagents: [a]\nplan_type: iterative\nplan_iterations: 7',
      { type: 'orchestrator', members: ['a'], planning: 'iterative', max_plans: 7 },
    ],
    [
      'name: w\ntype: iterative_planner\nagents: [a]',
      { type: 'orchestrator', members: ['a'], planning: 'iterative' },
    ],
    [
      'name: w\ntype: evaluator-optimizer\ngenerator: a\nevaluator: b',
      { type: 'evaluator_optimizer', members: ['a', 'b'], min_score: 0.7, max_rounds: 4 },
    ],
    [
      'name: w\ntype: maker\nworker: a\nk: 1\nmax_samples: 1',
      {
        type: 'voting',
        members: [
          { agent: 'a', role: 'a-1' },
          { agent: 'a', role: 'a-2' },
        ],
      },
    ],
    [
      'name: w\ntype: MAKER\nworker: a\nk: 100000',
      { type: 'voting', members: expect.objectContaining({ length: 50 }) },
    ],
  ])('%s', (front, entry) => {
    expect(workflow(front)).toEqual({ instruction: 'Do it.', ...entry });
  });

  test('assigns repeated members roles that match no other name', () => {
    const more = { 'a-1.md': card('name: a-1') };
    expect(workflow('name: w\ntype: chain\nsequence: [a, a-1, a]', more)).toMatchObject({
      members: [{ agent: 'a', role: 'a-1-' }, 'a-1', { agent: 'a', role: 'a-2' }],
    });
  });

  test('uses the default model where it names none', () => {
    const config = { 'config.yaml': 'default_model: gpt-5-mini' };
    for (const front of [
      'type: router\nagents: [a]',
      'type: orchestrator\nagents: [a]',
      'type: evaluator_optimizer\ngenerator: a\nevaluator: b',
    ]) {
      expect(workflow(`name: w\n${front}`, config)).toMatchObject({ model: 'gpt-5-mini' });
    }
  });
});

describe('rejected projects', () => {
  test('report every fault at once, with file, line and column', async () => {
    expect(
      await refusal({
        'config.yaml': 'default_model: [x]',
        'a.md': card('name: a\nagents: [bb, nobody]\nuse_history: maybe'),
        'bb.md': card('name: b\ntype: chian'),
        'c.md': card('name: a\n'),
        'd.md': card('name: d\ntype: chain'),
        'e.md': '---\nname: [\n---\n',
        'f.yaml': '- one\n- two\n',
        'g.yaml': 'name: g\ninstruction: x\ninstruction: y\n',
        'h.md': card('name: h\ninstruction: x'),
        'i.md': card('name: " "'),
        'j.md': card('name: j', '---USER\nHello'),
        'k.md': card(
          'name: k\ntype: evaluator_optimizer\ngenerator: a\nevaluator: b\nmin_rating: BEST',
        ),
        'l.md': card('name: l\ntype: maker\nworker: a\nk: 0'),
        'm.md': card('name: m\ndefault: true\ntool_only: true'),
      }),
    ).toEqual([
      'config.yaml:1:1 default_model must be a text',
      'e.md:2:8 Flow sequence in block collection must be sufficiently indented and end with a ]',
      'f.yaml:1:1 it must be a mapping of keys and values',
      'g.yaml:3:1 the key "instruction" is already in this mapping, at g.yaml:2:1: rename one of them, or merge both entries',
      'i.md:2:7 name must be a text that is not empty',
      'c.md:2:7 another card already has the name "a": a.md',
      'a.md:4:1 use_history must be true or false',
      'bb.md:3:1 unknown type "chian", did you mean "chain"?',
      'd.md:2:1 sequence is missing: a list of the names of agents',
      'h.md:3:1 the instruction is in both instruction and the body: remove one of them',
      'j.md:2:1 the body contains a conversation (---USER, ---ASSISTANT): only an instruction is allowed',
      'k.md:6:1 min_rating must be one of POOR, FAIR, GOOD, EXCELLENT',
      'l.md:5:1 k must be at least 1',
      'm.md:3:1 an agent with tool_only cannot be the default agent',
      'a.md:3:10 unknown agent "bb", did you mean "b"?',
      'a.md:3:14 unknown agent "nobody"',
    ]);
  });

  test('report each cycle once', async () => {
    expect(
      await refusal({
        'a.md': card('name: a\nagents: [b]'),
        'b.md': card('name: b\ntype: chain\nsequence: [c]'),
        'c.md': card('name: c\nagents: [a, c]'),
      }),
    ).toEqual([
      'c.md:3:10 a → b → c → a is a cycle: an agent may not be its own sub-agent',
      'c.md:3:13 c → c is a cycle: an agent may not be its own sub-agent',
    ]);
  });

  test('report a value that Howdah files do not accept, at its card', async () => {
    expect(await refusal({ 'a.md': card(`name: ${'x'.repeat(201)}`) })).toEqual([
      expect.stringMatching(/^a\.md:2:1 /),
    ]);
    expect(await refusal({ 'a.md': card('name: a\nrequest_params: {max_iterations: 0}') })).toEqual(
      ['a.md:3:18 max_iterations must be at least 1'],
    );
  });
});

describe('a whole project', () => {
  test('applies, and exports again to the same digest', async () => {
    const { document } = importFastAgent(await readFastAgentProject(NEWSROOM));
    const tenant = await newTenant(database.pool);
    await reportUsable(database.pool, 'anthropic', 'groq', 'openai');
    const plan = await tenant.apply(writeFile(document));
    expect(changes(plan).filter((change) => change.startsWith('create'))).toHaveLength(
      1 + 5 + 1 + 6 + 7,
    );
    const again = await tenant.apply(await tenant.export('newsroom'), { prune: true });
    expect({ digest: again.digest, changes: changes(again) }).toEqual({
      digest: plan.digest,
      changes: [],
    });
    expect(await tenant.all(`select (howdah.current_agent()).name`)).toEqual([{ name: 'chief' }]);
    const faults = await tenant.all(
      `select w.name, howdah_private.workflow_fault(v.definition) as fault from howdah.workflows as w
      join howdah.workflow_versions as v on v.id = w.current_version_id
      where w.agent_system_id is not null and w.tenant_id = howdah.current_tenant()`,
    );
    expect(faults).toHaveLength(7);
    expect(faults.filter(({ fault }) => fault !== null)).toEqual([]);
  });

  test('reports everything it leaves behind, in the order of the files', async () => {
    const { notes: all } = importFastAgent(await readFastAgentProject(NEWSROOM));
    expect(
      all.map(({ file, line, column }) => `${file.slice(NEWSROOM.length + 1)}:${line}:${column}`),
    ).toEqual([
      'fastagent.config.yaml:5:1',
      'fastagent.config.yaml:8:3',
      'fastagent.config.yaml:9:3',
      'fastagent.config.yaml:18:9',
      'fastagent.secrets.yaml:2:3',
      ...[
        'abroad.yaml:4:12',
        'campaign.md:5:1',
        'chief.md:12:3',
        'chief.md:16:3',
        'chief.md:17:1',
      ].map((at) => `.fast-agent/agent-cards/${at}`),
      ...[
        'chief.md:23:1',
        'chief.md:25:10',

        'notes.md:1:1',
        'reporter.md:6:1',
        'verdict.md:5:1',
        'verdict.md:7:1',
      ].map((at) => `.fast-agent/agent-cards/${at}`),
      '.fast-agent/tool-cards/lookup.md:2:1',
      '.fast-agent/tool-cards/lookup.md:4:1',
      'legacy.py:6:1',
    ]);
  });
});
