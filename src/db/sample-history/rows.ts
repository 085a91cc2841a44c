import { TEXT_COUNT } from './seeded-random.ts';

/**
 * Statement that creates the runs of one batch: those with the numbers $1 … $2 - 1 of $3 runs in
 * the $5 days before $4. $6 is the mean number of tool calls. $7 and $8 are the numbers of tenants
 * and of agents per tenant. Every twentieth run is the child of the previous run. Two fifths of the
 * others are turns of sessions: a batch is about a day, and the turns of a session are a fiftieth
 * of a batch apart. The load of a day has a wave, with its peak at the hour of $4.
 */
export const SAMPLE_RUNS = `
  insert into sample_runs
  with numbered as (
    select n, n % 20 = 7 and n + 1 < $2::bigint as has_child, n % 20 = 8 and n > $1::bigint as is_child,
      case when n % 20 not in (7, 8) and pg_temp.chance(s.slot, 5) < 0.4 then
        s.slot * 64 + (n - $1::bigint) / s.slots / (array[2, 3, 5, 8, 13, 21, 50])[1 + floor(7 * pg_temp.chance(s.slot, 6))::int]
      end as session_no,
      case when n % 20 = 8 and n > $1::bigint then n - 1 else n end as moment
    from generate_series($1::bigint, $2::bigint - 1) as n
    cross join lateral (select greatest(($2::bigint - $1::bigint) / 50, 1) as slots) as c
    cross join lateral (select $1::bigint + (n - $1::bigint) % c.slots as slot, c.slots) as s
  ),
  timed as materialized (
    select n.*, coalesce(-n.session_no, n.moment) as whose,
      $5::float8 * (1 - (n.moment + 0.5) / $3::bigint) as days_ago
    from numbered as n
  ),
  drawn as materialized (
    select t.n, t.has_child, t.is_child, t.session_no, t.whose,
      floor($7::int * power(pg_temp.chance(t.whose, 7), 1.5))::int as tenant_no,
      floor($8::int * power(pg_temp.chance(case when t.is_child then t.n else t.whose end, 8), 2))::int as agent_no,
      $4::timestamptz - (t.days_ago + 0.09 * sin(2 * pi() * t.days_ago)) * interval '1 day'
        + case when t.is_child then interval '2 seconds' else interval '0' end as created_at,
      greatest(least(floor(-ln(1 - pg_temp.chance(t.n, 11)) * ($6::float8 + 0.5))::int, 1000), (t.has_child)::int) as calls,
      case when t.is_child or pg_temp.chance(t.n, 10) < 0.92 then 'completed'
        when pg_temp.chance(t.n, 10) < 0.97 then 'failed' else 'cancelled' end as status,
      (not t.is_child and pg_temp.chance(t.n, 12) < 0.06)::int as retries,
      250 * exp(1.732 * (pg_temp.chance(t.n, 13) + pg_temp.chance(t.n, 14) + pg_temp.chance(t.n, 15)
        + pg_temp.chance(t.n, 16)) - 2.5) as step_ms
    from timed as t
  ),
  counted as materialized (
    select d.*, 2 * d.calls + d.retries + 2 * d.has_child::int
        + case d.status when 'completed' then 2 when 'failed' then 1 else 0 end as step_count,
      2 * d.calls + case d.status when 'completed' then 2 else 1 end as message_count,
      d.calls + (d.status = 'completed')::int as answers
    from drawn as d
  ),
  lasting as (
    select c.*, pg_temp.id_at(c.created_at, c.n, 20) as id,
      c.created_at + interval '30 ms' as started_at,
      coalesce(lead(c.step_ms * c.step_count) over w, 0) + 3000 * c.has_child::int + c.step_ms * c.step_count as ms,
      row_number() over (partition by c.session_no order by c.n) as turn
    from counted as c window w as (order by c.n)
  )
  select l.n, l.id, a.tenant_id, a.id, a.version_id, a.name, a.model_id, a.model, a.input_price, a.output_price,
    case when l.session_no is not null then pg_temp.id_at(
      first_value(l.created_at) over (partition by l.session_no order by l.n), l.session_no, 21) end,
    case when l.session_no is not null then l.turn end,
    case when pg_temp.chance(l.whose, 17) < 0.8 then u.id end,
    case when l.is_child then lag(l.id) over w end, case when l.has_child then lead(l.id) over w end,
    case when l.has_child then lead(a.name) over w end,
    l.calls, l.answers, l.retries, l.step_count, l.message_count, l.status::howdah.execution_status,
    case l.status when 'completed' then 'final_answer' when 'cancelled' then 'cancelled'
      else (array['error', 'error', 'error', 'max_time', 'loop_guard'])[1 + floor(5 * pg_temp.chance(l.n, 18))::int]
    end::howdah.stop_reason,
    l.created_at, l.started_at, case when l.has_child then l.ms else l.step_ms * l.step_count end,
    l.step_ms, i.body, case when l.status = 'completed' then o.body end, substr(translate(l.id::text, '-', ''), 13, 16)
  from lasting as l
  join sample_agents as a on a.tenant_no = l.tenant_no and a.no = l.agent_no
  join sample_users as u on u.tenant_no = l.tenant_no and u.no = floor(50 * pg_temp.chance(l.whose, 9))
  join sample_texts as i on i.id = pg_temp.hash_of(l.n, 22) & ${TEXT_COUNT - 1}
  join sample_texts as o on o.id = pg_temp.hash_of(l.n, 23) & ${TEXT_COUNT - 1}
  window w as (order by l.n)
  order by l.n`;

