// Rows that record-release.ts inserts into the database of a release. Every recorded release,
// including the oldest, has to support these statements. metadata.recorded of a run names its
// scene.

const bump = { tool_calls: [{ name: 'bump', arguments: { by: 1 } }] };
const done = { content: 'done' };

/** A delay that is long enough to kill the worker meanwhile. */
const SLOW = { content: 'done', delay_ms: 2_000 };

/** Name, script, and whether runs of the agent may ask questions. */
export const AGENTS: readonly (readonly [string, object[], boolean])[] = [
  ['plain', [done, done], false],
  ['tooled', [bump, bump, done], false],
  ['failing', [{ error: { status: 400, message: 'no such model' } }], false],
  ['slow', [bump, bump, SLOW], false],
  [
    'asker',
    [{ tool_calls: [{ name: 'ask_user', arguments: { question: 'Which?' } }] }, done],
    true,
  ],
  ['approver', [{ tool_calls: [{ name: 'careful_bump', arguments: { by: 10 } }] }, done], false],
  ['parent', [{ tool_calls: [{ name: 'ask_slow', arguments: { message: 'go' } }] }, done], false],
  [
    'asking_parent',
    [{ tool_calls: [{ name: 'ask_asker', arguments: { message: 'go' } }] }, done],
    false,
  ],
];

export const DEFINITIONS = `
  create schema shop;
  create table shop.counters (tenant_id uuid not null default howdah.current_tenant(), value int not null);
  create function shop.bump(by int) returns text language sql volatile set search_path = ''
    return 'bumped by ' || by;
  comment on function shop.bump(int) is 'Counts up.';
  create function shop.careful_bump(by int) returns text language sql volatile set search_path = ''
    return 'bumped by ' || by;
  comment on function shop.careful_bump(int) is 'Counts up, if somebody lets it.';
  select howdah.register_sql_tool('shop.bump(int)');
  select howdah.register_sql_tool('shop.careful_bump(int)');
  insert into howdah.users (username, role) values ('maria', 'admin');
  insert into howdah.models (name, provider, model) values ('script', 'scripted', 'script');`;

export const TOOLS = `
  insert into howdah.tools (name, kind, agent_id, parameters)
  select 'ask_' || name, 'agent', howdah.agent(name),
    '{"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}'
  from unnest(array['slow', 'asker']) as name;
  insert into howdah.agent_tools (agent_id, tool_id, requires_approval)
  select howdah.agent(g.agent), t.id, g.tool = 'careful_bump'
  from (
    values ('tooled', 'bump'), ('slow', 'bump'), ('approver', 'careful_bump'), ('parent', 'ask_slow'), ('asking_parent', 'ask_asker')
  ) as g (agent, tool)
  join howdah.tools as t on t.name = g.tool and t.tenant_id = howdah.current_tenant();`;

export const TEAM = `
  insert into howdah.workflows (name, type) values ('team', 'chain');
  insert into howdah.workflow_agents (workflow_id, agent_id, sequence_order)
  values (howdah.workflow('team'), howdah.agent('plain'), 1), (howdah.workflow('team'), howdah.agent('asker'), 2);`;

const runStatement = (agent: string, recorded = agent): string =>
  `select id from howdah.run('${agent}', 'go', metadata => '{"recorded": "${recorded}"}')`;

export const FINISHED: readonly string[] = ['plain', 'tooled', 'failing'].map((agent) =>
  runStatement(agent, `finished ${agent}`),
);

/** Statements that start runs which stay active: they run, or wait for a person or a child. */
export const UNDER_WAY: readonly string[] = [
  runStatement('asker'),
  runStatement('approver'),
  runStatement('asking_parent'),
  runStatement('parent'),
  runStatement('slow'),
];

export const TEAM_RUN = `
  select id from howdah.run_workflow('team', 'go', metadata => '{"recorded": "team"}')`;

export const AFTER_KILL: readonly string[] = [
  runStatement('tooled', 'queued'),
  `select id from howdah.run('plain', 'go', run_at => now() + interval '100 years', metadata => '{"recorded": "scheduled"}')`,
  `select id from howdah.pause_execution((
     select id from howdah.run('plain', 'go', metadata => '{"recorded": "paused"}')
   ))`,
  `with session as (select s.id from howdah.start_session('plain') as s)
   select m.id from session as s, howdah.send_message(s.id, 'first') as m`,
  `select m.id from howdah.sessions as s, howdah.send_message(s.id, 'second') as m`,
  // The limit is new, so earlier usage has not been counted yet.
  `insert into howdah.limits (metric, period, max_value) values ('tokens', 'month', 1000000000)`,
  `insert into howdah.schedules (name, cron, agent_id, input, is_active)
   values ('daily', '@daily', howdah.agent('plain'), 'go', false)`,
];
