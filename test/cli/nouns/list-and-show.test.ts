import { beforeAll, describe, expect, test } from 'vitest';
import { maskUrlKeys } from '../../../src/cli/output/terminal-text.ts';
import { makeTenant, one, unique } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { runCli } from '../run-cli.ts';

const database = testDatabase();
let slug: string;

beforeAll(async () => {
  slug = unique('tenant');
  await makeTenant(database.pool, slug);
  await database.pool.query(`
    insert into howdah.models (name, provider, model, input_price, output_price) values ('script', 'scripted', 'script', 1, 2.5);
    insert into howdah.agents (name, instruction) values ('greeter', E'Greet.\\nBriefly.'), ('closer', 'Say goodbye.');
    insert into howdah.agent_models (agent_id, model_id)
    select howdah.agent(a.name), m.id from (values ('greeter'), ('closer')) as a (name), howdah.models as m where m.name = 'script';
    insert into howdah.agent_tools (agent_id, tool_id)
    select howdah.agent('greeter'), t.id from howdah.tools as t where t.name = 'calculator' and t.tenant_id = howdah.current_tenant();
    insert into howdah.workflows (name, type) values ('visit', 'chain');
    insert into howdah.workflow_agents (workflow_id, agent_id, sequence_order)
    select howdah.workflow('visit'), howdah.agent(m.name), m.place from (values ('greeter', 1), ('closer', 2)) as m (name, place);
    insert into howdah.prompts (name, template, variables) values ('hello', 'Hello, {{name}}.', '{"name": {"type": "string"}}');
    insert into howdah.schedules (name, cron, agent_id, input) values ('morning', '0 7 * * *', howdah.agent('greeter'), 'Good morning');
    insert into howdah.webhooks (url) values ('https://example.com/hook');
    insert into howdah.mcp_servers (name, type, configuration) values ('shelf', 'http', '{"url": "https://example.com/mcp"}');
    insert into howdah.mcp_tools (tenant_id, server_id, name, description, parameters, annotations, digest, status)
    select s.tenant_id, s.id, 'look', 'Looks.', '{"type": "object"}', '{}', 'd1', 'changed' from howdah.mcp_servers as s where s.name = 'shelf'`);
});

const cli = (...argv: string[]) => runCli(database.url, ...argv);
const json = async (...argv: string[]) => {
  const { status, stdout, stderr } = await cli(...argv, '--json');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout);
};

