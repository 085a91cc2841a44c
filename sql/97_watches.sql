-- Gives howdah_writer what existing watches need, and takes it from howdah_tool, which held it before. With the rights of the
-- login that migrates, since the tables are others': where it may not, `howdah doctor` names the statements for the table's owner.
do $$
declare
  v_statements text[] := array(select r.statement from howdah_private.writer_rights() as r);
  v_statement text;
begin
  set local role none;
  foreach v_statement in array v_statements loop
    begin
      execute v_statement;
    exception when insufficient_privilege then
      raise warning 'only the owner of the table may: %', v_statement;
    end;
  end loop;
  set local role howdah_owner;
end $$;
