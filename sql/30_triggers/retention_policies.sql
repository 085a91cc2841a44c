-- Sets updated_at of retention policies.

create or replace trigger _100_stamp before update on howdah.retention_policies
  for each row execute function howdah_private.tg__stamp();