export const SAMPLE_RUNS_TABLE = `
  create temp table sample_runs (
    n bigint, id uuid, tenant_id uuid, agent_id uuid, version_id uuid, agent text, model_id uuid, model text,
    input_price numeric, output_price numeric, session_id uuid, turn int, user_id uuid, parent_id uuid, child_id uuid,
    child_agent text, calls int, answers int, retries int, step_count int, message_count int,
    status howdah.execution_status, stop_reason howdah.stop_reason, created_at timestamptz, started_at timestamptz,
    ms float8, step_ms float8, input text, output text, tail text
  ) on commit delete rows`;

export const SAMPLE_SESSIONS = `
  insert into howdah.sessions (id, tenant_id, user_id, agent_id, title, turns, last_activity_at, created_at, updated_at)
  select r.session_id, (array_agg(r.tenant_id))[1], (array_agg(r.user_id))[1], (array_agg(r.agent_id))[1],
    left((array_agg(r.input order by r.n))[1], 60), count(*), max(r.started_at + r.ms * interval '1 ms'),
    min(r.created_at), max(r.started_at)
  from sample_runs as r where r.session_id is not null
  group by r.session_id`;

/**
 * Statement that writes the steps of the batch, and then its runs with their sums. A log has this
 * order: a failed attempt, if there was one; then model, tool, model, tool, …; then the last answer
 * and the output, or the error. A child belongs to the first round, as child_started and child. A
 * step therefore depends only on its number. `place` is that number without the steps of the
 * attempt and the child.
 */
