-- Queues a test of a model, by its name or id. A worker performs the test and writes its result to
-- the row. Older tests of the model make room, so that a monitor may test as often as it likes.
create or replace function howdah.test_model(model text) returns howdah.model_tests
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_model_id uuid;
  v_known text[];
  v_test howdah.model_tests;
begin
  perform howdah_private.permit('models', 'manage');
  select m.id into v_model_id from howdah.models as m
  where m.tenant_id = v_tenant_id
    and (m.name = test_model.model or m.id::text = lower(test_model.model))
  order by m.name = test_model.model desc limit 1;
  if v_model_id is null then
    v_known := array(
      select m.name from howdah.models as m where m.tenant_id = v_tenant_id order by m.name limit 50
    );
    raise exception using errcode = 'HWNTF',
      message = format('there is no model %L', test_model.model),
      detail = jsonb_build_object('model', test_model.model)::text,
      hint = concat_ws(' ', coalesce(
        'Did you mean ' || howdah_private.nearest_word(test_model.model, v_known) || '?',
        'The models of this tenant: ' || howdah_private.list_names(v_known, 8) || '.',
        'This tenant has no models yet.'),
        howdah_private.environment_model_hint(test_model.model));
  end if;
  insert into howdah.model_tests as t (tenant_id, model_id, created_by)
  values (v_tenant_id, v_model_id, howdah_private.actor())
  returning t.* into v_test;
  delete from howdah.model_tests as t where t.tenant_id = v_tenant_id and t.id in (
    select old.id from howdah.model_tests as old
    where old.tenant_id = v_tenant_id and old.model_id = v_model_id
    order by old.created_at desc, old.id desc offset 20
  );
  perform howdah_private.enqueue_model_test(v_tenant_id, v_test.id, 1);
  return v_test;
end $$;
comment on function howdah.test_model(text) is
  'Tests a model, by its name or id: a worker calls the model and writes the result to the row '
  'that is returned. Read the row in model_tests until its status is passed or failed. Raises '
  'HWNTF if there is no such model.';

-- Returns what keeps a stored model from being used, where nothing refuses it: speech for which
-- Howdah has no adapter. The notice of an insert, REST, GraphQL, the banner and howdah doctor show
-- it.
create or replace function howdah.models_warnings(m howdah.models) returns text[]
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when (m).purpose not in ('tts', 'stt') then '{}'
    when (m).base_url ~* '^wss?:' then array['Howdah has no adapter for speech over a WebSocket '
      'yet. The model is stored; calls of it fail.']
    when howdah_private.is_host((m).provider)
      and (m).base_url = format('https://%s/v1', (m).provider)
      then array[format('Howdah has no adapter for %s yet, and calls %s in the format of OpenAI. '
        'If the server has another format, calls fail. To try it: howdah models test %s.',
        (m).provider, (m).base_url, quote_ident((m).name))]
    else '{}' end
$$;
comment on function howdah.models_warnings(howdah.models) is
  'Reasons why calls of a stored model may fail, such as speech without an adapter.';
