import { beforeAll, describe, expect, test } from 'vitest';
import { readFile } from '../../src/systems/read-file.ts';
import { testDatabase } from '../support/database.ts';
import { faultsOf, newTenant, type TenantInterfaces } from './support.ts';

const database = testDatabase();
let tenant: TenantInterfaces;
beforeAll(async () => {
  tenant = await newTenant(database.pool);
});

const HEAD = 'version: v1\nname: shop\n';

describe('faults with their line, column and suggestion', () => {
  test.each([
    // syntax
    ['agents: {', /^3:10 Flow map .* end with a }/],
    ['agents:\n  desk: [1, 2', /^4:14 Flow sequence .* end with a ]/],
    [
      'agents:\n  desk: { mission: "Answer. }\n  b: {}',
      '4:20 the quoted text that begins here is not closed',
    ],
    [
      "agents:\n  desk:\n    mission: 'Answer.\n    model: default",
      '5:14 the quoted text that begins here is not closed',
    ],
    ['agents:\n\tdesk: {}', '4:1 lines must be indented with spaces, not tabs'],
    ['agents: { desk: { mission: @home } }', '3:28 a text that begins with @ must be in quotes'],
    [
      'agents:\n  desk:\n    mission: do this: that',
      '5:14 a text that contains a colon and a space must be in quotes',
    ],
    [
      'agents: {}\nagents: {}',
      '4:1 the key "agents" is already in this mapping, at system.yaml:3:1: rename one of them, or merge both entries',
    ],
    ['agents: {}\n---\nversion: v1', '4:1 a file must contain exactly one document'],
    ['agents: { desk: !odd {} }', '3:17 Unresolved tag: !odd'],
    [
      'agents: { desk: { mission: *nobody } }',
      '3:28 the anchor &nobody is not defined before this alias',
    ],
    ['agents: { ? [a, b] : {} }', '3:13 a key must be a text'],
    ['agents: { __proto__: {} }', '3:11 __proto__ is not a valid name'],
    ['agents: { desk: { mission: "\\0" } }', '3:28 a text may not contain U+0000'],
    ['agents: { desk: { mission: "\\uD800" } }', '3:28 a text may not contain U+0000'],
    [
      'models: { m: { provider: local, model: x, input_price: .inf } }',
      '3:56 a number must be finite',
    ],
    // shape
    ['agent: {}', '3:1 unknown key "agent", did you mean "agents"?'],
    ['agents:\n  desk:\n    mision: Answer.', '5:5 unknown key "mision", did you mean "mission"?'],
    [
      'tools: { t: { kind: custom, capabilites: [a] } }',
      '3:29 unknown key "capabilites", did you mean "capabilities"?',
    ],
    [
      'models: { m: { provider: local, model_id: x } }',
      '3:33 unknown key "model_id", did you mean "model"?',
    ],
    ['agents: { desk: { tools: { alow: [] } } }', '3:28 unknown key "alow", did you mean "allow"?'],
    [
      'agents: { desk: { budget: { max_stps: 3 } } }',
      '3:29 unknown key "max_stps", did you mean "max_steps"?',
    ],
    [
      'agents: { desk: { models: [{ modl: x }] } }',
      '3:30 unknown key "modl", did you mean "model"?',
    ],
    [
      'agents: { desk: { context_policy: trimm } }',
      '3:35 unknown context_policy "trimm", did you mean "trim"?',
    ],
    [
      'agents: { desk: { context_policy: 0123456789 } }',
      '3:35 context_policy must be one of trim, summarize, none',
    ],
    ['agents: { desk: { mission: 7 } }', '3:28 mission must be a text, not a number'],
    ['agents: { desk: [] }', '3:11 desk must be an object, not a list'],
    [
      'agents: { desk: { use_history: yes } }',
      '3:32 use_history must be true or false, not a text',
    ],
    ['agents: { desk: { budget: { max_steps: 0 } } }', '3:40 max_steps must be at least 1'],
    ['agents: { desk: { budget: { max_cost: 0 } } }', '3:39 max_cost must be more than 0'],
    [
      'agents: { desk: { budget: { max_steps: 1.5 } } }',
      '3:40 max_steps must be a whole number, not a fraction',
    ],
    ['models: { m: { provider: local } }', '3:11 model is missing'],
    [
      'models: { m: { provider: local, model: x, api_key: abc } }',
      '3:43 api_key: a file must not contain keys',
    ],
    [
      'models: { m: { provider: local, model: x, capabilities: [] } }',
      '3:43 capabilities must be an object, not a list',
    ],
    ['tools: { t: { kind: customm } }', '3:21 unknown kind "customm", did you mean "custom"?'],
    ['tools: { t: { kind: agent } }', '3:10 agent is missing'],
    [
      'tools: { "two words": { kind: custom } }',
      '3:10 a tool has a name of letters, digits, _ and -',
    ],
    [
      'workflows: { w: { type: chian, members: [] } }',
      '3:25 unknown type "chian", did you mean "chain"?',
    ],
    [
      'workflows: { w: { type: router, members: [], fallbak: x } }',
      '3:46 unknown key "fallbak", did you mean "fallback"?',
    ],
    [
      'workflows: { w: { type: chain, members: [{ agnt: x }] } }',
      '3:44 unknown key "agnt", did you mean "agent"?',
    ],
    [
      'workflows: { w: { type: chain, members: [3] } }',
      '3:42 members[0] must be a text or an object, not a number',
    ],
    ['workflows: { w: { type: graph, members: [] } }', '3:14 edges is missing'],
    [
      'workflows: { w: { type: graph, members: [], edges: [], configuration: { edges: [] } } }',
      '3:73 edges: is also set beside type: set it in one place only',
    ],
    [
      'workflows: { w: { type: chain, members: [], configuration: { edges: [] } } }',
      '3:62 unknown key "edges"',
    ],
    ['prompts: { p: { description: a } }', '3:12 template is missing'],
    ['prompts: { p: { templat: a } }', '3:17 unknown key "templat", did you mean "template"?'],
    [
      'prompts: { p: { template: a, variables: { v: { type: strng } } } }',
      '3:54 unknown type "strng", did you mean "string"?',
    ],
    [
      'prompts: { p: { template: a, variables: { a-b: { type: string } } } }',
      '3:43 a variable has a name of letters, digits and _',
    ],
    ['skills: { s: { content: a } }', '3:11 description is missing'],
    ['skills: { s: { descripton: a, content: a } }', '3:16 unknown key "descripton", did you mean'],
    [
      'skills: { s: { description: "a\\nb", content: a } }',
      '3:29 description: describe in one line',
    ],
    [
      'skills: { a b: { description: a, content: a } }',
      '3:11 a skill has a name of letters, digits, _ and -',
    ],
    ['agents: { a: { prompt_values: { tone: [] } } }', '3:33 tone must be'],
    ['agents: { a: { skils: [] } }', '3:16 unknown key "skils", did you mean "skills"?'],
    ['agents: { "": {} }', '3:11 a name may not be empty'],
    [`agents: { ${'x'.repeat(201)}: {} }`, '3:11 a name may have at most 200 characters'],
    ['agents: { a: { model: "" } }', '3:23 model may not be empty'],
    ['agents: { a: { skills: [""] } }', '3:25 skills[0] may not be empty'],
    [`agents: { a: { model: ${'x'.repeat(201)} } }`, '3:23 model may have at most 200 characters'],
    // names
    ['agents: { desk: { model: nobody } }', '3:26 unknown model "nobody"'],
    [
      'agents: { desk: { models: [default, defalt] } }',
      '3:37 unknown model "defalt", did you mean "default"?',
    ],
    [
      'agents: { desk: { tools: { allow: [todo, tood] } } }',
      '3:42 unknown tool "tood", did you mean "todo"?',
    ],
    ['agents: { desk: { agents: [desc] } }', '3:28 unknown agent "desc", did you mean "desk"?'],
    [
      'agents: { desk: { agents: { desc: {} } } }',
      '3:29 unknown agent "desc", did you mean "desk"?',
    ],
    ['agents: { desk: { workflows: [w] } }', '3:31 unknown workflow "w"'],
    [
      'agents: { desk: { tools: { configuration: { todo: {} } } } }',
      '3:45 "todo" is not among tools.allow',
    ],
    ['agents: { desk: { tools: { allow: [todo, todo] } } }', '3:42 "todo" is listed twice'],
    [
      'agents: { desk: { model: default, models: [default] } }',
      '3:35 set either model or models, not both',
    ],
    ['tools: { t: { kind: agent, agent: nobody } }', '3:35 unknown agent "nobody"'],
    ['tools: { t: { kind: custom, compensation: back } }', '3:43 unknown tool "back"'],
    [
      'workflows: { w: { type: chain, members: [nobody] } }',
      '3:42 unknown agent or workflow "nobody"',
    ],
    [
      'workflows: { w: { type: router, members: [], model: nobody } }',
      '3:53 unknown model "nobody"',
    ],
    [
      'prompts: { serve: { template: a } }\nagents: { a: { prompt: serv } }',
      '4:24 unknown prompt "serv", did you mean "serve"?',
    ],
    [
      'prompts: { serve: { template: a } }\nagents: { a: { prompt: serv, prompt_values: { b: 1 } } }',
      '4:24 unknown prompt "serv", did you mean "serve"?',
    ],
    ['agents: { a: { prompt_values: { tone: kind } } }', '3:16 prompt_values go with prompt'],
    [
      'skills: { refunds: { description: a, content: a } }\nagents: { a: { skills: [refund] } }',
      '4:25 unknown skill "refund", did you mean "refunds"?',
    ],
    [
      'skills: { s: { description: a, content: a } }\nagents: { a: { skills: [s, s] } }',
      '4:28 "s" is listed twice',
    ],
    ['orchestrator: nobody', '3:15 unknown agent or workflow "nobody"'],
    // rejected by the database
    [
      'models: { m: { provider: local, model: x, base_url: "ftp://x" } }',
      /^3:53 .*base_url must be an HTTP URL/,
    ],
    ['models: { m: { provider: opnai, model: x } }', "3:26 there is no model provider 'opnai'"],
    [
      'models: { m: { provider: amazon-bedrock, model: x } }',
      "3:26 provider 'amazon-bedrock' needs the package @ai-sdk/amazon-bedrock",
    ],
    ['models: { m: { provider: groq.com, model: x } }', '3:26 there is no API key for Groq'],
    ['models: { m: { provider: local, model: x, secret_name: nowhere } }', /^3:56 .*secret/],
    [
      'models: { m: { provider: local, model: x, base_url: "https://me:pass1234@x.org/" } }',
      /^3:53 .*password/,
    ],
    [
      'agents: { desk: { mission: "Use sk-proj-abcdefgh1234567890ABCD." } }',
      '3:28 instruction contains a key; rows must not contain keys',
    ],
    [
      'agents: { desk: { models: [{ model: default, request_params: { api_key: sk-123456789 } }] } }',
      /^3:11 request_params.* contains a key/,
    ],
    [
      'agents: { desk: { tools: { allow: [http_request], configuration: { http_request: { headers: { authorization: "Bearer abcdef1234567890" } } } } } }',
      /contains a key/,
    ],
    [
      'prompts: { p: { template: "Dear {{custmer}}", variables: { customer: { type: string } } } }',
      '3:27 template, line 1, column 6: {{custmer}} is not a variable: did you mean {{customer}}?',
    ],
    ['prompts: { p: { template: " " } }', /^3:27 .*template must not be empty/],
    [
      'prompts: { p: { template: a, variables: { n: { type: integer, default: x } } } }',
      /^3:30 variables: the default of n/,
    ],
    [
      'prompts: { p: { template: "sk-proj-abcdefgh1234567890ABCD" } }',
      '3:27 template contains a key',
    ],
    [
      'skills: { s: { description: a, content: "sk-proj-abcdefgh1234567890ABCD" } }',
      '3:41 content contains a key',
    ],
    [`skills: { s: { description: a, content: ${'é'.repeat(40_000)} } }`, /^3:\d+ .*content/],
    [
      'prompts: { p: { template: "{{tone}}", variables: { tone: { type: string } } } }\nagents: { a: { prompt: p, prompt_values: { ton: kind } } }',
      '4:49 prompt_values for prompt p: "ton" is not a variable of the prompt: did you mean tone?',
    ],
    [
      'prompts: { p: { template: "{{tone}}", variables: { tone: { type: string } } } }\nagents: { a: { prompt: p, prompt_values: { tone: 3 } } }',
      /^4:27 prompt_values for prompt p: .*tone/,
    ],
    // A fault of a prompt is not repeated for the agents that use it.
    [
      'prompts: { p: { template: "{{tone}}" } }\nagents: { a: { prompt: p, prompt_values: { tone: kind } } }',
      '3:27 template, line 1, column 1',
    ],
    ['agents: { desk: { output_schema: { type: 7 } } }', /^3:\d+ .*output_schema/],
    ['tools: { t: { kind: custom, aliases: [todo] } }', /^3:\d+ .*taken by tool 'todo'/],
    ['tools: { todo: { kind: custom } }', /^3:\d+ tool "todo" already exists with kind builtin/],
    [
      'workflows: { w: { type: chain, members: [{ workflow: w }] } }',
      /^3:42 workflow "w" would be a member of itself: w → w$/,
    ],
    [
      'workflows: { w: { type: chain, members: [{ agent: development, configuration: { api_key: abcdef } }] } }',
      /^3:32 .*contains a key/,
    ],
  ])('%s', async (text, said) => {
    const { lines } = await faultsOf(tenant.apply(HEAD + text));
    expect(lines).toHaveLength(1);
    if (typeof said === 'string') expect(lines[0]?.slice(0, said.length)).toBe(said);
    else expect(lines[0]).toMatch(said);
  });

  test('are reported all at once, of every kind', async () => {
    const { code, lines, faults } = await faultsOf(
      tenant.apply(`${HEAD}models:
  fast: { provider: openai }
agents:
  desk:
    mission: Answer.
    model: fast
    tools: { allow: [serch] }
  other:
    mision: Answer.
    model: nobody
tools:
  search: { kind: custom }
workflows:
  press: { type: chain, members: [desk, editor] }
`),
    );
    expect(lines).toEqual([
      '4:3 model is missing',
      '9:22 unknown tool "serch", did you mean "search"?',
      '11:5 unknown key "mision", did you mean "mission"?',
      '12:12 unknown model "nobody"',
      '16:41 unknown agent or workflow "editor"',
    ]);
    expect(code).toBe('HWINV');
    expect(faults[1]).toMatchObject({ file: 'system.yaml', path: '/agents/desk/tools/allow/0' });
  });

  test('of one entry are all reported: shape, unknown names, values its row rejects', async () => {
    const { lines } = await faultsOf(
      tenant.apply(`${HEAD}models:
  fast:
    provider: openai
    model: gpt-5
    base_url: ftp://x
    secret_name: nowhere
    input_price: -1
agents:
  desk:
    mission: Use sk-proj-abcdefgh1234567890ABCD.
    description: Use sk-proj-abcdefgh1234567890ABCE.
    domain: 3
    model: nobody
    request_params: { api_key: sk-123456789 }
    tools: { allow: [7, serch, todo], configuration: { serch: {} } }
    agents: [clerk]
  clerk:
    mission: Use sk-proj-abcdefgh1234567890ABCD.
    agents: [dsk]
    output_schema: { type: 7 }
  chief: { model: default, request_params: { api_key: sk-123456789 }, skills: [hunt] }
prompts:
  tone: { template: "{{x}}", variables: { x: { type: strng } } }
skills:
  hunt: { description: "sk-proj-abcdefgh1234567890ABCD", content: "sk-proj-abcdefgh1234567890ABCE" }
workflows:
  news: { type: chain, members: [desk, 3, nobody, { agent: x }], fallbak: y }
  more: { type: router, members: [anybody], max_rounds: 3 }
`),
    );
    expect(lines.map((line) => line.replace(/ .*(contains a key).*/, ' $1'))).toEqual([
      '7:15 base_url must be an HTTP URL',
      "8:18 there is no secret 'nowhere'",
      '9:18 input_price must be at least 0',
      '12:14 contains a key',
      '13:18 contains a key',
      '14:13 domain must be a text, not a number',
      '15:12 unknown model "nobody"',
      '17:22 allow[0] must be a text, not a number',
      '17:25 unknown tool "serch"',
      '20:14 contains a key',
      '21:14 unknown agent "dsk", did you mean "desk"?',
      expect.stringMatching(/^22:28 output_schema is not a JSON Schema/),
      '23:3 contains a key',
      '25:54 unknown type "strng", did you mean "string"?',
      '27:24 contains a key',
      '27:67 contains a key',
      '29:40 members[1] must be a text or an object, not a number',
      '29:43 unknown agent or workflow "nobody"',
      '29:51 unknown agent "x"',
      '29:66 unknown key "fallbak"',
      '30:35 unknown agent or workflow "anybody"',
      '30:45 unknown key "max_rounds"',
    ]);
  });

  test('a key in a comment is reported beside others, and one in a field once', async () => {
    const key = 'sk-proj-abcdefgh1234567890ABCD';
    const { lines } = await faultsOf(
      tenant.apply(`${HEAD}agents: { a: { mision: x, model: nobody } } # ${key}\n# ${key}\n`),
    );
    expect(lines).toEqual([
      '3:1 this line contains a key; files must not contain keys',
      '3:16 unknown key "mision", did you mean "mission"?',
      '3:34 unknown model "nobody"',
      '4:1 this line contains a key; files must not contain keys',
    ]);
    const once = await faultsOf(
      tenant.apply(`${HEAD}models: { m: { provider: local, model: x, api_key: ${key} } }\n`),
    );
    expect(once.lines).toEqual(['3:43 api_key: a file must not contain keys']);
  });

  test('exclude those that only follow from another', async () => {
    const { lines } = await faultsOf(
      tenant.apply(`${HEAD}prompts:
  tone: { template: "{{x}}", variables: { x: { type: strng } } }
agents:
  desk: { promt: tone, prompt_values: { x: a }, tools: { alow: [todo], configuration: { todo: {} } } }
  clerk: { prompt: tone, prompt_values: { x: a }, agents: [desk] }
  chief: { modle: default, request_params: { temperature: 1 }, agents: { desk: {} }, workflows: [news] }
  cook: { mission: Use sk-proj-abcdefgh1234567890ABCD., engine: http }
tools:
  ask: { kind: agnt, agent: desk }
workflows:
  news: { type: chian, members: [desk, cook] }
orchestrator: news
`),
    );
    expect(lines).toEqual([
      '4:54 unknown type "strng", did you mean "string"?',
      '6:11 unknown key "promt", did you mean "prompt"?',
      '6:58 unknown key "alow", did you mean "allow"?',
      '8:12 unknown key "modle", did you mean "model"?',
      '9:20 instruction contains a key; rows must not contain keys',
      '11:16 unknown kind "agnt", did you mean "agent"?',
      '13:17 unknown type "chian", did you mean "chain"?',
    ]);
  });

  test('a cycle is reported by the names in it, where it closes', async () => {
    const { lines, faults } = await faultsOf(
      tenant.apply(`${HEAD}workflows:
  a: { type: chain, members: [development, b] }
  b: { type: chain, members: [{ workflow: c }] }
  c: { type: chain, members: [development, a] }
`),
    );
    expect(lines).toEqual(['6:44 workflow "c" would be a member of itself: c → a → b → c']);
    expect(faults[0]).toMatchObject({ path: '/workflows/c/members/1' });
  });

  test('a pasted key is reported without its value', async () => {
    const key = 'sk-proj-abcdefgh1234567890ABCD';
    for (const text of [
      `models: { m: { provider: local, model: x, api_key: ${key} } }`,
      `models: { m: { provider: local, model: x, secret_name: ${key} } }`,
      `agents: { desk: { mission: ${key} } }`,
      `agents: { desk: { context_policy: ${key} } }`,
      `agents: {} # ${key}`,
    ]) {
      const error = await tenant.apply(HEAD + text).catch((thrown) => thrown);
      expect(error.code).toBe('HWINV');
      expect(JSON.stringify([error.message, error.detail, error.hint])).not.toContain(key);
    }
  });
});

