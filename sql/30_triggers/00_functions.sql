-- Trigger functions that more than one table uses.
create or replace function howdah_private.tg__stamp() returns trigger
  language plpgsql volatile
  set search_path = ''
as $$
begin
  new.updated_at := now();
  return new;
end $$;

-- Immutable rows: refused for everybody, the owner too; only retention and erasure pass.
create or replace function howdah_private.tg__refuse_change() returns trigger
  language plpgsql volatile
  set search_path = ''
as $$
declare
  -- rows of a partition are rows of its table
  v_table text := regexp_replace(tg_table_name, '_\d{4}_\d{2}$', '');
begin
  if current_user = 'howdah_eraser' then
    return case tg_op when 'DELETE' then old else new end;
  end if;
  raise exception using errcode = 'HWDEN',
    message = format('%s of howdah.%s is not allowed: what happened stays', lower(tg_op), v_table),
    detail = jsonb_build_object('table', v_table, 'operation', lower(tg_op))::text,
    hint = 'Retention and erasure remove rows; nothing changes them.';
end $$;

-- A part of agents changed: they get a new version when the transaction commits.
create or replace function howdah_private.mark_agents_stale(ids uuid[]) returns void
  language sql volatile security definer
  set search_path = ''
as $$
  update howdah.agents as a set version_is_stale = true
  where a.id = any (mark_agents_stale.ids) and not a.version_is_stale
$$;
