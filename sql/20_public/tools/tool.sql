-- Returns the id of a tool by name or alias, for SQL written by people: howdah.tool('refund'). Only
-- tools of the current tenant are found. Raises an error instead of returning null, so that an
-- insert with a misspelt name fails with a suggestion.
create or replace function howdah.tool(name text) returns uuid
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant constant uuid := howdah.current_tenant();
  v_id uuid;
  v_known text[];
  v_near text;
begin
  select t.id into v_id from howdah.tools as t
  where t.tenant_id = v_tenant and (t.name = tool.name or tool.name = any (t.aliases))
  order by t.name = tool.name desc limit 1;
  if v_id is not null then
    return v_id;
  end if;
  v_known := array(select t.name from howdah.tools as t where t.tenant_id = v_tenant
    order by (lower(t.name) like lower(left(tool.name, 2)) || '%') desc, t.name limit 9);
  v_near := howdah_private.nearest_word(left(tool.name, 64), array(
    select w.word from howdah.tools as t cross join lateral unnest(t.name || t.aliases) as w (word)
    where t.tenant_id = v_tenant and abs(length(w.word) - length(tool.name)) <= 3));
  raise exception using errcode = 'HWNTF',
    message = format('there is no tool named %L', tool.name),
    detail = jsonb_build_object('tool', tool.name, 'suggestion', v_near)::text,
    hint = concat_ws(' ', format('Did you mean %L?', v_near),
      coalesce('The tools of this tenant: ' || howdah_private.list_names(v_known, 8) || '.',
        'This tenant has no tools yet.'));
end $$;
comment on function howdah.tool(text) is
  E'@behavior -*\nReturns the id of the tool with this name or alias in the current tenant. Raises '
  'HWNTF if there is none.';
