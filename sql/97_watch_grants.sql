-- Grants howdah_writer the privileges that existing watches need and that it lacks, such as after a
-- restore without privileges. Runs with the privileges of the login that migrates, since other
-- roles own the tables. If that login may not grant them, `howdah doctor` names the statements for
-- the owner of the table.
do $$
declare
  v_statements text[] := array(
    select r.statement from howdah_private.writer_grant_statements() as r);
  v_statement text;
begin
  set local role none;
  foreach v_statement in array v_statements loop
    begin
      execute v_statement;
    exception when insufficient_privilege then
      raise warning 'only the owner of the table may run: %', v_statement;
    end;
  end loop;
  set local role howdah_owner;
end $$;
