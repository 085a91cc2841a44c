-- Chooses a model of the current tenant for SQL written by people: howdah.model('embedding').

-- Returns the models that fit, the best first, with the reason for the place of each. A model that
-- belongs to one agent alone (own_model_name) is left out. Purposes are compared as text, because a
-- label that a migration adds is not known before its transaction ends.
create or replace function howdah.explain_model(
  purpose text, domain text default null, capabilities jsonb default '{}'
) returns table (rank int, model text, model_id uuid, reason text)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_purpose text := case explain_model.purpose when 'chat' then 'llm'
    else explain_model.purpose end;
  v_purposes text[] := array(select unnest(enum_range(null::howdah.model_purpose))::text);
begin
  if v_purpose <> all (v_purposes) then
    raise exception using errcode = 'HWINV',
      message = format('there is no purpose %L', explain_model.purpose),
      detail = jsonb_build_object('field', 'purpose', 'purpose', explain_model.purpose)::text,
      hint = format('A purpose is chat, %s. The domain is the second argument.',
        howdah_private.list_names(v_purposes, 10));
  end if;
  return query
  with fitting as (
    select m.id, m.name, m.domain, m.fallback_position, m.created_at,
      m.name = 'default' and v_purpose = 'llm' as is_default
    from howdah.models as m
    where m.tenant_id = howdah.current_tenant() and m.purpose::text = v_purpose
      and (explain_model.domain is null or m.domain is null or m.domain = explain_model.domain)
      and m.capabilities @> coalesce(explain_model.capabilities, '{}')
      and m.name !~ '^agent-[0-9a-f-]{36}-[a-z]+$'
  )
  select row_number() over best::int, f.name, f.id, concat_ws(', ',
    case when f.domain is null and explain_model.domain is not null then 'is for any domain'
      when f.domain is not null then format('is for the domain %s', f.domain) end,
    case when f.is_default then 'is the model named default'
      when f.fallback_position is not null
      then format('is number %s of the fallbacks', f.fallback_position)
      else format('was created on %s', to_char(f.created_at at time zone 'UTC', 'YYYY-MM-DD')) end)
  from fitting as f
  window best as (
    order by (f.domain is not distinct from explain_model.domain) desc, f.is_default desc,
      f.fallback_position, f.created_at, f.id)
  order by 1;
end $$;
comment on function howdah.explain_model(text, text, jsonb) is
  'Lists the models that fit a purpose, domain and capabilities, in the order in which '
  'howdah.model chooses, with the reason for each place.';

-- Returns the id of the model that fits best. Raises an error instead of returning null, so that an
-- insert into howdah.agent_models fails with a hint.
create or replace function howdah.model(
  purpose text, domain text default null, capabilities jsonb default '{}'
) returns uuid
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid := (
    select e.model_id
    from howdah.explain_model(model.purpose, model.domain, model.capabilities) as e
    order by e.rank limit 1);
begin
  if v_id is null then
    raise exception using errcode = 'HWNTF',
      message = concat_ws(' ', format('there is no model with the purpose %L', model.purpose),
        case when model.domain is not null
          then format('for the domain %L or any domain', model.domain) end,
        case when model.capabilities <> '{}'
          then format('with the capabilities %s', model.capabilities) end),
      detail = jsonb_build_object('purpose', model.purpose, 'domain', model.domain,
        'capabilities', model.capabilities)::text,
      hint = case when howdah.current_tenant() is null
        then 'This login acts for no tenant. '
          'An owner of the database binds it in howdah_private.login_tenants.'
        else concat_ws(' ',
          'Create one (howdah models create NAME), or ask with fewer conditions. '
          'The view howdah.model_catalog lists known models.',
          howdah_private.environment_model_hint(model.purpose)) end;
  end if;
  return v_id;
end $$;
comment on function howdah.model(text, text, jsonb) is
  E'@behavior -*\nReturns the id of the model of the current tenant that fits a purpose best: chat '
  'or llm, embedding, tts, stt, image, rerank, classifier. Models of the domain come before models '
  'without domain, then the model named default, then fallbacks, then older models. The model has '
  'at least the requested capabilities. Raises HWNTF if no model fits.';
