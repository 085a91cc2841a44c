-- Sets updated_at when an author changes feedback.

create or replace trigger _100_stamp before update on howdah.feedback_entries
  for each row execute function howdah_private.tg__stamp();
