create or replace trigger _100_stamp before update on howdah.questions
  for each row execute function howdah_private.tg__stamp_clock();
