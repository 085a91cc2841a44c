-- Lists the searches of a knowledge base. A condition on knowledge_base_ids would read all searches
-- of the tenant, since no index serves it under row-level security.
create or replace function howdah.searches_of(knowledge_base text, most int default 1000)
  returns setof howdah.searches
  language plpgsql stable rows 100
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_base_id uuid := howdah.knowledge_base(searches_of.knowledge_base);
begin
  if (searches_of.most between 1 and 10000) is not true then
    raise exception using errcode = 'HWINV',
      message = format('most must be from 1 to 10000, not %s',
        coalesce(searches_of.most::text, 'null')),
      detail = jsonb_build_object('field', 'most')::text,
      hint = 'The default is 1000. Older searches are in howdah.searches.';
  end if;
  return query
  select s.* from howdah_private.searched_bases as b
  join howdah.searches as s on s.tenant_id = b.tenant_id and s.id = b.search_id
  where b.tenant_id = v_tenant_id and b.knowledge_base_id = v_base_id
  order by b.search_id desc limit searches_of.most;
end $$;
comment on function howdah.searches_of(text, int) is
  E'@behavior -filterProc -orderBy\n'
  'Returns the newest recorded searches in a knowledge base, at most `most`, also those in other '
  'bases besides: select created_at, howdah.searches_query(s) from '
  'howdah.searches_of(''handbook'') as s. Each person sees their own and those of runs, and admins '
  'see all.';