describe('a noun', () => {
  test.each([
    ['agents', 'greeter'],
    ['workflows', 'visit'],
    ['models', 'script'],
    ['prompts', 'hello'],
    ['tools', 'calculator'],
    ['schedules', 'morning'],
    ['executions', undefined],
    ['webhooks', undefined],
    ['users', undefined],
  ])('%s lists rows without a verb as with `list`', async (noun, name) => {
    const without = await cli(noun);
    expect(without).toEqual(await cli(noun, 'list'));
    expect(without.status).toBe(0);
    if (name) expect(without.stdout).toContain(name);
    expect(await json(noun)).toEqual(await json(noun, 'list'));
  });

  test.each([
    ['agents', 'greeter', { version: 1, models: ['script'], tools: ['calculator'] }],
    ['workflows', 'visit', { type: 'chain', members: [{ agent: 'greeter' }, { agent: 'closer' }] }],
    ['models', 'script', { input_price: 1, output_price: 2.5, agents: ['closer', 'greeter'] }],
    ['prompts', 'hello', { template: 'Hello, {{name}}.' }],
    ['tools', 'calculator', { kind: 'builtin', agents: ['greeter'] }],
    ['schedules', 'morning', { runs: 'greeter', cron: '0 7 * * *', is_active: true }],
    ['webhooks', 'https://example.com/hook', { is_active: true }],
    ['mcp', 'shelf', { type: 'http', tools: [{ name: 'look', status: 'changed' }] }],
  ])('%s shows a row by name and by id', async (noun, name, expected) => {
    const shown = await json(noun, 'show', name);
    expect(shown).toMatchObject(expected);
    expect(await json(noun, 'show', shown.id)).toEqual(shown);
  });

  test('shows a row field by field, with multi-line text below its name', async () => {
    const { stdout } = await cli('agents', 'show', 'greeter');
    expect(stdout).toMatch(/^name +greeter$/m);
    expect(stdout).toMatch(/^models +script$/m);
    expect(stdout).toMatch(/^instruction +\n {2}Greet\.\n {2}Briefly\.$/m);
  });

  test.each([
    [['agents', 'show', 'greter'], "there is no agent 'greter'", 'Did you mean greeter?'],
    [['workflows', 'show', 'zzzzzz'], "there is no workflow 'zzzzzz'", 'howdah dev workflows list'],
    [
      ['mcp', 'accept', 'shelf', 'nope'],
      "MCP server 'shelf' has no tool 'nope'",
      'howdah dev mcp show shelf',
    ],
  ])('%j exits 3 with a suggestion', async (argv, message, hint) => {
    const { status, stdout, stderr } = await cli(...argv);
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).toContain(hint);
  });

  test.each([
    [['agents', 'lst'], "unknown command 'lst'", 'Did you mean list?'],
    [['models', 'shwo', 'x'], "unknown command 'shwo'", 'Did you mean show?'],
    [
      ['agents', 'zzzzzz'],
      "unknown command 'zzzzzz'",
      'There are: list, show, create, change, delete.',
    ],
    [['agents', 'list', 'x'], "too many arguments for 'list'", '--help'],
    [['key', 'lst'], "unknown command 'lst'", 'Did you mean list?'],
    [['runs', '--status', 'faild'], "'faild' is invalid", 'Did you mean failed?'],
    [['runs', '--status', 'failed,cancled'], 'is invalid', 'Did you mean cancelled?'],
    [['runs', '-o', 'jsn'], "'jsn' is invalid", 'Did you mean json?'],
    [['users', 'create', 'x', '--role', 'admn'], "'admn' is invalid", 'Did you mean admin?'],
    [['migrate', 'stats'], "'stats' is invalid", 'Did you mean status?'],
    [['migrate', 'sideways'], 'choices are up, down, status', 'howdah migrate --help'],
    [['agents', '--tennant', 'x'], "unknown option '--tennant'", 'Did you mean --tenant?'],
  ])('%j with a wrong verb or option exits 2 with a suggestion', async (argv, message, hint) => {
    const { status, stdout, stderr } = await cli(...argv);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).toContain(hint);
  });

  test.each(['key', 'secret', 'db', 'import'])(
    '%s requires a verb: prints help for a person, and an error as JSON',
    async (noun) => {
      const result = await cli(noun);
      expect({ ...result, stderr: '' }).toEqual({ status: 2, stdout: '', stderr: '' });
      expect(result.stderr).toMatch(/^Examples:[\s\S]*\nCommands:\n/);
      const { status, stdout, stderr } = await cli(noun, '--json');
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
      expect(JSON.parse(stderr).error).toMatchObject({
        code: 'EUSAGE',
        message: 'the verb is missing',
        hint: expect.stringMatching(/^There are: [a-z-, ]+\.$/),
        usage: expect.stringContaining(`howdah ${noun}`),
      });
    },
  );

  test('has an alias, and its help lists the verbs', async () => {
    expect(await cli('runs')).toEqual(await cli('executions'));
    expect(await cli('keys', 'list')).toEqual(await cli('key', 'list'));
    expect(await cli('secrets', 'list')).toEqual(await cli('secret', 'list'));
    expect((await cli('dev', '--help')).stdout).toContain('Usage: howdah dev COMMAND');
    const { stdout } = await cli('agents', '--help');
    expect(stdout).toMatch(/list .*\(default\)/);
    expect(stdout).toMatch(/show .*<name> +show one agent/);
  });

  test('uses the named tenant', async () => {
    expect(await json('prompts', '--tenant', slug)).toEqual({ items: [] });
    expect((await cli('prompts', 'show', 'hello', '--tenant', slug)).status).toBe(3);
    const tool = await one<{ id: string }>(
      database.pool,
      `select t.id from howdah.tools as t join howdah.tenants as n on n.id = t.tenant_id
       where n.slug = $1 and t.name = 'calculator'`,
      [slug],
    );
    const { items } = await json('tools', 'list', '--tenant', slug);
    expect(items).toContainEqual(expect.objectContaining(tool));
    expect((await cli('tools', 'greeter')).status).toBe(0);
    expect((await cli('tools', 'greeter', '--tenant', slug)).status).toBe(3);
  });
});