describe('a file', () => {
  test('larger than 1 MB is rejected', () => {
    expect(readFile(`a: ${'x'.repeat(1024 * 1024)}`).faults).toMatchObject([
      { line: 1, column: 1, message: expect.stringMatching(/1 MB/) },
    ]);
  });

  test('whose aliases expand beyond the limit is rejected', () => {
    const bomb = [
      'a: &a [x]',
      ...'bcdefghi'.split('').map((name, index) => {
        const before = 'abcdefgh'[index];
        return `${name}: &${name} [${Array(10).fill(`*${before}`).join(', ')}]`;
      }),
    ].join('\n');
    expect(readFile(bomb).faults).toMatchObject([{ message: expect.stringMatching(/alias/) }]);
  });

  test('with endless nesting is rejected', () => {
    expect(readFile('['.repeat(100_000)).faults.length).toBeGreaterThan(0);
  });

  test('may use anchors, and may be JSON', async () => {
    const text = `${HEAD}agents:\n  one: &it { mission: Answer. }\n  two: *it\n`;
    expect(readFile(text)).toMatchObject({
      faults: [],
      document: { agents: { two: { mission: 'Answer.' } } },
    });
    const { lines } = await faultsOf(
      tenant.apply(
        '{\n  "version": "v1",\n  "name": "shop",\n  "agents": {"a": {"modle": "x"}}\n}',
      ),
    );
    expect(lines).toEqual(['4:20 unknown key "modle", did you mean "model"?']);
  });

  test.each([
    ['{"version": "v1",\n "name": "shop", }', '2:16 remove the comma before }'],
    ['{"version": "v1", "agents": {"a": {"skills": ["x",]}}}', '1:50 remove the comma before ]'],
    [
      '{"version": "v1", "name": "shop" "agents": {}}',
      '1:34 a comma is missing before this, or a }',
    ],
    [
      '{"version": "v1",\n "name": "shop',
      '2:10 the text that begins here is not closed on its line',
    ],
    [
      '{"version": "v1", "name": "a, "agents": {}}',
      '1:32 this is not a JSON value: put texts and keys',
    ],
    ["{'version': 'v1'}", '1:2 JSON requires double quotes around texts'],
    ['{version: "v1"}', '1:2 this is not a JSON value: put texts and keys in double quotes'],
    ['{"version": "v1"} // the first', '1:19 JSON does not allow comments'],
    ['{"version": "v1"', '1:17 the file ends, and a } is missing'],
    ['{"version" "v1"}', '1:12 expected : here'],
    ['{"version": , "name": "shop"}', '1:13 expected a value here'],
    ['{"version": "v1",, "name": "shop"}', '1:18 expected a key in double quotes here'],
    ['{} {}', '1:4 nothing is allowed after the document'],
    ['', '1:1 expected a value here'],
  ])('declared as JSON must be JSON: %s', (text, said) => {
    const [fault, ...more] = readFile(text, { isJson: true }).faults;
    expect(`${fault?.line}:${fault?.column} ${fault?.message}`.slice(0, said.length)).toBe(said);
    expect(more).toEqual([]);
  });

  test('of JSON may begin with a byte order mark, and may be YAML unless declared as JSON', () => {
    expect(readFile('\uFEFF{"version": "v1"}', { isJson: true }).faults).toEqual([]);
    expect(readFile('{"version": "v1", }').faults).toEqual([]);
  });

  test('that is empty reports what is missing', async () => {
    expect((await faultsOf(tenant.apply(''))).lines).toEqual([
      '1:1 the document must be an object, not empty',
    ]);
    expect((await faultsOf(tenant.apply('agents: {}'))).lines).toEqual([
      '1:1 version is missing',
      '1:1 name is missing',
    ]);
  });
});

