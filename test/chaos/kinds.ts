import type pg from 'pg';
import type { FakeAnswer, FakeHandler } from '../../chaos/load/openai-server.ts';
import type { CustomTool } from '../../src/contracts/agents/tool.ts';
import { FAILPOINTS, type Failpoint } from '../../src/contracts/failpoint.ts';
import type { JsonObject } from '../../src/json/json.ts';

/**
 * A kind of run: the behaviour of its agent's model, turn by turn, and the failpoints that it
 * passes.
 */
export type Kind = {
  name: string;
  tools: string[];
  turns: FakeAnswer[];
  max_steps?: number;
  human_input?: boolean;
  passes: readonly Failpoint[];
};

const call = (name: string, args: JsonObject = {}) => ({ name, arguments: args });

/** Every kind of run passes these. */
const ALWAYS: readonly Failpoint[] = [
  'claim.after',
  'context.loaded',
  'model.before',
  'model.midstream',
  'model.after',
  'finish.before',
  'finish.after',
];
const WITH_STEPS: readonly Failpoint[] = [...ALWAYS, 'step.commit.before', 'step.commit.after'];
const WITH_TOOLS: readonly Failpoint[] = [...WITH_STEPS, 'tool.before', 'tool.after'];
const ANSWERED: readonly Failpoint[] = ['wait.entered', 'answer.applied'];

/** Every kind of run there is; a new way to wait or to have an effect belongs in this list. */
export const KINDS: readonly Kind[] = [
  { name: 'answer', tools: [], turns: [{ content: 'done' }], passes: ALWAYS },
  {
    name: 'tools',
    tools: ['echo'],
    turns: [
      { tool_calls: [call('echo', { text: 'a' })] },
      { tool_calls: [call('echo', { text: 'b' })] },
      { content: 'done' },
    ],
    passes: WITH_TOOLS,
  },
  {
    name: 'parallel',
    tools: ['echo', 'bump'],
    turns: [
      { tool_calls: [call('echo', { text: 'a' }), call('bump'), call('echo', { text: 'b' })] },
      { content: 'done' },
    ],
    passes: WITH_TOOLS,
  },
  {
    name: 'hooked',
    tools: ['echo'],
    turns: [{ tool_calls: [call('echo', { text: 'a' })] }, { content: 'done' }],
    passes: WITH_TOOLS,
  },
  {
    name: 'sql',
    tools: ['bump'],
    turns: [{ tool_calls: [call('bump')] }, { content: 'done' }],
    passes: WITH_TOOLS,
  },
  {
    name: 'todo',
    tools: ['todo'],
    turns: [{ tool_calls: [call('todo', { action: 'add', title: 'pack' })] }, { content: 'done' }],
    passes: WITH_TOOLS,
  },
  {
    name: 'mail',
    tools: ['send_message'],
    turns: [
      { tool_calls: [call('send_message', { to: 'helper', message: 'a' })] },
      { content: 'done' },
    ],
    passes: WITH_TOOLS,
  },
  {
    name: 'board',
    tools: ['board_write'],
    turns: [{ tool_calls: [call('board_write', { key: 'a', value: 1 })] }, { content: 'done' }],
    passes: WITH_TOOLS,
  },
  {
    name: 'once',
    tools: ['pay'],
    turns: [{ tool_calls: [call('pay', { text: 'a' })] }, { content: 'done' }],
    passes: WITH_TOOLS,
  },
  {
    name: 'question',
    tools: [],
    human_input: true,
    turns: [{ tool_calls: [call('ask_user', { question: 'Which?' })] }, { content: 'done' }],
    passes: [...WITH_STEPS, ...ANSWERED],
  },
  {
    name: 'approval',
    tools: ['careful'],
    turns: [{ tool_calls: [call('careful', { text: 'a' })] }, { content: 'done' }],
    passes: [...WITH_TOOLS, ...ANSWERED],
  },
  {
    name: 'tried',
    tools: ['spend'],
    turns: [{ tool_calls: [call('spend')] }, { content: 'done' }],
    passes: [...WITH_TOOLS, ...ANSWERED, 'dry_run.after'],
  },
  {
    name: 'child',
    tools: ['helper'],
    turns: [{ tool_calls: [call('helper', { message: 'help' })] }, { content: 'done' }],
    passes: [...WITH_STEPS, 'child.inserted', 'wait.entered'],
  },
  {
    name: 'compensation',
    tools: ['reserve'],
    max_steps: 1,
    turns: [{ content: 'I book it.', tool_calls: [call('reserve', { text: 'a' })] }],
    passes: WITH_TOOLS,
  },
];

