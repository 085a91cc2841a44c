-- Enqueues the runs whose contents must be encrypted or decrypted after a change of
-- encrypt_contents.

create or replace function howdah_private.tg_retention_policies__encrypt() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.enqueue_missed_encryptions(
    case tg_op when 'DELETE' then old.tenant_id else new.tenant_id end);
  return null;
end $$;

create or replace trigger _500_encrypt after insert on howdah.retention_policies
  for each row when (new.encrypt_contents)
  execute function howdah_private.tg_retention_policies__encrypt();
create or replace trigger _510_encrypt after update of encrypt_contents on howdah.retention_policies
  for each row when (old.encrypt_contents <> new.encrypt_contents)
  execute function howdah_private.tg_retention_policies__encrypt();
create or replace trigger _520_decrypt after delete on howdah.retention_policies
  for each row when (old.encrypt_contents)
  execute function howdah_private.tg_retention_policies__encrypt();
