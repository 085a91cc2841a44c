-- Sets updated_at when a question is answered, escalates or expires. Live lists look for questions
-- that closed since a time, and the transaction may have begun long before it closes one. So the
-- clock is read when the row is locked, and not when the transaction began.
create or replace function howdah_private.tg_questions__stamp() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.updated_at := clock_timestamp();
  return new;
end $$;

create or replace trigger _100_stamp before update on howdah.questions
  for each row execute function howdah_private.tg_questions__stamp();
