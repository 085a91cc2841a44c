import { describe, expect, test } from 'vitest';
import { fillPromptTemplate } from '../../../src/runtime/messages/fill-prompt-template.ts';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  asRole,
  isBlocked,
  makeAgent,
  makeTenant,
  one,
  refusal,
  rolledBack,
  testClient,
} from '../support.ts';

const db = testDatabase();

const VARIABLES = {
  customer: { type: 'string' },
  tone: { type: 'string', enum: ['kind', 'strict'], default: 'kind' },
  offers: { type: 'integer', minimum: 0, default: 2 },
  is_new: { type: 'boolean', default: false },
};
const TEMPLATE = 'You serve {{customer}}, in a {{ tone }} way; {{offers}} offers.';

let count = 0;
async function makePrompt(template = TEMPLATE, variables: object = VARIABLES) {
  count += 1;
  const name = `prompt ${count}`;
  const { id } = await one(
    db.pool,
    'insert into howdah.prompts (name, template, variables) values ($1, $2, $3) returning id',
    [name, template, variables],
  );
  return { id, name };
}

const render = async (name: string, variables: unknown, version: string | null = null) =>
  (
    await one(db.pool, 'select howdah.render_prompt($1, $2, $3) as text', [
      name,
      JSON.stringify(variables),
      version,
    ])
  ).text;

const agentWith = async (prompt_id: string, values: object = {}) => {
  count += 1;
  const name = `agent ${count}`;
  const { id } = await one(
    db.pool,
    'insert into howdah.agents (name, prompt_id, prompt_values) values ($1, $2, $3) returning id',
    [name, prompt_id, values],
  );
  return { id, name };
};

const definitionOf = async (agent: string) =>
  (
    await one(
      db.pool,
      `select v.definition from howdah.agents as a
       join howdah.agent_versions as v on v.id = a.current_version_id where a.id = $1`,
      [agent],
    )
  ).definition;

const versions = (table: string, column: string, id: string) =>
  all(
    db.pool,
    `select version, definition from howdah.${table} where ${column} = $1 order by version`,
    [id],
  );

