-- Up Migration
-- Searches by an index of vectors that were repeated without it (vector_search.sql).
alter table howdah.searches add column is_repeated boolean not null default false;
comment on column howdah.searches.is_repeated is
  'True if the index of vectors did not decide which chunks are nearest, so that the search '
  'compared the signs of all vectors.';

-- Down Migration
alter table howdah.searches drop column is_repeated;
