-- Sets updated_at when an author changes feedback.

-- Encryption (as howdah_eraser) is not an update for readers.
create or replace trigger _100_stamp before update on howdah.feedback_entries
  for each row when (current_user <> 'howdah_eraser')
  execute function howdah_private.tg__stamp();