describe('howdah ls', () => {
  test.each([
    ['agents', ['agents']],
    ['workflows', ['workflows']],
    ['models', ['models']],
    ['prompts', ['prompts']],
    ['tools', ['tools', 'list']],
    ['mcp', ['mcp', 'list']],
    ['questions', ['questions']],
    ['schedules', ['schedules']],
    ['webhooks', ['webhooks']],
    ['settings', ['settings']],
    ['users', ['users']],
    ['keys', ['key', 'list']],
    ['secrets', ['secret', 'list']],
    ['runs', ['executions', 'list']],
  ])('%s prints the same as %j', async (noun, listed) => {
    const { status, stdout, stderr } = await cli('ls', noun, '--json');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe((await cli(...listed, '--json')).stdout);
  });

  test('without a noun lists runs, and accepts their options', async () => {
    expect(await cli('ls', '--limit', '1', '--json')).toEqual(
      await cli('executions', '--limit', '1', '--json'),
    );
  });

  test.each([
    [['ls', 'agnts'], "unknown command 'agnts'", 'Did you mean agents?'],
    [['ls', 'runs', '--status', 'faild'], 'howdah ls runs [options]', 'Did you mean failed?'],
    [['ls', 'agents', 'x'], "too many arguments for 'agents'", 'howdah ls agents --help'],
    [['dve'], "unknown command 'dve'", 'Did you mean dev?'],
  ])('%j exits 2 with a suggestion', async (argv, message, hint) => {
    const { status, stdout, stderr } = await cli(...argv);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).toContain(hint);
  });
});

describe('howdah schedules', () => {
  test('runs, pauses and resumes a schedule', async () => {
    const { id, status } = await json('schedules', 'run', 'morning');
    expect(status).toBe('queued');
    const { input } = await one(
      database.pool,
      'select input from howdah.executions where id = $1',
      [id],
    );
    expect(input).toBe('Good morning');
    expect(await json('schedules', 'pause', 'morning')).toMatchObject({
      is_active: false,
      next_at: null,
    });
    const resumed = await json('schedules', 'resume', 'morning');
    expect(resumed).toMatchObject({ is_active: true, next_at: expect.any(String) });
    expect((await cli('schedules', 'pause', 'morning')).stdout).toBe('morning paused\n');
    expect((await cli('schedules', 'resume', 'morning')).stdout).toMatch(
      /^morning resumed, next at .*07:00:00/,
    );
    expect((await cli('runs', 'cancel', id)).stdout).toBe(`${id} cancelled\n`);
  });
});

describe('howdah users', () => {
  test('creates, suspends, reactivates, exports and erases a user', async () => {
    const made = await json(
      'users',
      'create',
      'ada',
      '--role',
      'admin',
      '--email',
      'ada@example.com',
    );
    expect(made).toMatchObject({ username: 'ada', role: 'admin', email: 'ada@example.com' });
    expect(await cli('users', 'create', 'ada')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('a row with this username already exists'),
    });
    expect((await cli('users', 'suspend', 'ada')).stdout).toBe('ada suspended\n');
    expect(await json('users', 'show', made.id)).toMatchObject({ is_active: false });
    expect((await cli('users', 'admit', 'ada')).stdout).toBe('ada admitted\n');
    expect((await cli('users', 'export', 'ada')).stdout).toContain('ada@example.com');
    expect((await cli('users', 'erase', 'ada', '--mode', 'delete', '--yes')).status).toBe(0);
    expect((await cli('users', 'suspend', 'ada')).status).toBe(3);
  });
});

