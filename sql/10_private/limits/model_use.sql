-- Use of models outside of the steps of runs: vectors, rerankings and pages whose text is
-- recognized.

-- Returns whether a limit of tokens or cost is used up: of the subjects of a run, or for a search
-- of a person, of the tenant and the system.
create or replace function howdah_private.is_spending_used_up(tenant_id uuid, execution_id uuid)
  returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from howdah_private.usage_limits(is_spending_used_up.tenant_id, '{tokens,cost}') as l
    left join howdah.executions as e on e.id = is_spending_used_up.execution_id
    cross join lateral (values (howdah_private.limit_subject(l, is_spending_used_up.tenant_id,
      e.user_id, e.agent_id, howdah_private.session_of_run(e)))) as s (id)
    where s.id is not null and howdah_private.is_used_up(l, s.id, clock_timestamp()))
$$;

-- Returns the error of what makes no call, since a limit is used up.
create or replace function howdah_private.spending_error() returns jsonb
  language sql immutable
  return '{"code": "limit_reached", "message": "a limit of tokens or cost is reached"}'::jsonb;

-- Counts the tokens and the cost of a call for limits: of the tenant and the system, and for a call
-- of a run also of its user, agent and session. `usage` is as in a step. Returns the cost.
create or replace function howdah_private.count_model_use(
  tenant_id uuid, model_id uuid, tokens_in int, tokens_out int, usage jsonb, execution_id uuid
) returns numeric
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_cost numeric := coalesce((
    select howdah_private.price(
      count_model_use.tokens_in, count_model_use.tokens_out, m, count_model_use.usage)
    from howdah.models as m
    where m.tenant_id = count_model_use.tenant_id and m.id = count_model_use.model_id), 0);
begin
  perform howdah_private.add_usage(to_jsonb(array_agg(jsonb_build_object('metric', u.metric,
    'amount', u.amount, 'at', clock_timestamp(), 'tenant_id', count_model_use.tenant_id,
    'user_id', e.user_id, 'agent_id', e.agent_id,
    'session_id', howdah_private.session_of_run(e)))))
  from (values ('tokens', count_model_use.tokens_in::numeric + count_model_use.tokens_out),
    ('cost', v_cost)) as u (metric, amount)
  left join howdah.executions as e on e.id = count_model_use.execution_id
  where u.amount > 0;
  return v_cost;
end $$;