export const SAMPLE_STEPS_AND_EXECUTIONS = `
  with logged as (
    insert into howdah.steps (
      execution_id, seq, tenant_id, kind, name, call_id, effect, idempotency_key, input, output, error, model_id,
      tokens_in, tokens_out, cost, started_at, finished_at, worker
    )
    select r.id, s.seq, r.tenant_id, k.kind,
      case when k.kind in ('model', 'retry') then r.model when k.kind = 'child_started' or k.is_child_call then c.tool
        when k.kind = 'tool' then t.name end,
      case when k.kind in ('tool', 'child_started', 'child') then 'call_' || k.round || '_1' end,
      case when k.kind = 'tool' then 'idempotent'::howdah.tool_effect end,
      case when k.kind = 'tool' then r.id || ':' || s.seq || ':call_' || k.round || '_1' end,
      case when k.kind = 'child_started' or k.is_child_call then jsonb_build_object('message', b.input)
        when k.kind = 'tool' then jsonb_build_object('query', left(x.body, 40)) end,
      case when k.kind = 'model' then
          jsonb_build_object('tool_calls', (k.round <= r.calls)::int, 'finish_reason',
            case when k.round <= r.calls then 'tool_calls' else 'stop' end)
        when k.kind = 'child_started' then jsonb_build_object('execution_id', r.child_id)
        when k.kind = 'child' then jsonb_build_object('execution_id', r.child_id, 'status', 'completed',
          'stop_reason', 'final_answer', 'finish_reason', 'stop', 'output', b.output, 'output_data', null, 'error', null)
        when k.is_child_call then to_jsonb(b.output)
        when k.kind = 'tool' then to_jsonb(x.body) when k.kind = 'output' then to_jsonb(r.output) end,
      case k.kind when 'retry' then '{"code": "overloaded", "message": "the model server is overloaded", "retryable": true}'::jsonb
        when 'error' then f.error end,
      case when k.kind in ('model', 'retry') then r.model_id end,
      case when k.kind = 'model' then pg_temp.tokens_in(r.n, k.round) else 0 end,
      case when k.kind = 'model' then pg_temp.tokens_out(r.n, k.round) else 0 end,
      case when k.kind = 'model' then trim_scale((pg_temp.tokens_in(r.n, k.round) * r.input_price
        + pg_temp.tokens_out(r.n, k.round) * r.output_price) / 1000000) else 0 end,
      r.started_at + r.ms * (s.seq - 1) / r.step_count * interval '1 ms',
      r.started_at + r.ms * (s.seq - 1 + case when k.kind = 'tool' then t.share else 0.9 end) / r.step_count * interval '1 ms',
      '00000000-0000-7000-8000-000000000000'
    from sample_runs as r
    cross join lateral generate_series(1, r.step_count) as s (seq)
    cross join lateral (
      select s.seq - r.retries as p,
        s.seq - r.retries - case when r.child_id is not null and s.seq - r.retries > 3 then 2 else 0 end as place
    ) as q
    cross join lateral (
      select case when q.p <= 0 then 'retry' when r.child_id is not null and q.p = 2 then 'child_started'
          when r.child_id is not null and q.p = 3 then 'child' when q.place = 2 * r.calls + 2 then 'output'
          when q.place = 2 * r.calls + 1 and r.status = 'failed' then 'error'
          when q.place % 2 = 1 then 'model' else 'tool' end::howdah.step_kind as kind,
        case when r.child_id is not null and q.p in (2, 3) then 1 else (q.place + 1) / 2 end as round,
        r.child_id is not null and q.p = 4 as is_child_call
      offset 0 -- computed once, not wherever it is named
    ) as k
    join sample_texts as x on x.id = pg_temp.hash_of(r.n * 4096 + k.round, 24) & ${TEXT_COUNT - 1}
    join sample_tools as t on t.no = pg_temp.tool_of(r.n, k.round)
    left join sample_runs as b on b.parent_id = r.id
    cross join lateral (select 'ask_' || r.child_agent as tool) as c
    cross join lateral (select jsonb_build_object('code', case r.stop_reason when 'error' then 'tool_failed' else 'limit_reached' end,
      'retryable', false, 'message', case r.stop_reason when 'error' then 'the server of ' || t.name || ' answered 502'
        else 'the run stopped: ' || r.stop_reason end) as error) as f
    returning execution_id, tokens_in, tokens_out, cost
  ),
  sums as (
    select l.execution_id, sum(l.tokens_in) as tokens_in, sum(l.tokens_out) as tokens_out, sum(l.cost) as cost
    from logged as l group by l.execution_id
  )
  insert into howdah.executions (
    id, tenant_id, agent_id, agent_version_id, session_id, turn, user_id, parent_execution_id, root_execution_id, depth,
    ancestors, parent_call_id, status, input, output, stop_reason, error, tokens_in, tokens_out, cost, step_count, model_count,
    message_count, max_steps, max_seconds, finish_reason, run_at, metadata, created_by, fence, active_ms, created_at, updated_at,
    started_at, completed_at, children_tokens_in, children_tokens_out, children_cost, moves, trust
  )
  select r.id, r.tenant_id, r.agent_id, r.version_id, r.session_id, r.turn, r.user_id, r.parent_id,
    coalesce(r.parent_id, r.id), (r.parent_id is not null)::int, case when r.parent_id is null then '{}' else array[r.parent_id] end,
    case when r.parent_id is not null then 'call_1_1' end, r.status, r.input, r.output, r.stop_reason,
    case when r.status = 'failed' then coalesce(e.error, '{}') end, coalesce(s.tokens_in, 0), coalesce(s.tokens_out, 0),
    coalesce(s.cost, 0), r.step_count, r.answers, r.message_count, greatest(50, r.answers), 600,
    case when r.status = 'completed' then 'stop'::howdah.finish_reason end, r.created_at,
    jsonb_build_object('order', 1000 + (pg_temp.hash_of(r.n, 25) & 65535), 'channel',
      (array['web', 'mail', 'chat', 'phone'])[1 + (pg_temp.hash_of(r.n, 26) & 3)]),
    'generate', 1, r.ms::bigint, r.created_at, r.started_at + r.ms * interval '1 ms', r.started_at,
    r.started_at + r.ms * interval '1 ms', coalesce(b.tokens_in, 0), coalesce(b.tokens_out, 0), coalesce(b.cost, 0), 2,
    case when r.calls > 0 then 'external' else 'user' end::howdah.trust
  from sample_runs as r
  left join sums as s on s.execution_id = r.id
  left join sums as b on b.execution_id = r.child_id
  left join lateral (select jsonb_build_object('code', case r.stop_reason when 'error' then 'tool_failed' else 'limit_reached' end,
    'retryable', false, 'message', 'the run stopped: ' || r.stop_reason) as error) as e on true
  order by r.n`;

