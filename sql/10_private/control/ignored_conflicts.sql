-- An insert with `on conflict do nothing` leaves out runs with known idempotency keys. Postgres
-- tells no trigger about that clause. A unique key of a partitioned table must contain the id, so
-- no index can find the conflict either. The trigger therefore reads the statement that inserts.

-- Returns the text of the statement whose insert fires the trigger _100_prepare. Without another
-- frame in the context, the client has sent the statement. Otherwise PL/pgSQL runs it, and its text
-- is in the next frame. Returns null if another language or a command such as COPY inserts.
create or replace function howdah_private.inserting_statement(context text, sent text) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when c.frames is null then null
    when c.frames = '' then inserting_statement.sent
    else substring(c.frames from '^SQL statement "(.*?)"\nPL/pgSQL function ')
  end
  from (select substring(inserting_statement.context
    from 'howdah_private\.tg_executions__prepare\(\)[^\n]*\n?(.*)$') as frames) as c
$$;

-- Returns whether a statement is a single insert with `on conflict do nothing`, apart from its
-- constants, quoted names and comments. In doubt it is not, and the known key is refused: a
-- statement with dollar quotes or nested comments, which no regular expression reads.
create or replace function howdah_private.ignores_conflicts(statement text) returns boolean
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $body$
declare
  v_code text := ignores_conflicts.statement;
begin
  if v_code is null or octet_length(v_code) > 1048576 or v_code !~* 'on\s+conflict' then
    return false;
  end if;
  v_code := regexp_replace(v_code, $re$\m[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|$re$
    || $re$--[^\n]*|/\*(?:[^*]|\*+[^*/])*\*+/$re$, ' c ', 'g');
  return v_code !~ '\$\w*\$|\*/'
    and v_code ~* '\mon\s+conflict\s+do\s+nothing\M'
    and regexp_count(v_code, '\minsert\s+into\M', 1, 'i') = 1;
end $body$;
