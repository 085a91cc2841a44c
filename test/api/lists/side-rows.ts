import type { Db } from '../../sql/support.ts';
import { one } from '../../sql/support.ts';
import type { KnownRows } from './large-tenants.ts';

/** What a tenant has besides runs. Few rows, in the middle of the history, have the rare values. */
export type KnownSideRows = KnownRows & {
  /** The run, and the id of all rows beside it, of which all values are rare. */
  row: string;
  number: number;
  agents: string[];
  watches: string[];
  webhooks: string[];
  inboundHooks: string[];
  bases: string[];
  datasets: string[];
  evaluations: string[];
};

const LARGE = [
  'documents',
  'chunks',
  'memories',
  'dataset_items',
  'evaluation_results',
  'grades',
  'searches',
  'sessions',
  'watched_rows',
  'questions',
  'feedback_entries',
  'webhook_deliveries',
];
const TABLES = [
  ...[...LARGE, 'inbound_deliveries', 'mail', 'resources', 'todos', 'board_entries', 'audit_log'],
  ...['webhooks', 'inbound_hooks', 'table_triggers', 'knowledge_bases'],
  ...['datasets', 'evaluations'],
];
const triggers = (verb: 'enable' | 'disable') =>
  TABLES.map((table) => `alter table howdah.${table} ${verb} trigger user;`).join('\n');

/**
 * A row of each table beside every fourth of the runs, with the id of the run. Of the 50,000 rows,
 * 250 in the middle are rare: another agent, watch, hook, author, status or kind. The newest 250
 * questions are open, and the newest 250 deliveries and answers are pending.
 */
