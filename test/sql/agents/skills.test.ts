import { expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { all, makeAgent, one, refusal, rolledBack } from '../support.ts';

const db = testDatabase();

let count = 0;
async function makeSkill(columns: { name?: string; content?: string } = {}): Promise<string> {
  count += 1;
  const { id } = await one(
    db.pool,
    'insert into howdah.skills (name, description, content) values ($1, $2, $3) returning id',
    [columns.name ?? `skill-${count}`, `when ${count}`, columns.content ?? '# How'],
  );
  return id;
}

async function agentWith(...skills: string[]): Promise<string> {
  count += 1;
  const agent = await makeAgent(db.pool, { name: `agent ${count}` });
  for (const [index, skill] of skills.entries()) {
    await db.pool.query(
      'insert into howdah.agent_skills (agent_id, skill_id, position) values ($1, $2, $3)',
      [agent, skill, index + 1],
    );
  }
  return agent;
}

const definitionOf = async (agent: string) =>
  (
    await one(
      db.pool,
      `select v.definition from howdah.agents as a
       join howdah.agent_versions as v on v.id = a.current_version_id where a.id = $1`,
      [agent],
    )
  ).definition;
const toolsOf = async (agent: string) =>
  (await definitionOf(agent)).tools.map(({ name }: { name: string }) => name);

test('an agent pins the versions of its skills and can load them', async () => {
  const [first, second] = [await makeSkill(), await makeSkill()];
  const agent = await agentWith(second, first);
  const { skills } = await definitionOf(agent);
  expect(skills).toMatchObject([
    { id: second, version: 1 },
    { id: first, version: 1 },
  ]);
  expect(await toolsOf(agent)).toEqual(['load_skill']);
  await db.pool.query(`update howdah.skills set content = 'Otherwise.' where id = $1`, [first]);
  const after = (await definitionOf(agent)).skills;
  expect(after).toMatchObject([skills[0], { id: first, version: 2 }]);
  const { rows } = await db.pool.query(
    `select definition ->> 'content' as content from howdah.skill_versions where id = any ($1) order by version`,
    [[skills[1].version_id, after[1].version_id]],
  );
  expect(rows).toEqual([{ content: '# How' }, { content: 'Otherwise.' }]);
});

test('an inactive or removed skill is not in the next version', async () => {
  const skill = await makeSkill();
  const agent = await agentWith(skill);
  await db.pool.query('update howdah.skills set is_active = false where id = $1', [skill]);
  expect((await definitionOf(agent)).skills).toBeUndefined();
  expect(await toolsOf(agent)).toEqual([]);
  await db.pool.query('update howdah.skills set is_active = true where id = $1', [skill]);
  expect(await toolsOf(agent)).toEqual(['load_skill']);
  await db.pool.query('delete from howdah.agent_skills where agent_id = $1', [agent]);
  expect(await toolsOf(agent)).toEqual([]);
  const { version } = await one(
    db.pool,
    'select max(version) as version from howdah.agent_versions where agent_id = $1',
    [agent],
  );
  await db.pool.query('select howdah.restore_agent_version($1, $2)', [agent, version - 1]);
  expect((await definitionOf(agent)).skills).toMatchObject([{ id: skill }]);
  expect(
    await all(db.pool, 'select tool_id from howdah.agent_tools where agent_id = $1', [agent]),
  ).toEqual([]);
});

test('a skill in use cannot be deleted; deleting a skill frees its name', async () => {
  const skill = await makeSkill({ name: 'invoices' });
  const agent = await agentWith(skill);
  const remove = () => db.pool.query('select howdah.delete_skill($1)', [skill]);
  expect(await refusal(remove())).toMatchObject({ code: 'HWCNF' });
  await db.pool.query('select howdah.delete_agent($1)', [agent]);
  await remove();
  expect(await refusal(agentWith(skill))).toMatchObject({ code: 'HWCNF' });
  const again = await makeSkill({ name: 'invoices' });
  expect((await one(db.pool, `select howdah.skill('invoices') as id`)).id).toBe(again);
  expect(await refusal(db.pool.query(`select howdah.skill('invoice')`))).toMatchObject({
    code: 'HWNTF',
    hint: 'Did you mean invoices?',
  });
});

test('versions are compared and restored, but never changed', async () => {
  const skill = await makeSkill({ content: 'one' });
  const agent = await agentWith(skill);
  await db.pool.query(`update howdah.skills set content = 'two' where id = $1`, [skill]);
  expect(
    await all(db.pool, `select place, old, new from howdah.diff_skill_versions($1, '1', '2')`, [
      skill,
    ]),
  ).toEqual([{ place: 'content', old: 'one', new: 'two' }]);
  const restored = await one(db.pool, 'select content from howdah.restore_skill_version($1, 1)', [
    skill,
  ]);
  expect(restored).toEqual({ content: 'one' });
  expect((await definitionOf(agent)).skills).toMatchObject([{ version: 3 }]);
  expect(
    await refusal(db.pool.query('delete from howdah.skill_versions where skill_id = $1', [skill])),
  ).toMatchObject({ code: 'HWDEN' });
});

test.each([
  ['two words', 'x', 'x', 'name'],
  ['', 'x', 'x', 'name'],
  ['fine', 'two\nlines', 'x', 'description'],
  ['fine', ' ', 'x', 'description'],
  ['fine', 'x', ' ', 'content'],
  ['fine', 'x', 'x'.repeat(61_441), 'content'],
  ['fine', 'x', 'The key is sk-abcdefgh1234567890abcdef.', 'content'],
])('rejects a skill named %j', async (name, description, content, field) => {
  const work = db.pool.query(
    'insert into howdah.skills (name, description, content) values ($1, $2, $3)',
    [name, description, content],
  );
  const { code, detail } = await refusal(work);
  expect({ code, detail }).toEqual({ code: 'HWINV', detail: expect.stringContaining(field) });
});

test('an edit of a skill and of its agent in one transaction makes one version', async () => {
  const skill = await makeSkill();
  const agent = await agentWith(skill);
  await rolledBack(db.pool, async (client) => {
    await client.query(`update howdah.agents set instruction = 'x' where id = $1`, [agent]);
    await client.query(`update howdah.skills set content = 'x' where id = $1`, [skill]);
    await client.query('set constraints all immediate');
    const { rows } = await client.query(
      `select definition #>> '{skills,0,version}' as pinned from howdah.agent_versions
       where agent_id = $1 order by version desc limit 1`,
      [agent],
    );
    expect(rows).toEqual([{ pinned: '2' }]);
    expect(
      await all(
        client,
        'select version from howdah.skill_versions where skill_id = $1 order by 1',
        [skill],
      ),
    ).toEqual([{ version: 1 }, { version: 2 }]);
  });
});
