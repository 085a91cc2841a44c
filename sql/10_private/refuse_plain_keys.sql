-- Keys never stand in a row: whatever looks like one in a free-form document is refused, by its name or by its shape.
create or replace function howdah_private.refuse_plain_keys(field text, document jsonb) returns void
  language plpgsql stable
  set search_path = ''
as $$
declare
  v_path text;
begin
  with recursive entries (path, name, value) as (
    select refuse_plain_keys.field, ''::text, refuse_plain_keys.document
    union all
    select e.path || '.' || c.name, c.name, c.value
    from entries as e
    cross join lateral (
      select o.key as name, o.value
      from jsonb_each(case jsonb_typeof(e.value) when 'object' then e.value else '{}' end) as o
      union all
      select (a.place - 1)::text, a.value
      from jsonb_array_elements(case jsonb_typeof(e.value) when 'array' then e.value else '[]' end)
        with ordinality as a (value, place)
    ) as c
  )
  select e.path into v_path from entries as e
  where jsonb_typeof(e.value) = 'string' and (
    lower(e.name) ~ '^(x[-_])?(api[-_]?key|access[-_]?token|auth[-_]?token|secret|client[-_]?secret|password|passwd|private[-_]?key|authorization)$'
    or e.value #>> '{}' ~ '^(sk-[A-Za-z0-9_-]{8}|sk_live_|ghp_|github_pat_|xox[abp]-|AKIA[0-9A-Z]{12}|Bearer [A-Za-z0-9._-]{8})'
  )
  limit 1;
  if v_path is not null then
    raise exception using errcode = 'HWINV',
      message = format('%s holds a key, and keys never stand in a row', v_path),
      detail = jsonb_build_object('field', refuse_plain_keys.field, 'path', v_path)::text,
      hint = 'Leave it out: the key of the environment (OPENAI_API_KEY) is sent to the environment''s URL.';
  end if;
end $$;
