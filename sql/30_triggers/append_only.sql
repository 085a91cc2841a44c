-- Makes the log of runs append-only. Only howdah_eraser changes it: retention and erasure delete
-- steps and messages, and encryption and erasure rewrite their contents.

create or replace trigger _100_refuse_change before update or delete on howdah.steps
  for each row execute function howdah_private.tg__refuse_change();
create or replace trigger _100_refuse_truncate before truncate on howdah.steps
  for each statement execute function howdah_private.tg__refuse_change();
create or replace trigger _100_refuse_change before update or delete on howdah_private.message_log
  for each row execute function howdah_private.tg__refuse_change();
create or replace trigger _100_refuse_truncate before truncate on howdah_private.message_log
  for each statement execute function howdah_private.tg__refuse_change();
