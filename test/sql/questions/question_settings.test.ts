import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { actAs } from '../open-questions.ts';
import {
  makeAgent,
  makeTool,
  makeUser,
  one,
  refusal,
  refusedInside,
  rolledBack,
} from '../support.ts';

const db = testDatabase();
let asking: string;

beforeAll(async () => {
  asking = (await one(db.pool, `select id from howdah.tools where name = 'ask_user'`)).id;
});

const deadline = { expires_in_seconds: 60 };

/** Gives a tool (ask_user by default) with these settings to a new agent. */
const give = async (question: unknown, tool_id = asking) =>
  db.pool.query(
    `insert into howdah.agent_tools (agent_id, tool_id, configuration) values ($1, $2, $3)
     returning configuration`,
    [await makeAgent(db.pool), tool_id, JSON.stringify({ question })],
  );
const write = (question: unknown) =>
  makeTool(db.pool, { configuration: JSON.stringify({ question }) });

describe('settings of a question', () => {
  test.each([
    [null],
    [{}],
    [
      {
        schema: { type: 'object', properties: { ok: { $ref: '#/$defs/ok' } }, $defs: { ok: true } },
      },
    ],
    [{ ...deadline, default_answer: 'red', required_role: 'member', escalate_to: 'admin' }],
    [{ ...deadline, escalate_to: 'anna' }],
    [{ expires_in_seconds: 0.5, schema: { type: 'integer' }, default_answer: '3' }],
    [{ ...deadline, schema: { enum: ['yes', 'no'] }, default_answer: 'no' }],
    [{ schema: null, expires_in_seconds: null, default_answer: null, escalate_to: null }],
  ])('%j are accepted for ask_user', async (question) => {
    expect((await give(question)).rows).toEqual([{ configuration: { question } }]);
  });

  test.each([
    ['question', [], 'configuration.question is not an object', 'expires_in_seconds'],
    [
      'question.expire_in_seconds',
      { expire_in_seconds: 60 },
      'is not a setting',
      'Did you mean expires_in_seconds?',
    ],
    [
      'question.requiredRole',
      { requiredRole: 'admin' },
      'is not a setting',
      'Did you mean required_role?',
    ],
    ['question.colour', { colour: 'red' }, 'is not a setting', 'The settings: schema, '],
    ['question.expires_in_seconds', { expires_in_seconds: 0 }, 'positive number', '3600'],
    ['question.expires_in_seconds', { expires_in_seconds: -1 }, 'positive number', '3600'],
    ['question.expires_in_seconds', { expires_in_seconds: '60' }, 'positive number', '3600'],
    ['question.expires_in_seconds', { expires_in_seconds: 1e30 }, 'positive number', '1000000000'],
    [
      'question.required_role',
      { required_role: 'boss' },
      'is "boss", which is not a role',
      'owner, admin, member',
    ],
    [
      'question.required_role',
      { required_role: 7 },
      'is 7, which is not a role',
      'owner, admin, member',
    ],
    [
      'question.required_role',
      { required_role: 'viewer' },
      'viewers never answer',
      'owner, admin, member',
    ],
    [
      'question.escalate_to',
      { ...deadline, escalate_to: ['admin'] },
      'is not the name of',
      'username',
    ],
    ['question.escalate_to', { ...deadline, escalate_to: ' ' }, 'is not the name of', 'username'],
    [
      'question.escalate_to',
      { ...deadline, escalate_to: 'viewer' },
      'viewers never answer',
      'username',
    ],
    [
      'question.escalate_to',
      { escalate_to: 'admin' },
      'has no effect without a deadline',
      'expires_in_seconds',
    ],
    [
      'question.default_answer',
      { default_answer: 'x' },
      'has no effect without a deadline',
      'expires_in_seconds',
    ],
    [
      'question.default_answer',
      { ...deadline, default_answer: 1 },
      'is not a string',
      'the answer as a string',
    ],
    [
      'question.default_answer',
      { ...deadline, default_answer: '' },
      'is empty',
      'the answer as a string',
    ],
    [
      'question.default_answer',
      {
        ...deadline,
        schema: { properties: { a: { type: 'string' } } },
        default_answer: '{"a": 1}',
      },
      'does not satisfy the schema: a ',
      'the answer as a string',
    ],
    ['question.schema', { schema: 'string' }, 'is not an object', '"type"'],
    [
      'question.schema.properties.a',
      { schema: { properties: { a: { type: 'text' } } } },
      'is not a JSON Schema',
      '2020-12',
    ],
    [
      'question.schema.properties.a.$ref',
      { schema: { properties: { a: { $ref: 'x.json' } } } },
      'cannot be checked',
      '#/$defs/name',
    ],
  ])('%s is rejected in %j', async (path, question, message, hint) => {
    const refused = await refusal(give(question));
    expect(refused).toMatchObject({
      code: 'HWINV',
      message: expect.stringContaining(message),
      hint: expect.stringContaining(hint),
    });
    expect(refused.message).toContain(`configuration.${path.split('.').slice(0, 2).join('.')}`);
    expect(refused.fields?.path).toContain(`configuration.${path}`);
  });

  test.each([
    ['approve', undefined],
    ['reject', undefined],
    ['yes', 'is neither approve nor reject'],
    ['', 'is neither approve nor reject'],
  ])(
    'accept only a valid approval answer as default for approvals: %j',
    async (default_answer, fault) => {
      const tool = await makeTool(db.pool);
      for (const work of [
        () => write({ ...deadline, default_answer }),
        () => give({ ...deadline, default_answer }, tool),
      ]) {
        const refused = work().then(
          () => null,
          (error: Error) => error.message,
        );
        expect(await refused).toEqual(fault ? expect.stringContaining(fault) : null);
      }
    },
  );

  test('reject a schema for approvals', async () => {
    expect(await refusal(write({ schema: { type: 'object' } }))).toMatchObject({
      code: 'HWINV',
      fields: { path: 'configuration.question.schema', field: 'configuration' },
    });
  });

  test('are validated on update as well, and for the application too', async () => {
    const admin = await makeUser(db.pool, { role: 'admin' });
    const tool = await makeTool(db.pool);
    await rolledBack(db.pool, async (client) => {
      await actAs(client, admin);
      const set = (question: unknown) => [tool, JSON.stringify({ question })];
      const text = 'update howdah.tools set configuration = $2 where id = $1';
      const refused = await refusedInside(client, text, set({ ...deadline, default_answer: 'x' }));
      expect(refused.code).toBe('HWINV');
      expect(
        (await client.query(text, set({ ...deadline, default_answer: 'reject' }))).rowCount,
      ).toBe(1);
      const insertStatement = `insert into howdah.agent_tools (agent_id, tool_id, configuration) values ($1, $2, $3)`;
      const question = JSON.stringify({ question: { schema: { type: 'boolean' } } });
      const agent = await one(
        client,
        `insert into howdah.agents (name, instruction) values ('asking', '') returning id`,
      );
      await client.query(insertStatement, [agent.id, asking, question]);
      expect((await refusedInside(client, insertStatement, [agent.id, tool, question])).code).toBe(
        'HWINV',
      );
    });
  });
});
