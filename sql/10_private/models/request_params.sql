-- Parameters of a model call, as stored in request_params. They reach the model server unchanged.
-- An unknown name may choose another model than admins priced (`models` of a router), add tools or
-- searches of the server past tool policies (`functions`, `plugins`, `web_search_options`), keep
-- the conversation there (`store`) or cost more (`service_tier`). Users who may edit an agent set
-- the names of editor_params; all other names are for admins.

-- Returns the names of the parameters that control how an answer is sampled and written. They
-- change neither where a call goes nor what it costs beyond its tokens.
create or replace function howdah_private.editor_params() returns setof text
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select p.name from howdah_private.sampling_params() as p
  union all
  select * from unnest(array[
    'min_p', 'repetition_penalty', 'logit_bias', 'logprobs', 'top_logprobs', 'response_format',
    'tool_choice', 'parallel_tool_calls',
    'reasoning', 'thinking', 'think', 'enable_thinking', 'dimensions', 'script'
  ])
$$;

-- Returns the names of the parameters that Howdah sets in every request. The provider refuses these
-- names as well (src/providers/openai/body.ts).
create or replace function howdah_private.reserved_params() returns setof text
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select * from unnest(array['messages', 'model', 'n', 'stream', 'tools'])
$$;

-- Refuses the first parameter that nobody may set, or that this user may not set. Values in `known`
-- are stored already and are not checked again.
create or replace function howdah_private.check_request_params(
  field text, params jsonb, known jsonb default '{}'
) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_new text[] := array(
    select k.key
    from jsonb_object_keys(case jsonb_typeof(check_request_params.params)
      when 'object' then check_request_params.params else '{}' end) as k (key)
    where check_request_params.params -> k.key
      is distinct from check_request_params.known -> k.key order by 1);
  v_name text;
  v_editable text := (select string_agg(p, ', ' order by p)
    from howdah_private.editor_params() as p);
begin
  select n into v_name from unnest(v_new) as n
  where n in (select howdah_private.reserved_params()) limit 1;
  if v_name is not null then
    raise exception using errcode = 'HWINV',
      message = format('%s.%s is set by Howdah itself', check_request_params.field, v_name),
      detail = jsonb_build_object('field', check_request_params.field || '.' || v_name)::text,
      hint = 'Omit it. The model, the tools and the conversation come from the run.';
  end if;
  if howdah_private.is_trusted() or coalesce(howdah.current_user_role() <= 'admin', false) then
    return;
  end if;
  select n into v_name from unnest(v_new) as n
  where n not in (select howdah_private.editor_params()) limit 1;
  if v_name is not null then
    raise exception using errcode = 'HWDEN',
      message = format('%s.%s may be set by an admin or owner, not by %s',
        check_request_params.field, left(v_name, 60),
        coalesce('the role ' || howdah.current_user_role(), 'a caller without a role')),
      detail = jsonb_build_object('field', check_request_params.field || '.' || left(v_name, 60),
        'required_role', 'admin')::text,
      hint = format('Users who may edit the agent may set %s.', v_editable);
  end if;
end $$;