describe('a template', () => {
  test('is filled with the given values or with defaults', async () => {
    const { name } = await makePrompt();
    expect(await render(name, { customer: 'Ada' })).toBe('You serve Ada, in a kind way; 2 offers.');
    expect(await render(name, { customer: 'Ada', tone: 'strict', offers: 0 })).toBe(
      'You serve Ada, in a strict way; 0 offers.',
    );
  });

  test('does not interpret placeholders within a value', async () => {
    const { name } = await makePrompt();
    const customer = '{{tone}} {{customer}} {{nobody}} \\1 $1 $& }}';
    expect(await render(name, { customer })).toContain(`You serve ${customer}, in a kind way`);
  });

  test.each([
    [{}, 'customer'],
    [{ customer: null }, 'customer'],
    [{ customer: 1 }, 'customer'],
    [{ customer: 'Ada', tone: 'rude' }, 'tone'],
    [{ customer: 'Ada', offers: -1 }, 'offers'],
    [{ customer: 'Ada', offers: 1.5 }, 'offers'],
  ])('rejects %j, naming %s', async (variables, field) => {
    const { name } = await makePrompt();
    expect(await refusal(render(name, variables))).toMatchObject({
      code: 'HWINV',
      message: expect.stringContaining(field),
    });
  });

  test('suggests the name of a misspelt variable', async () => {
    const { name } = await makePrompt();
    expect(await refusal(render(name, { custmer: 'Ada' }))).toMatchObject({
      code: 'HWINV',
      message: expect.stringContaining('did you mean customer?'),
    });
    expect(await refusal(makePrompt('Hello.\nDear {{ custmer }}!'))).toMatchObject({
      code: 'HWINV',
      message:
        'template, line 2, column 6: {{custmer}} is not a variable: did you mean {{customer}}?',
      detail: expect.stringContaining('"position": 13'),
    });
    expect(await refusal(makePrompt('{{customer}} {{}}'))).toMatchObject({ code: 'HWINV' });
    expect(await refusal(makePrompt('{{a.b}}', { a: { type: 'string' } }))).toMatchObject({
      code: 'HWINV',
    });
  });

  test.each([
    [{ 'a b': { type: 'string' } }, 'a b'],
    [{ list: { type: 'array' } }, 'list'],
    [{ any: {} }, 'any'],
    [{ one: 'text' }, 'one'],
    [{ tone: { type: 'string', enum: ['kind'], default: 'rude' } }, 'default of tone'],
    [{ size: { type: 'integer', minimum: 'x' } }, 'minimum'],
    [{ site: { type: 'string', $ref: 'https://example.com/x' } }, '$ref'],
    [[], 'object'],
  ])('rejects the variables %j', async (variables, word) => {
    expect(
      await refusal(
        db.pool.query(
          `insert into howdah.prompts (name, template, variables) values ('odd', 'x', $1)`,
          [JSON.stringify(variables)],
        ),
      ),
    ).toMatchObject({ code: 'HWINV', message: expect.stringContaining(word) });
  });

  test('whose text would be larger than 1 MB is refused before it is made', async () => {
    const template = '{{v}}'.repeat(1_500);
    const variables = { v: { type: 'string' } };
    const { id, name } = await makePrompt(template, variables);
    const agent = await agentWith(id);
    const v = 'x'.repeat(100 * 1_024);
    const tooLarge = { bytes: 1_500 * v.length, max_bytes: 1_048_576 };
    const refused = async (work: Promise<unknown>) => {
      const { code, fields } = await refusal(work);
      return { code, ...fields };
    };
    expect(await refused(render(name, { v }))).toMatchObject({
      ...{ code: 'HWINV', field: 'variables', ...tooLarge },
    });
    expect(
      await refused(
        db.pool.query('select howdah.run($1, $2, input_data => $3)', [agent.name, 'hi', { v }]),
      ),
    ).toMatchObject({ code: 'HWINV', field: 'input_data', ...tooLarge });
    const pinned = await definitionOf(agent.id);
    expect(fillPromptTemplate(pinned, { v }).agent.prompt_fault).toContain(name);
  });

  test('has the size that is foretold', async () => {
    const { rows } = await db.pool.query(
      `select howdah_private.filled_template_bytes(t.template, v.vals) = octet_length(
         howdah_private.fill_template(t.template, v.vals)) as is_same
       from (values ('{{a}}é{{ b }}{{a}}'), ('{{c}}{{ c }}x'), ('plain'), ('{{a}}{ {b}}'))
           as t (template),
         (values ('{"a": "é ü", "b": true}'::jsonb), ('{"b": 12}'), ('{}')) as v (vals)`,
    );
    expect(rows.map(({ is_same }) => is_same)).toEqual(Array(12).fill(true));
  });

  test('renders the same text in the database and in a worker', async () => {
    const texts = [TEMPLATE, '{{customer}}', '{{{customer}}} { {tone} }', 'a{{\n offers\t}}b', 'x'];
    const inputs = [
      { customer: 'Ada' },
      { customer: ' {{offers}} ', tone: 'strict', offers: 3 },
      { customer: '', offers: 7, is_new: true, more: [1] },
      { offers: 1 },
      { customer: 'Ada', offers: '1' },
      null,
      [1],
    ];
    for (const template of texts) {
      const { id } = await makePrompt(template);
      const { id: agent } = await agentWith(id, { tone: 'strict' });
      const definition = await definitionOf(agent);
      for (const input_data of inputs) {
        const mine = fillPromptTemplate(definition, input_data).agent;
        const theirs = await one<{ text: string | undefined }>(
          db.pool,
          `select howdah_private.rendered_prompt($1, $2) as text`,
          [definition.agent.prompt, JSON.stringify(input_data)],
        ).catch(() => ({ text: undefined }));
        const own = mine.prompt_fault ? undefined : mine.instruction;
        expect({ template, input_data, text: own }).toEqual({ template, input_data, ...theirs });
      }
    }
  });
});

