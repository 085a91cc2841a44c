-- Implements tests of models. howdah.test_model() queues a test; a worker performs it, because
-- workers know the providers and may read the secrets.
--
-- Before a worker calls the model it queues the next attempt, since it may die or be killed while
-- the model is silent. A result removes that job. The third attempt is the last.

-- Returns an error as tests show it.
create or replace function howdah_private.model_test_error(code text, message text, hint text)
  returns jsonb
  language sql immutable
  return jsonb_build_object('code', model_test_error.code, 'message', model_test_error.message,
    'hint', model_test_error.hint);

-- Enqueues an attempt of a test, which any worker may perform.
create or replace function howdah_private.enqueue_model_test(
  tenant_id uuid, test_id uuid, attempt int
) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select graphile_worker.add_job('test_model',
    json_build_object('id', enqueue_model_test.test_id, 'tenant_id', enqueue_model_test.tenant_id,
      'attempt', enqueue_model_test.attempt),
    run_at => clock_timestamp() + (enqueue_model_test.attempt - 1) * interval '2 minutes',
    job_key => 'model test ' || enqueue_model_test.test_id, max_attempts => 3)
$$;

-- Returns the cost of a test at the prices of the model: of its tokens, and of its units
-- (price_unit). Returns null if the model has no such price.
create or replace function howdah_private.model_test_cost(m howdah.models, answer jsonb)
  returns numeric
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select trim_scale(round(howdah_private.price(
    howdah_private.count_in(answer #> '{usage,tokens_in}', 2147483647),
    howdah_private.count_in(answer #> '{usage,tokens_out}', 2147483647), m,
    coalesce(answer -> 'usage', '{}') || jsonb_build_object('units', answer -> 'units')), 12))
  where (answer ? 'usage' and coalesce((m).input_price, (m).output_price) is not null)
    or ((m).unit_price is not null and answer -> 'units' ? (m).price_unit)
$$;

-- Returns the cost of a test of a model that is not stored, if the catalogue has its prices.
create or replace function howdah_private.unsaved_model_test_cost(
  provider text, model text, base_url text, answer jsonb
) returns numeric
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_model howdah.models;
begin
  v_model.provider := unsaved_model_test_cost.provider;
  v_model.model := unsaved_model_test_cost.model;
  v_model.base_url := unsaved_model_test_cost.base_url;
  return howdah_private.model_test_cost(howdah_private.with_catalog(v_model),
    unsaved_model_test_cost.answer);
end $$;

-- Ends a test with its answer, to which it adds the cost, or with its error. A test that has ended
-- already is not changed.
create or replace function howdah_private.end_model_test(
  tenant_id uuid, test_id uuid, result jsonb, seconds numeric
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update howdah.model_tests as t
  set status = case when (result ->> 'ok')::boolean then 'passed' else 'failed'
      end::howdah.model_test_status,
    answer = (result -> 'answer') || jsonb_strip_nulls(jsonb_build_object('cost',
      howdah_private.model_test_cost(m, result -> 'answer'))),
    error = result -> 'error', seconds = end_model_test.seconds, finished_at = clock_timestamp()
  from howdah.models as m
  where m.tenant_id = t.tenant_id and m.id = t.model_id
    and t.tenant_id = end_model_test.tenant_id and t.id = end_model_test.test_id
    and t.status = 'queued';
  perform graphile_worker.remove_job('model test ' || end_model_test.test_id);
end $$;

-- Returns the parameters with which a model is tested: its own, and for speech those of an agent
-- that uses the model, since the configuration of an agent keeps its voice there.
create or replace function howdah_private.model_test_params(m howdah.models) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce((
    select x.request_params from howdah.agent_models as x
    where x.tenant_id = m.tenant_id and x.model_id = m.id and x.purpose = m.purpose
      and m.purpose = 'tts'
    order by x.position, x.agent_id
    limit 1
  ), '{}') || m.request_params
$$;

-- Returns the model that a test calls, with its purpose and its parameters.
create or replace function howdah_private.tested_model(m howdah.models) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('purpose', (m).purpose, 'capabilities', (m).capabilities,
    'model', howdah_private.model_definition(m, howdah_private.model_test_params(m)))
$$;

-- Returns the model to call and the row, for a test by the API. The row exists only within the
-- transaction that calls this, which stores the row, reads it here and takes it back: the triggers
-- of the table then decide what is tested, as they decide what is stored.
create or replace function howdah_private.tested_row(model_id uuid) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.permit('models', 'manage');
  return (
    select howdah_private.tested_model(m) || jsonb_build_object('row', to_jsonb(m))
    from howdah.models as m
    where m.tenant_id = howdah.current_tenant() and m.id = tested_row.model_id
  );
end $$;

-- Returns the cost of such a test at the prices of the row, which tested_row returned.
create or replace function howdah_private.tested_row_cost(model jsonb, answer jsonb)
  returns numeric
  language sql immutable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.model_test_cost(
    jsonb_populate_record(null::howdah.models, tested_row_cost.model), tested_row_cost.answer)
$$;

-- Begins an attempt and returns the model to call, with its purpose and its parameters. Returns
-- null if the test has ended or was the last attempt.
create or replace function howdah_private.begin_model_test(
  tenant_id uuid, test_id uuid, attempt int
) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_model howdah.models;
begin
  select m.* into v_model from howdah.model_tests as t
  join howdah.models as m on m.tenant_id = t.tenant_id and m.id = t.model_id
  where t.tenant_id = begin_model_test.tenant_id and t.id = begin_model_test.test_id
    and t.status = 'queued';
  if not found then
    return null;
  end if;
  if begin_model_test.attempt > 3 then
    perform howdah_private.end_model_test(begin_model_test.tenant_id, begin_model_test.test_id,
      jsonb_build_object('ok', false, 'error', howdah_private.model_test_error('internal',
        'the worker ended during each of three attempts',
        'See the log of the workers, then test the model again.')), 0);
    return null;
  end if;
  perform howdah_private.enqueue_model_test(begin_model_test.tenant_id, begin_model_test.test_id,
    begin_model_test.attempt + 1);
  return howdah_private.tested_model(v_model);
end $$;
