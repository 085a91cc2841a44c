import type pg from 'pg';
import { syncCustomTools } from '../../src/db/worker/sync-environment.ts';
import { personPrompt } from './expected-output.ts';
import { TEAM_NAMES } from './plan.ts';
import { createShopTools } from './shop-tools.ts';
import { TEAMS, type Team } from './teams.ts';

/**
 * Creates agents, tools and workflows, and the tables by which a round is checked:
 * `chaos.ownership` (a row per change of a run's owner), `chaos.encryptions` (a row per change of a
 * run's encryption key) and `shop.bookings` (a row per call of the SQL tool).
 */
export async function createShop(pool: pg.Pool): Promise<void> {
  await syncCustomTools(pool, createShopTools('none'));
  await pool.query(AUDIT_TABLES);
  await pool.query(SHOP);
  for (const name of TEAM_NAMES)
    await pool.query(WORKFLOW, [name, ...workflowParameters(TEAMS[name])]);
}

/**
 * Returns type, configuration and members of a workflow. The mission of a member contains its name,
 * and so does the prompt of a person.
 */
function workflowParameters({ type, configuration, members }: Team): string[] {
  const rows = members.map((member) => ({
    role: member.name,
    agent: 'agent' in member ? member.agent : null,
    team: 'team' in member ? member.team : null,
    question: 'person' in member ? { prompt: personPrompt(member.name, '{{output}}') } : null,
    configuration: 'agent' in member ? { mission_override: `You are member=${member.name}` } : {},
  }));
  return [type, JSON.stringify(configuration), JSON.stringify(rows)];
}

// Workflows that are members of others must be inserted before them: TEAM_NAMES has this order.
const WORKFLOW = `
  with workflow as (
    insert into howdah.workflows (name, type, configuration, instruction)
    values ($1, $2, $3, 'You are decider=' || $1) returning id
  )
  insert into howdah.workflow_agents (workflow_id, sequence_order, role, agent_id, member_workflow_id, question, configuration)
  select w.id, m.place, m.role, case when m.agent is not null then howdah.agent(m.agent) end,
    case when m.team is not null then howdah.workflow(m.team) end, m.question, m.configuration
  from workflow as w, rows from (jsonb_to_recordset($4) as (
    role text, agent text, team text, question jsonb, configuration jsonb)) with ordinality
    as m (role, agent, team, question, configuration, place)`;

const AUDIT_TABLES = `
  create schema chaos;
  create table chaos.ownership (
    id bigint primary key generated always as identity,
    execution_id uuid not null,
    old_owner uuid,
    new_owner uuid,
    status text not null,
    at timestamptz not null default clock_timestamp()
  );
  create index on chaos.ownership (execution_id);
  create function chaos.tg_executions__ownership() returns trigger
    language plpgsql security definer set search_path = '' as $$
  begin
    insert into chaos.ownership (execution_id, old_owner, new_owner, status)
    values (new.id, old.owner_worker, new.owner_worker, new.status);
    return null;
  end $$;
  grant usage on schema chaos to public;
  create trigger _990_ownership after update on howdah.executions
    for each row when (old.owner_worker is distinct from new.owner_worker or old.fence <> new.fence)
    execute function chaos.tg_executions__ownership();
  create table chaos.encryptions (
    execution_id uuid not null,
    old_key uuid,
    new_key uuid,
    at timestamptz not null default clock_timestamp()
  );
  create function chaos.tg_executions__encryption() returns trigger
    language plpgsql security definer set search_path = '' as $$
  begin
    insert into chaos.encryptions (execution_id, old_key, new_key)
    values (new.id, old.contents_key_id, new.contents_key_id);
    return null;
  end $$;
  create trigger _991_encryption after update on howdah.executions
    for each row when (old.contents_key_id is distinct from new.contents_key_id)
    execute function chaos.tg_executions__encryption();`;

const SHOP = `
  update howdah.models set provider = 'openai', model = 'm' where name = 'default';
  insert into howdah.models (name, provider, model) values ('second', 'openai', 'm2');
  create schema shop;
  create table shop.bookings (id bigint primary key generated always as identity, key text not null);
  create function shop.book(key text) returns text language sql as
    'insert into shop.bookings (key) values (book.key) returning ''[book:'' || key || '']''';
  comment on function shop.book(text) is 'Books.';
  grant select, insert on shop.bookings to howdah_app;
  select howdah.register_sql_tool('shop.book(text)');
  update howdah.tools set requires_approval = true where name = 'careful';
  insert into howdah.agents (name, instruction, human_input)
  values ('clerk', 'Clerk.', true), ('senior', 'Senior clerk.', true), ('helper', 'Helper.', true);
  insert into howdah.tools (name, kind, agent_id, parameters)
  values ('helper', 'agent', howdah.agent('helper'),
    '{"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}');
  insert into howdah.agent_models (agent_id, model_id, position)
  select a.id, m.id, p.position
  from (values ('default', 1), ('second', 2)) as p (name, position) join howdah.models as m using (name)
  cross join howdah.agents as a where a.name in ('senior', 'helper');
  insert into howdah.agent_tools (agent_id, tool_id)
  select a.id, t.id from howdah.agents as a, howdah.tools as t
  where a.name in ('clerk', 'senior', 'helper')
    and t.name in ('look', 'note', 'pay', 'careful', 'spin', 'hoard', 'book', 'helper');`;