describe('an agent', () => {
  test('pins the text of its prompt, and gets a new version when that is edited', async () => {
    const { id, name } = await makePrompt();
    const agent = await agentWith(id, { customer: 'Ada' });
    const before = await definitionOf(agent.id);
    expect(before.agent.prompt).toEqual({
      id,
      name,
      version: 1,
      template: TEMPLATE,
      variables: VARIABLES,
      values: { customer: 'Ada' },
    });
    await rolledBack(db.pool, async (client) => {
      await client.query(`update howdah.agents set description = 'x' where id = $1`, [agent.id]);
      await client.query(`update howdah.prompts set template = 'one' where id = $1`, [id]);
      await client.query(`update howdah.prompts set template = 'two' where id = $1`, [id]);
      await client.query('set constraints all immediate');
      expect(
        await all(
          client,
          'select version, definition from howdah.prompt_versions where prompt_id = $1 order by 1',
          [id],
        ),
      ).toMatchObject([{ version: 1 }, { version: 2, definition: { template: 'two' } }]);
      expect(
        await all(
          client,
          `select definition #> '{agent,prompt}' as prompt from howdah.agent_versions where agent_id = $1 order by version`,
          [agent.id],
        ),
      ).toMatchObject([{ prompt: { version: 1 } }, { prompt: { version: 2, template: 'two' } }]);
    });
    await db.pool.query(`update howdah.prompts set description = 'x' where id = $1`, [id]);
    expect(await versions('agent_versions', 'agent_id', agent.id)).toHaveLength(1);
    expect(await versions('prompt_versions', 'prompt_id', id)).toHaveLength(2);
  });

  test('that is run in the transaction of an edit uses the new text', async () => {
    const { id } = await makePrompt('old', {});
    const agent = await agentWith(id);
    await rolledBack(db.pool, async (client) => {
      await client.query(`update howdah.prompts set template = 'new' where id = $1`, [id]);
      const run = await one(client, `select agent_version_id from howdah.run($1, 'x')`, [
        agent.name,
      ]);
      const { prompt } = await one(
        client,
        `select definition #> '{agent,prompt}' as prompt from howdah.agent_versions where id = $1`,
        [run.agent_version_id],
      );
      expect(prompt).toMatchObject({ template: 'new', version: 2 });
    });
  });

  test('accepts only values that its prompt declares', async () => {
    const { id } = await makePrompt();
    expect(await refusal(agentWith(id, { custmer: 'Ada' }))).toMatchObject({
      code: 'HWINV',
      message: expect.stringContaining('did you mean customer?'),
    });
    expect(await refusal(agentWith(id, { tone: 'rude' }))).toMatchObject({ code: 'HWINV' });
    expect(
      await refusal(
        db.pool.query(
          `insert into howdah.agents (name, prompt_values) values ('none', '{"a": 1}')`,
        ),
      ),
    ).toMatchObject({ code: 'HWINV', message: expect.stringContaining('prompt_id') });
    await agentWith(id, { tone: 'strict' });
    expect(
      await refusal(
        db.pool.query(
          `update howdah.prompts set variables = variables || '{"tone": {"type": "integer", "default": 1}}' where id = $1`,
          [id],
        ),
      ),
    ).toMatchObject({ code: 'HWINV', message: expect.stringContaining('prompt_values of agent') });
  });

  test('is not run without the variables that its prompt requires', async () => {
    const { id } = await makePrompt();
    const agent = await agentWith(id);
    const run = (input_data: object | null) =>
      db.pool.query('select howdah.run($1, $2, $3)', [agent.name, 'x', input_data]);
    expect(await refusal(run(null))).toMatchObject({
      code: 'HWINV',
      message: expect.stringContaining('customer is missing'),
    });
    const unfit = await refusal(run({ customer: 7 }));
    expect(unfit).toMatchObject({
      code: 'HWINV',
      message: expect.stringMatching(/^input_data for prompt prompt \d+: customer /),
    });
    expect(unfit.fields).toMatchObject({ field: 'input_data' });
    expect((await run({ customer: 'Ada', more: 1 })).rowCount).toBe(1);
    await db.pool.query(
      `update howdah.agents set prompt_values = '{"customer": "Eve"}' where id = $1`,
      [agent.id],
    );
    expect((await run(null)).rowCount).toBe(1);
    // A run of an older version has to satisfy the variables of that version.
    const first = db.pool.query(`select howdah.run($1, 'x', version => '1')`, [agent.name]);
    expect(await refusal(first)).toMatchObject({ code: 'HWINV' });
  });

  test('prevents the deletion of its prompt', async () => {
    const { id, name } = await makePrompt('x', {});
    const agent = await agentWith(id);
    const remove = () => db.pool.query('select howdah.delete_prompt($1)', [id]);
    expect(await refusal(remove())).toMatchObject({
      code: 'HWCNF',
      message: `prompt '${name}' is in use: ${agent.name}`,
    });
    await db.pool.query('update howdah.agents set prompt_id = null where id = $1', [agent.id]);
    await remove();
    expect(await refusal(remove())).toMatchObject({ code: 'HWNTF' });
    expect(await refusal(agentWith(id))).toMatchObject({ code: 'HWCNF' });
    expect(
      await refusal(db.pool.query('select howdah.restore_agent_version($1, 1)', [agent.id])),
    ).toMatchObject({ code: 'HWCNF', message: expect.stringContaining(`prompt ${name}`) });
    await makeAgent(db.pool, {});
    await db.pool.query('insert into howdah.prompts (name, template) values ($1, $2)', [name, 'y']);
    expect(await render(name, {})).toBe('y');
  });
});