/**
 * A workflow of these agents: two in parallel, then a person, then another agent. The workflow and
 * its members pass all failpoints except that of dry runs. The third and the fifth run to end are
 * the inner workflow and the whole workflow.
 */
export const TEAM = {
  name: 'team',
  passes: [
    ...FAILPOINTS.filter((one) => one !== 'dry_run.after'),
    'finish.before:3',
    'finish.after:3',
    'finish.before:5',
  ] as const,
};

/** Model of all kinds: the instruction names the kind, the previous answers determine the turn. */
export const playKinds: FakeHandler = ({ body }) => {
  const messages = body.messages as { role: string; content: string }[];
  const kind = KINDS.find(({ name }) => messages[0]?.content === name);
  const turn = messages.filter(({ role }) => role === 'assistant').length;
  return kind?.turns[turn] ?? { content: 'helped' };
};

const parameters = { type: 'object', properties: { text: { type: 'string' } } };
const echo = (name: string, effect: CustomTool['effect']): CustomTool => ({
  name,
  description: 'Says it again.',
  parameters,
  ...(effect ? { effect } : {}),
  run: ({ text }) => text ?? null,
});

/** Options of every worker in these tests. */
export const kindTools: readonly CustomTool[] = [
  echo('echo', 'idempotent'),
  echo('pay', 'once'),
  echo('careful', 'idempotent'),
  echo('reserve', 'idempotent'),
  echo('unreserve', 'idempotent'),
];

/** Makes the agents, once the worker has made the rows of its tools. */
export async function makeKinds(pool: pg.Pool): Promise<void> {
  await pool.query(`
    update howdah.models set provider = 'openai', model = 'm' where name = 'default';
    create schema shop;
    create table shop.counter (n int not null);
    insert into shop.counter values (0);
    create function shop.bump() returns int language sql as
      'update shop.counter set n = n + 1 returning 1';
    grant select, update on shop.counter to howdah_app;
    select howdah.register_sql_tool('shop.bump()');
    create function shop.spend() returns int language sql as
      'update shop.counter set n = n + 1 returning 1';
    select howdah.register_sql_tool('shop.spend()');
    create table shop.seen (execution_id uuid, event text, call_id text);
    grant insert on shop.seen to howdah_app;
    create function shop.note(event jsonb) returns void language sql as
      'insert into shop.seen values ((event ->> ''execution_id'')::uuid, event ->> ''event'', event ->> ''call_id'')';
    update howdah.tools set requires_approval = true where name in ('careful', 'spend');
    update howdah.tools set compensation_tool_id = (select id from howdah.tools where name = 'unreserve')
    where name = 'reserve';
    insert into howdah.agents (name, instruction) values ('helper', 'helper');
    insert into howdah.tools (name, kind, agent_id, parameters)
    values ('helper', 'agent', howdah.agent('helper'),
      '{"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}')`);
  for (const { name, tools, max_steps, human_input } of KINDS) {
    await pool.query(
      `with agent as (
         insert into howdah.agents (name, instruction, max_steps, human_input) values ($1, $1, $2, $3)
         returning id
       )
       insert into howdah.agent_tools (agent_id, tool_id)
       select a.id, t.id from agent as a, howdah.tools as t where t.name = any ($4)`,
      [name, max_steps ?? null, human_input ?? false, tools],
    );
  }
  await pool.query(`
    insert into howdah.workflows (name, type) values ('pair', 'parallel'), ('team', 'chain');
    insert into howdah.workflow_agents (workflow_id, sequence_order, agent_id, member_workflow_id, question)
    values (howdah.workflow('pair'), 1, howdah.agent('tools'), null, null),
      (howdah.workflow('pair'), 2, howdah.agent('sql'), null, null),
      (howdah.workflow('team'), 1, null, howdah.workflow('pair'), null),
      (howdah.workflow('team'), 2, null, null, '{"prompt": "Which of these? {{output}}"}'),
      (howdah.workflow('team'), 3, howdah.agent('answer'), null, null)`);
  await pool.query(
    `insert into howdah.hooks (event, function, agent_id)
     select e.event, 'shop.note', howdah.agent('hooked')
     from unnest(enum_range(null::howdah.hook_event)) as e (event)`,
  );
}
