-- Up Migration
-- An index for searches with a filter. Tenants could not use it under row security; the search is
-- a function of the engine.
create index documents_metadata_idx on howdah.documents using gin (metadata jsonb_path_ops);

-- Down Migration
drop index howdah.documents_metadata_idx;