describe('an edit concurrent with a change of the agent', () => {
  type Statement = [text: string, values: unknown[]];

  /**
   * Runs two statements in two transactions. The second one waits for the first one; then both end.
   */
  async function runConcurrently(one: Statement, other: Statement): Promise<void> {
    const [leader, follower] = [await testClient(db.pool), await testClient(db.pool)];
    await leader.query('begin');
    await follower.query('begin');
    await leader.query(...one);
    const waits = follower.query(...other);
    await isBlocked(db.pool, follower);
    await leader.query('commit');
    await waits;
    await follower.query('commit');
  }
  const edit = (prompt: string): Statement => [
    `update howdah.prompts set template = template || '!' where id = $1`,
    [prompt],
  ];

  test('of a prompt that is added reaches the agent', async () => {
    const { id } = await makePrompt('x', {});
    const agents = [await makeAgent(db.pool), await makeAgent(db.pool)];
    const give = (agent = ''): Statement => [
      'update howdah.agents set prompt_id = $2 where id = $1',
      [agent, id],
    ];
    await runConcurrently(edit(id), give(agents[0]));
    await runConcurrently(give(agents[1]), edit(id));
    for (const agent of agents) {
      expect((await definitionOf(agent)).agent.prompt).toMatchObject({
        version: 3,
        template: 'x!!',
      });
    }
  });

  test('of a prompt in use, while its values change, reaches the agent', async () => {
    const { id } = await makePrompt('x', { a: { type: 'string', default: '' } });
    const agent = await agentWith(id);
    const change: Statement = [
      `update howdah.agents set prompt_values = jsonb_build_object('a', coalesce(prompt_values ->> 'a', '') || '+')
       where id = $1`,
      [agent.id],
    ];
    await runConcurrently(edit(id), change);
    await runConcurrently(change, edit(id));
    expect((await definitionOf(agent.id)).agent.prompt).toMatchObject({
      version: 3,
      template: 'x!!',
      values: { a: '++' },
    });
  });

  test('of a skill that is added reaches the agent', async () => {
    const { id } = await one(
      db.pool,
      `insert into howdah.skills (name, description, content) values ('raced', 'x', 'x') returning id`,
    );
    const [first, second] = [await makeAgent(db.pool), await makeAgent(db.pool)];
    const edited: Statement = [
      `update howdah.skills set content = content || '!' where id = $1`,
      [id],
    ];
    const give = (agent: string): Statement => [
      'insert into howdah.agent_skills (agent_id, skill_id) values ($1, $2)',
      [agent, id],
    ];
    await runConcurrently(edited, give(first));
    await runConcurrently(give(second), edited);
    for (const agent of [first, second]) {
      expect((await definitionOf(agent)).skills).toMatchObject([{ version: 3 }]);
    }
  });
});

