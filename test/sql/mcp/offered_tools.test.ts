import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { all, makeTenant, one, takeRole } from '../support.ts';

const db = testDatabase();
let client: pg.PoolClient;

/**
 * Acts as the application with this role in its own tenant, in a transaction that is rolled back.
 */
async function within(role: string, rows: string[], work: (tenant: string) => Promise<void>) {
  client = await db.pool.connect();
  try {
    await client.query('begin');
    const tenant = await makeTenant(client);
    for (const row of rows) await client.query(row, [tenant]);
    await takeRole(client, 'howdah_app', { 'howdah.tenant_id': tenant, 'howdah.role': role });
    await work(tenant);
  } finally {
    await client.query('rollback');
    client.release();
  }
}

const agent = (name: string, more = '') =>
  `insert into howdah.agents (tenant_id, name) values ($1, '${name}') ${more}`;
const workflow = (name: string) =>
  `insert into howdah.workflows (tenant_id, name, type) values ($1, '${name}', 'chain')`;
const offered = (args = '') =>
  all(client, `select tool, kind, name from howdah_private.offered_tools(${args})`);

describe('names of offered tools', () => {
  test('are agent names converted to the wire format, in order', () =>
    within('member', [agent('b'), agent('a b/c'), agent('Ä'), agent('x'.repeat(80))], async () => {
      const rows = (await offered()).filter(
        ({ name }) => !['development', 'manager'].includes(name),
      );
      expect(rows.map(({ tool }) => tool)).toEqual(['_', 'a_b_c', 'b', 'x'.repeat(64)]);
    }));

  test('go to an exact match, then to an agent, then to the older entry', () =>
    within(
      'member',
      [
        agent('a b'),
        agent('a-b'),
        agent('a.b'),
        workflow('a/b'),
        agent('a_b'),
        agent('press'),
        workflow('press'),
      ],
      async () => {
        const tools = new Map(
          (await offered()).map(({ tool, name, kind }) => [`${kind} ${name}`, tool]),
        );
        expect(tools.get('agent a_b')).toBe('a_b');
        expect(tools.get('agent a-b')).toBe('a-b');
        expect(tools.get('agent press')).toBe('press');
        expect(tools.get('workflow press')).toMatch(/^workflow__press__[0-9a-f]{8}$/);
        expect(tools.get('agent a b')).toMatch(/^agent__a_b__[0-9a-f]{8}$/);
        expect(tools.get('workflow a/b')).toMatch(/^workflow__a_b__[0-9a-f]{8}$/);
        expect(new Set(tools.values()).size).toBe(tools.size);
        for (const tool of tools.values()) expect(await offered(`'${tool}'`)).toHaveLength(1);
      },
    ));

  test('never replace answer_question', () =>
    within('member', [agent('answer_question')], async () => {
      const rows = await offered();
      expect(rows.find(({ name }) => name === 'answer_question')?.tool).toMatch(
        /^agent__answer_question__/,
      );
      expect(await offered(`'answer_question'`)).toEqual([]);
    }));
});

describe('offered tools', () => {
  test('exclude inactive and deleted entries and those the user may not run', () =>
    within(
      'viewer',
      [
        agent('plain'),
        agent('granted'),
        `insert into howdah.grants (tenant_id, agent_id, role, permission)
         select tenant_id, id, 'viewer', 'run' from howdah.agents where tenant_id = $1 and name = 'granted'`,
        agent('off'),
        `update howdah.agents set is_active = false where tenant_id = $1 and name = 'off'`,
      ],
      async () => {
        expect((await offered()).map(({ tool }) => tool)).toEqual(['granted']);
        expect(await offered(`'plain'`)).toEqual([]);
      },
    ));

  test('continue after the last name of a page', () =>
    within('member', [agent('B'), agent('a'), agent('C')], async () => {
      const names = (await offered()).map(({ tool }) => tool);
      const paged: string[] = [];
      for (;;) {
        const [next] = await offered(
          `after => ${paged.length ? `'${paged.at(-1)}'` : 'null'}, at_most => 1`,
        );
        if (!next) break;
        paged.push(next.tool);
      }
      expect(paged).toEqual(names);
      expect(names).toEqual(expect.arrayContaining(['B', 'C', 'a']));
    }));

  test('require prompt variables that have no default and no agent value', () =>
    within(
      'member',
      [
        `insert into howdah.prompts (tenant_id, name, template, variables) values ($1, 'p', '{{who}} {{tone}} {{city}}',
           '{"who": {"type": "string"}, "tone": {"type": "string", "default": "kind"}, "city": {"type": "string"}}')`,
        `insert into howdah.agents (tenant_id, name, prompt_id, prompt_values)
         select tenant_id, 'told', id, '{"city": "Rome"}' from howdah.prompts where tenant_id = $1 and name = 'p'`,
      ],
      async () => {
        const { parameters } = await one(
          client,
          `select parameters from howdah_private.offered_tools('told')`,
        );
        expect(parameters).toMatchObject({
          required: ['message', 'input_data'],
          properties: {
            input_data: { required: ['who'], properties: { tone: { default: 'kind' } } },
          },
        });
      },
    ));
});