describe('validation in SQL alone', () => {
  const refusal = async (document: unknown) => {
    try {
      await tenant.all('select howdah.apply_agent_system($1)', JSON.stringify(document));
    } catch (error) {
      const { code, detail, message } = error as { code: string; detail: string; message: string };
      const { faults } = JSON.parse(detail) as { faults: { path: string; message: string }[] };
      return { code, message, faults: faults.map((one) => `${one.path} ${one.message}`) };
    }
    throw new Error('this was not refused');
  };

  test.each([
    [[], ' the document must be an object, not an array'],
    [{ version: 'v2' }, '/version unknown version "v2", did you mean "v1"?'],
    [{ model: {} }, '/model unknown key "model", did you mean "models"?'],
    [
      { agents: { a: { mision: '' } } },
      '/agents/a/mision unknown key "mision", did you mean "mission"?',
    ],
    [{ agents: { a: { xyzzy: 1 } } }, '/agents/a/xyzzy unknown key "xyzzy"'],
    [{ agents: { a: 7 } }, '/agents/a a must be an object, not 7'],
    [{ agents: { '': {} } }, '/agents/ the name "" must have at least 1 character, and has 0'],
    [
      { agents: { 'a/b~c': { modle: 'x' } } },
      '/agents/a~1b~0c/modle unknown key "modle", did you mean "model"?',
    ],
    [
      { agents: { a: { budget: { max_stps: 3 } } } },
      '/agents/a/budget/max_stps unknown key "max_stps", did you mean "max_steps"?',
    ],
    [
      { agents: { a: { budget: { max_steps: 0 } } } },
      '/agents/a/budget/max_steps max_steps must be at least 1',
    ],
    [
      { agents: { a: { context_policy: 'trimm' } } },
      '/agents/a/context_policy unknown context_policy "trimm", did you mean "trim"?',
    ],
    [
      { agents: { a: { context_policy: 'sk-12345' } } },
      '/agents/a/context_policy context_policy must be one of trim, summarize, none',
    ],
    [
      { agents: { a: { models: ['default', { modl: 'x' }] } } },
      '/agents/a/models/1/modl unknown key "modl", did you mean "model"?',
    ],
    [{ agents: { a: { skills: [3] } } }, '/agents/a/skills/0 skills[0] must be a string, not 3'],
    [
      { agents: { a: { agents: 3 } } },
      '/agents/a/agents agents must be an array or an object, not 3',
    ],
    [{ models: { m: { provider: 'x' } } }, '/models/m/model model is missing'],
    [
      { models: { m: { provider: 'x', model: 'x', api_key: 'abc' } } },
      '/models/m/api_key api_key: a file must not contain keys',
    ],
    [{ tools: { 'a.b': { kind: 'custom' } } }, '/tools/a.b the name "a.b" must match'],
    [
      { tools: { t: { kind: 'customm' } } },
      '/tools/t/kind unknown kind "customm", did you mean "custom"?',
    ],
    [{ tools: { t: {} } }, '/tools/t/kind kind is missing'],
    [{ tools: { t: { kind: 'agent' } } }, '/tools/t/agent agent is missing'],
    [
      { workflows: { w: { type: 'chian', members: [] } } },
      '/workflows/w/type unknown type "chian", did you mean "chain"?',
    ],
    [
      { workflows: { w: { type: 'router', members: [], fallbak: 'x' } } },
      '/workflows/w/fallbak unknown key "fallbak", did you mean "fallback"?',
    ],
    [
      { workflows: { w: { type: 'chain', members: [{ agnt: 'x' }] } } },
      '/workflows/w/members/0/agnt unknown key "agnt", did you mean "agent"?',
    ],
    [
      { workflows: { w: { type: 'chain', members: [{ workflow: 'x', rol: 'y' }] } } },
      '/workflows/w/members/0/rol unknown key "rol", did you mean "role"?',
    ],
    [
      { prompts: { p: { template: 'a', variables: { v: { type: 'strng' } } } } },
      '/prompts/p/variables/v/type unknown type "strng", did you mean "string"?',
    ],
    [
      { agents: { a: { model: 'defalt' } } },
      '/agents/a/model unknown model "defalt", did you mean "default"?',
    ],
  ])('reports %j at its place, with a suggestion', async (part, said) => {
    const document = Array.isArray(part) ? part : { version: 'v1', name: 'shop', ...part };
    const { code, message, faults } = await refusal(document);
    expect({ code, faults: faults.map((one) => one.slice(0, said.length)) }).toEqual({
      code: 'HWINV',
      faults: [said],
    });
    expect(message).toContain(said.slice(said.indexOf(' ') + 1));
  });

  test('reports all faults at once, and accepts what fits the schema', async () => {
    const { faults } = await refusal({
      version: 'v1',
      nam: 'shop',
      agents: { a: { mision: 'x', domain: 3 }, b: { skils: [] } },
    });
    expect(faults).toEqual([
      '/nam unknown key "nam", did you mean "name"?',
      '/agents/a/mision unknown key "mision", did you mean "mission"?',
      '/agents/a/domain domain must be a string, not 3',
      '/agents/b/skils unknown key "skils", did you mean "skills"?',
    ]);
    await expect(refusal(null)).resolves.toMatchObject({
      faults: [' the document must be an object, not null'],
    });
  });
});

test('each fault has its own hint, and equal hints are printed once', async () => {
  const models = {
    a: { provider: 'opnai', model: 'm' },
    b: { provider: 'groqq.com', model: 'm' },
    c: { provider: 'opnai', model: 'm' },
  };
  const refused = await tenant.apply({ version: 'v1', name: 'shop', models }).catch((e) => e);
  const lines = refused.message.split('\n');
  expect(lines).toHaveLength(1 + 3 + 2);
  expect(lines.filter((line: string) => /^ {2}Did you mean openai\?/.test(line))).toHaveLength(1);
  expect(lines.filter((line: string) => /^ {2}Did you mean groq\.com\?/.test(line))).toHaveLength(
    1,
  );
  const one = { version: 'v1', name: 'shop', models: { a: models.a } };
  const single = await tenant.apply(one).catch((e) => e);
  expect(single.hint).toContain('openai');
  expect(single.message.split('\n')).toHaveLength(2);
});