/**
 * Statement that writes the messages. Message 1 is the input. The answer and the result of each
 * round follow in turn, and then the last answer.
 */
export const SAMPLE_MESSAGES = `
  insert into howdah_private.message_log (
    execution_id, seq, id, tenant_id, session_id, step_seq, role, content, tool_calls, tool_call_id, agent_id, trust,
    tokens_in, tokens_out, created_at, parent_seq
  )
  select r.id, m.seq, (lpad(to_hex((date_part('epoch', w.at) * 1000)::bigint), 12, '0') || r.tail || lpad(to_hex(m.seq), 4, '0'))::uuid, r.tenant_id, r.session_id, w.step_seq, k.role,
    case when k.role = 'user' then r.input when k.round > r.calls then r.output
      when k.role = 'tool' then case when k.is_child_call then b.output else x.body end end,
    case when k.role = 'assistant' and k.round <= r.calls then jsonb_build_array(jsonb_build_object(
      'id', 'call_' || k.round || '_1', 'name', case when k.is_child_call then 'ask_' || r.child_agent else t.name end,
      'arguments', case when k.is_child_call then jsonb_build_object('message', b.input)
        else jsonb_build_object('query', left(x.body, 40)) end::text)) end,
    case when k.role = 'tool' then 'call_' || k.round || '_1' end,
    case when k.role <> 'user' then r.agent_id end,
    case k.role when 'user' then 'user' when 'tool' then 'external' else 'internal' end::howdah.trust,
    case when k.role = 'assistant' then pg_temp.tokens_in(r.n, k.round) else 0 end,
    case when k.role = 'assistant' then pg_temp.tokens_out(r.n, k.round) else 0 end,
    w.at, nullif(m.seq - 1, 0)
  from sample_runs as r
  cross join lateral generate_series(1, r.message_count) as m (seq)
  cross join lateral (
    select case when m.seq = 1 then 'user' when m.seq % 2 = 0 then 'assistant' else 'tool' end::howdah.message_role as role,
      m.seq / 2 as round, r.child_id is not null and m.seq in (2, 3) as is_child_call offset 0
  ) as k
  cross join lateral (
    select case when m.seq > 1 then m.seq - 1 + r.retries + case when r.child_id is not null and m.seq > 2 then 2 else 0 end end
      as step_seq
  ) as p
  cross join lateral (
    select p.step_seq, case when p.step_seq is null then r.started_at
      else r.started_at + r.ms * (p.step_seq - 0.1) / r.step_count * interval '1 ms' end as at offset 0
  ) as w
  join sample_texts as x on x.id = pg_temp.hash_of(r.n * 4096 + k.round, 24) & ${TEXT_COUNT - 1}
  join sample_tools as t on t.no = pg_temp.tool_of(r.n, k.round)
  left join sample_runs as b on b.parent_id = r.id`;

/**
 * Statement that creates the tools. `share` is the part of its step that a call takes, so some
 * tools are slower than others.
 */
export const SAMPLE_TOOLS = `
  create temp table sample_tools as
  select t.no::int, t.name, 0.1 + 0.07 * t.no as share
  from unnest(array['search_orders', 'find_customer', 'read_ticket', 'query_stock', 'track_parcel', 'draft_reply',
    'read_policy', 'convert_currency', 'search_web', 'plan_route', 'render_report', 'call_erp']) with ordinality as t (name, no)`;
