-- Up Migration
alter table howdah.evaluation_results add column confidence float8
  constraint confidence_is_a_share check (confidence between 0 and 1);
comment on column howdah.evaluation_results.confidence is
  'How sure the answer is of itself: the number confidence of a JSON answer, from 0 to 1; null '
  'without one.';
comment on constraint confidence_is_a_share on howdah.evaluation_results is
  'Workers write confidence, as a number from 0 to 1.';
-- they gain columns
drop function if exists howdah.leaderboard(text, text, text);
drop function if exists howdah_private.contender_figures(uuid[], text);
drop function if exists howdah_private.item_means(uuid[], text);

-- Down Migration
drop function if exists howdah.leaderboard(text, text, text);
drop function if exists howdah_private.contender_figures(uuid[], text);
drop function if exists howdah_private.item_means(uuid[], text);
alter table howdah.evaluation_results drop column confidence;