describe('howdah webhooks', () => {
  test('lists deliveries and sends one again', async () => {
    const run = (await json('schedules', 'run', 'morning')).id;
    await cli('cancel', run);
    const { id } = await one(
      database.pool,
      `insert into howdah.webhook_deliveries (webhook_id, execution_id, event, url, payload, status, attempts)
       select w.id, $1, 'execution.failed', w.url, '{}', 'failed', 3 from howdah.webhooks as w returning id`,
      [run],
    );
    const listed = ['webhooks', 'deliveries', 'https://example.com/hook', '--status', 'failed'];
    expect(await json(...listed)).toMatchObject({ items: [{ id, attempts: 3, status: 'failed' }] });
    expect((await cli('webhooks', 'redeliver', id)).stdout).toBe(`${id} pending\n`);
    expect(await json(...listed)).toEqual({ items: [] });
    expect((await cli('webhooks', 'redeliver', run)).status).toBe(3);
    expect((await cli('webhooks', 'redeliver', '4711')).status).toBe(2);
  });

  test('shows the key of a webhook once, and rotates it', async () => {
    const url = 'https://example.com/keyed';
    const made = await cli('webhooks', 'create', url);
    expect(made.stderr).toMatch(/shown only now: whsec_[\w+/]{43}=/);
    expect(made.stdout).not.toContain('whsec_');
    const again = await cli('webhooks', 'key', url);
    expect(again).toMatchObject({ status: 1, stdout: '' });
    expect(again.stderr).toContain('--rotate');
    const rotated = await json('webhooks', 'key', url, '--rotate');
    expect(rotated.signing_key).toMatch(/^whsec_/);
    expect(made.stderr).not.toContain(rotated.signing_key);
    expect(rotated.previous_secret_name).toMatch(/^webhook-/);
    expect((await cli('webhooks', 'key', 'callbacks')).stdout).toMatch(/^whsec_[\w+/]{43}=\n$/);
    expect((await cli('webhooks', 'key', 'callbacks')).status).toBe(1);
    expect((await cli('webhooks', 'key', 'https://example.com/nowhere')).status).toBe(3);
    await cli('webhooks', 'delete', url, '--yes');
  });

  test('masks parts of a URL that may be a key', async () => {
    const url =
      'https://example.com/services/T024/a1b2c3d4e5f6a1b2c3d4e5f6?token=hunter2&a=b#c=d4e5';
    const id = '01980000-0000-7000-8000-000000000000';
    expect(maskUrlKeys('url', `https://example.com/${id}/x`)).toBe(`https://example.com/${id}/x`);
    await database.pool.query('insert into howdah.webhooks (url) values ($1)', [url]);
    try {
      const masked = 'https://example.com/services/T024/a1b2***?token=***&a=***#c=***';
      const printed = await Promise.all([cli('webhooks'), cli('webhooks', 'show', url)]);
      for (const { stdout } of printed) expect(stdout).not.toMatch(/hunter2|a1b2c|d4e5/);
      expect(printed[1]?.stdout).toContain(masked);
      expect(await json('webhooks', 'show', url)).toMatchObject({ url });
    } finally {
      await database.pool.query('delete from howdah.webhooks where url = $1', [url]);
    }
  });
});

test('howdah mcp accept requires the digest of the current tool', async () => {
  const other = await cli('mcp', 'accept', 'shelf', 'look', '--digest', 'd0');
  expect(other).toMatchObject({ status: 1, stderr: expect.stringMatching(/has changed tool/) });
  expect((await cli('mcp', 'accept', 'shelf', 'look', '--digest', 'd1')).stdout).toBe(
    'look accepted\n',
  );
  expect((await cli('mcp', 'list')).stdout).toMatch(/shelf +http/);
});
