-- The grader of the sources that an answer cites (knowledge/citations.sql).
--
-- Each mark in the answer must be a citation: of a chunk that a search of the run returned, with
-- the quote that it has. `expected` is the documents that should be cited, by title, source or id:
--
--   ["Refund policy", "https://example.com/shipping"]
--
-- The score is the share of them that are cited. With {"only": true}, no other document may be.
-- Where no documents are expected, the answer must cite something.

-- Returns the documents that an answer cites, each with its names. A deleted document has its id.
create or replace function howdah_private.cited_documents(execution_id uuid)
  returns table (id uuid, names text[])
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select distinct r.document_id, array_remove(array[r.document_id::text, d.title, d.source], null)
  from howdah.citations as c
  join howdah.search_results as r on r.tenant_id = c.tenant_id
    and r.execution_id = c.execution_id and r.step_seq = c.step_seq and r.rank = c.rank
  left join howdah.documents as d on d.tenant_id = r.tenant_id and d.id = r.document_id
  where c.execution_id = cited_documents.execution_id
$$;

-- Returns the grade of the citations of a run.
create or replace function howdah_private.grade_citation(
  e howdah.executions, expected jsonb, configuration jsonb
) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_wanted jsonb := nullif(case when jsonb_typeof(grade_citation.expected) = 'string'
    then jsonb_build_array(grade_citation.expected) else grade_citation.expected end, 'null');
  v_marks int := (select count(*) from howdah_private.citation_marks(e.output));
  v_valid int := (select count(*) from howdah.citations as c where c.execution_id = e.id);
  v_expected int;
  v_matched int;
  v_others int;
begin
  if v_marks > v_valid then
    return howdah_private.grade_if(false,
      format('%s of %s citations are not valid', v_marks - v_valid, v_marks));
  elsif v_wanted is null then
    return howdah_private.grade_if(v_valid > 0, 'the answer cites nothing');
  elsif jsonb_typeof(v_wanted) <> 'array' then
    return howdah_private.grade_if(false, 'the item expects no array of documents');
  end if;
  select count(*), count(*) filter (where exists (
      select from howdah_private.cited_documents(e.id) as d where w.name = any (d.names)))
  into v_expected, v_matched
  from (select distinct n.name from jsonb_array_elements_text(v_wanted) as n (name)) as w;
  v_others := (
    select count(*) from howdah_private.cited_documents(e.id) as d
    where not exists (
      select from jsonb_array_elements_text(v_wanted) as w (name) where w.name = any (d.names)));
  if v_others > 0 and (v_expected = 0 or grade_citation.configuration -> 'only' = 'true') then
    return howdah_private.grade_if(false,
      format('%s documents are cited that are not expected', v_others));
  end if;
  return jsonb_strip_nulls(jsonb_build_object(
    'score', case when v_expected = 0 then 1 else v_matched::numeric / v_expected end,
    'detail', case when v_matched < v_expected
      then format('%s of %s expected documents were cited', v_matched, v_expected) end));
end $$;
