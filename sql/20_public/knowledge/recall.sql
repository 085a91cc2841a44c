-- Finds memories for people: of the caller and the tenant, or of one subject.
create or replace function howdah.recall(
  query text, k int default 10, scope howdah.memory_scope default null,
  subject_id uuid default null
) returns table (
  id uuid, memory_scope howdah.memory_scope, memory_subject_id uuid, kind howdah.memory_kind,
  content text, score float8, trust howdah.trust, valid_from timestamptz,
  source_execution_id uuid, source_seq int
)
  language plpgsql stable security definer rows 10
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_subjects uuid[] := array[howdah.current_user_id(), v_tenant_id];
begin
  perform howdah_private.check_recall(recall.query, recall.k);
  if recall.scope is not null then
    select s.tenant_id, array[s.subject_id] into v_tenant_id, v_subjects
    from howdah_private.find_memory_subject(recall.scope, recall.subject_id) as s;
  elsif recall.subject_id is not null then
    raise exception using errcode = 'HWINV', message = 'subject_id needs a scope',
      detail = '{"field": "scope"}', hint = 'Set scope to user, agent, session or tenant.';
  end if;
  return query
  select m.id, m.scope, m.subject_id, m.kind, m.content, r.score, m.trust, m.valid_from,
    m.source_execution_id, m.source_seq
  from howdah_private.ranked_memories(v_tenant_id, v_subjects, recall.query, recall.k) as r
  join howdah.memories as m on m.id = r.id
  order by r.score desc, m.id desc;
end $$;
comment on function howdah.recall(text, int, howdah.memory_scope, uuid) is
  E'@behavior -filterProc -orderBy\n'
  'Returns the valid memories that have words of the question, the best first, at most k: those '
  'about the caller and the tenant, or those of one scope and subject. Each content is returned '
  'once. source_execution_id and source_seq name the step that wrote a memory.';
