-- Sets updated_at when an author changes feedback.

-- howdah_eraser encrypts contents, which is no change to a reader
create or replace trigger _100_stamp before update on howdah.feedback_entries
  for each row when (current_user <> 'howdah_eraser')
  execute function howdah_private.tg__stamp();