describe('versions of a prompt', () => {
  test('are labelled, rendered, compared and restored, but never changed', async () => {
    const { id, name } = await makePrompt('first', {});
    await db.pool.query(`update howdah.prompts set template = 'second' where id = $1`, [id]);
    await db.pool.query(`select howdah.label_prompt_version($1, 1, 'production')`, [id]);
    expect(await render(name, {})).toBe('second');
    expect(await render(name, {}, 'production')).toBe('first');
    expect(await render(name, {}, '2')).toBe('second');
    expect(await refusal(render(name, {}, '9'))).toMatchObject({ code: 'HWNTF' });
    expect(
      await all(
        db.pool,
        `select place, op, old, new from howdah.diff_prompt_versions($1, 'production')`,
        [id],
      ),
    ).toEqual([{ place: 'template', op: 'replace', old: 'first', new: 'second' }]);
    // In the meantime another prompt has taken the name.
    const other = `${name} again`;
    await db.pool.query('update howdah.prompts set name = $2 where id = $1', [id, other]);
    await db.pool.query('insert into howdah.prompts (name, template) values ($1, $2)', [name, 'x']);
    await db.pool.query('select howdah.restore_prompt_version($1, 1)', [id]);
    expect(await render(other, {})).toBe('first');
    expect(await versions('prompt_versions', 'prompt_id', id)).toMatchObject([
      { version: 1, definition: { template: 'first' } },
      { version: 2 },
      { version: 3, definition: { name: other, template: 'second' } },
      { version: 4, definition: { name: other, template: 'first' } },
    ]);
    for (const text of [
      `update howdah.prompt_versions set definition = '{}'`,
      'delete from howdah.prompt_versions',
      'truncate howdah.prompt_versions cascade',
    ]) {
      expect(await refusal(db.pool.query(text))).toMatchObject({ code: 'HWDEN' });
    }
  });
});

test('a user who may not edit an agent cannot edit it through its prompt or skill', async () => {
  const tenant_id = await makeTenant(db.pool);
  const prompt = await one(
    db.pool,
    `insert into howdah.prompts (tenant_id, name, template) values ($1, 'p', 'x') returning id`,
    [tenant_id],
  );
  const skill = await one(
    db.pool,
    `insert into howdah.skills (tenant_id, name, description, content) values ($1, 's', 'x', 'x') returning id`,
    [tenant_id],
  );
  const agent = await makeAgent(db.pool, { tenant_id, name: 'hidden' });
  const asMember = (text: string) =>
    asRole(
      db.pool,
      'howdah_app',
      { 'howdah.tenant_id': tenant_id, 'howdah.role': 'member' },
      (client) => client.query(text),
    );
  const edits = [
    `update howdah.prompts set template = 'y'`,
    `update howdah.skills set content = 'y'`,
    `select howdah.delete_prompt(id) from howdah.prompts`,
  ];
  for (const text of edits) expect((await asMember(text)).rowCount).toBe(1);
  await db.pool.query('update howdah.agents set prompt_id = $2 where id = $1', [agent, prompt.id]);
  await db.pool.query(
    'insert into howdah.agent_skills (tenant_id, agent_id, skill_id) values ($1, $2, $3)',
    [tenant_id, agent, skill.id],
  );
  await db.pool.query(
    `insert into howdah.grants (tenant_id, agent_id, role, permission) values ($1, $2, 'admin', 'edit')`,
    [tenant_id, agent],
  );
  for (const text of edits) {
    const { code, message } = (await refusal(asMember(text))) as { code: string; message: string };
    expect({ text, code, tells: message.includes('hidden') }).toEqual({
      text,
      code: 'HWDEN',
      tells: false,
    });
  }
});
