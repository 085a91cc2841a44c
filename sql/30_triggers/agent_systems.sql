create or replace trigger _100_stamp before update on howdah.agent_systems
  for each row execute function howdah_private.tg__stamp();

create or replace trigger _100_refuse_change before update or delete on howdah.agent_system_versions
  for each row execute function howdah_private.tg__refuse_change();
create or replace trigger _100_refuse_truncate before truncate on howdah.agent_system_versions
  for each statement execute function howdah_private.tg__refuse_change();