const SIDE_ROWS = `
  create temp table sided as
  select e.id::uuid as id, e.tenant_id, n.n, e.created_at as at, e.user_id,
    n.n between 60000 and 61000 as is_rare, n.n > 199000 as is_new,
    case when n.n between 60000 and 61000 then 'rare' else 'common' end as name
  from howdah.executions as e
  cross join lateral (select (e.metadata -> 'order')::int as n) as n
  where n.n % 4 = 3;
  ${triggers('disable')}
  insert into howdah.table_triggers (tenant_id, table_name, agent_id, input, key_columns)
  select a.tenant_id, 'shop.' || k.name, a.id, 'x', '{id}' from howdah.agents as a
  cross join unnest('{rare,common}'::text[]) as k (name) where a.name = 'agent0';
  insert into howdah.webhooks (tenant_id, url)
  select t.id, 'https://example.com/' || k.name from howdah.tenants as t
  cross join unnest('{rare,common}'::text[]) as k (name) where t.slug in ('large', 'small');
  insert into howdah.inbound_hooks (tenant_id, name, verification, secret_name, agent_id)
  select a.tenant_id, k.name, 'shared_secret', 'x', a.id from howdah.agents as a
  cross join unnest('{rare,common}'::text[]) as k (name) where a.name = 'agent0';

  insert into howdah.sessions (
    id, tenant_id, agent_id, user_id, chat_key, forked_from_session_id, created_at)
  select s.id, s.tenant_id, a.id, s.user_id, case when s.n % 16 = 15 then 'chat' || s.n end,
    case when s.is_rare then (select o.id from howdah.sessions as o where o.tenant_id = s.tenant_id order by o.id limit 1) end, s.at
  from sided as s join howdah.agents as a
    on a.tenant_id = s.tenant_id and a.name = case when s.is_rare then 'agent4' else 'agent0' end;
  insert into howdah.watched_rows (
    execution_id, tenant_id, table_trigger_id, created_at, updated_at, row_key, watches, write_back)
  select s.id, s.tenant_id, w.id, s.at, s.at, jsonb_build_object('id', s.n), array[w.id],
    case when s.is_rare then (array['failed', 'gone', 'superseded'])[1 + s.n / 80 % 3]
      when s.is_new then 'waiting' else 'written' end::howdah.write_back_status
  from sided as s join howdah.table_triggers as w
    on w.tenant_id = s.tenant_id and w.table_name = 'shop.' || s.name;
  insert into howdah.questions (
    id, tenant_id, execution_id, root_execution_id, session_id, kind, status, prompt, created_at, updated_at, answered_at, expires_at)
  select s.id, s.tenant_id, s.id, s.id, case when s.n % 16 = 15 then s.id end,
    case when s.is_rare then (array['approval', 'effect'])[1 + s.n / 80 % 2] else 'question' end::howdah.question_kind,
    case when s.is_rare then (array['expired', 'cancelled'])[1 + s.n / 160 % 2]
      when s.is_new then 'open' else 'answered' end::howdah.question_status,
    'Which?', s.at, s.at, s.at, case when s.n % 16 = 15 then s.at end
  from sided as s;
  insert into howdah.feedback_entries (id, tenant_id, execution_id, score, created_by, created_at)
  select s.id, s.tenant_id, s.id, 0.5, s.name, s.at from sided as s;
  insert into howdah.webhook_deliveries (
    id, tenant_id, created_at, webhook_id, execution_id, event, url, payload, status, delivered_at, next_attempt_at)
  select s.id, s.tenant_id, s.at, w.id, s.id, 'execution.' || s.name, w.url, '{}',
    case when s.is_rare then 'failed' when s.is_new then 'pending' else 'delivered' end::howdah.delivery_status,
    case when not s.is_rare and not s.is_new then s.at end, case when s.is_new then s.at end
  from sided as s join howdah.webhooks as w
    on w.tenant_id = s.tenant_id and w.url = 'https://example.com/' || s.name;
  insert into howdah.inbound_deliveries (
    id, tenant_id, received_at, last_received_at, inbound_hook_id, delivery_id, status, execution_id)
  select s.id, s.tenant_id, s.at, s.at, h.id, 'd' || s.n, d.status::howdah.inbound_status,
    case d.status when 'accepted' then s.id end
  from sided as s
  join howdah.inbound_hooks as h on h.tenant_id = s.tenant_id and h.name = s.name
  cross join lateral (
    select case when s.is_rare then (array['failed', 'ignored', 'refused'])[1 + s.n / 80 % 3] else 'accepted' end
  ) as d (status);
  insert into howdah.mail (
    id, tenant_id, to_agent_id, from_agent_id, thread_id, from_execution_id, root_execution_id,
    to_execution_id, reply_to_id, content, created_at)
  select s.id, s.tenant_id, a.id, a.id, s.id, s.id, s.id, case when s.is_rare then s.id end,
    case when s.is_rare then s.id end, 'Hello', s.at
  from sided as s join howdah.agents as a
    on a.tenant_id = s.tenant_id and a.name = case when s.is_rare then 'agent4' else 'agent0' end;
  insert into howdah.resources (
    id, tenant_id, execution_id, session_id, name, type, size, sha256, bytes, uri, created_by, created_at)
  select s.id, s.tenant_id, case when s.n % 8 = 3 then s.id end, case when s.n % 16 = 15 then s.id end,
    s.name, 'text/' || s.name, 1, repeat('a', 64), '\\x00',
    case when s.n % 16 = 15 then 'test:' || s.n end, 'x', s.at
  from sided as s;
  insert into howdah.knowledge_bases (tenant_id, name)
  select t.id, k.name from howdah.tenants as t
  cross join unnest('{rare,common}'::text[]) as k (name) where t.slug in ('large', 'small');
  insert into howdah.documents (id, tenant_id, knowledge_base_id, title, content, created_by)
  select s.id, s.tenant_id, b.id, s.name, 'x', 'x'
  from sided as s join howdah.knowledge_bases as b on b.tenant_id = s.tenant_id and b.name = s.name;
  insert into howdah.chunks (id, tenant_id, knowledge_base_id, document_id, seq, start_offset,
    end_offset, length, trust, digest, heading_path, content)
  select d.id, d.tenant_id, d.knowledge_base_id, d.id, 1, 0, 1, 1, 'external', 'x', '{}', 'x'
  from howdah.documents as d;
  insert into howdah.datasets (tenant_id, name)
  select t.id, k.name from howdah.tenants as t
  cross join unnest('{rare,common}'::text[]) as k (name) where t.slug in ('large', 'small');
  insert into howdah.dataset_items (id, tenant_id, dataset_id, source_execution_id, input, created_by)
  select s.id, s.tenant_id, d.id, case when s.is_rare then s.id end, 'x', 'x'
  from sided as s join howdah.datasets as d on d.tenant_id = s.tenant_id and d.name = s.name;
  insert into howdah.evaluations (tenant_id, dataset_id, agent_id, version_id, items, repeats,
    version, items_digest, created_by, graders)
  select d.tenant_id, d.id, a.id, a.id, 1, 1, 1, 'x', 'x', '[]' from howdah.datasets as d
  join howdah.agents as a on a.tenant_id = d.tenant_id and a.name = 'agent0';
  insert into howdah.evaluation_results (id, tenant_id, evaluation_id, item_id, execution_id, repeat,
    passed, score, scores, day)
  select i.id, i.tenant_id, e.id, i.id, i.id, 1, true, 1, '{"words": {"score": 1, "passed": true}}',
    '2026-01-01'::date + s.n / 2000
  from howdah.dataset_items as i
  join sided as s on s.id = i.id
  join howdah.evaluations as e on e.tenant_id = i.tenant_id and e.dataset_id = i.dataset_id;
  -- so many that no plan reads all of them for each result
  insert into howdah.evaluations (tenant_id, dataset_id, agent_id, version_id, items, repeats,
    version, items_digest, created_by, graders)
  select e.tenant_id, e.dataset_id, e.agent_id, e.version_id, 1, 1, 2, 'x', 'x', '[]'
  from howdah.evaluations as e cross join generate_series(1, 100);
  insert into howdah.searches (id, tenant_id, user_id, execution_id, step_seq, mode, knowledge_base_ids)
  select s.id, s.tenant_id, case when s.is_rare then s.user_id end, case when not s.is_rare then s.id end,
    case when not s.is_rare then 1 end, 'text', array[b.id]
  from sided as s join howdah.knowledge_bases as b on b.tenant_id = s.tenant_id and b.name = s.name;
  insert into howdah_private.searched_bases (tenant_id, knowledge_base_id, search_id)
  select s.tenant_id, s.knowledge_base_ids[1], s.id from howdah.searches as s;
  insert into howdah.grades (id, tenant_id, evaluation_id, evaluation_result_id, user_id, score)
  select r.id, r.tenant_id, r.evaluation_id, r.id, s.user_id, 1
  from howdah.evaluation_results as r join sided as s on s.id = r.id;
  insert into howdah.memories (id, tenant_id, subject_id, scope, created_by, digest, content)
  select s.id, s.tenant_id, s.id, 'session', s.name, 'x', 'x' from sided as s;
  insert into howdah.todos (id, tenant_id, session_id, position, title)
  select s.id, s.tenant_id, s.id, 1, 'Do it' from sided as s;
  insert into howdah.board_entries (
    id, tenant_id, root_execution_id, written_by_execution_id, key, value)
  select s.id, s.tenant_id, s.id, s.id, 'plan', '1' from sided as s;
  insert into howdah.audit_log (
    id, tenant_id, seq, created_at, actor, user_id, api_key_id, login, client, action, object, object_id, prev_hash, hash)
  select s.id, s.tenant_id, 100000 + row_number() over (partition by s.tenant_id order by s.id), s.at, s.name,
    case when s.is_rare then s.id end, case when s.is_rare then s.id end, 'x', 'x', s.name, s.name,
    s.id::text, sha256(''), sha256('')
  from sided as s;
  ${triggers('enable')}`;

/** Inserts rows beside the runs of both tenants. */
export async function makeSideRows(db: Db): Promise<void> {
  await db.query(SIDE_ROWS);
  const large = [...LARGE.map((table) => `howdah.${table}`), 'howdah_private.searched_bases'];
  await db.query(`vacuum (analyze) ${large.join(', ')}`);
}

export async function knownSideRows(db: Db, known: KnownRows): Promise<KnownSideRows> {
  const found = await one<Omit<KnownSideRows, keyof KnownRows>>(
    db,
    `select m.id as row, (
         select (e.metadata -> 'order')::int from howdah.executions as e where e.id = m.id
       ) as number,
       array(select a.id from howdah.agents as a
         where a.tenant_id = m.tenant_id and a.name in ('agent0', 'agent4')) as agents,
       array(select w.id from howdah.table_triggers as w where w.tenant_id = m.tenant_id) as watches,
       array(select w.id from howdah.webhooks as w where w.tenant_id = m.tenant_id) as webhooks,
       array(select h.id from howdah.inbound_hooks as h where h.tenant_id = m.tenant_id)
         as "inboundHooks",
       array(select b.id from howdah.knowledge_bases as b where b.tenant_id = m.tenant_id) as bases,
       array(select d.id from howdah.datasets as d where d.tenant_id = m.tenant_id) as datasets,
       array(select v.id from howdah.evaluations as v
         where v.tenant_id = m.tenant_id and v.version = 1) as evaluations
     from howdah.mail as m where m.tenant_id = $1 and m.reply_to_id is not null
     order by m.id limit 1 offset 3`,
    [known.tenant],
  );
  return { ...known, ...found };
}
