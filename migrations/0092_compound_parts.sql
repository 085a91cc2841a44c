-- Up Migration
-- Parts of German compounds become terms (sql/10_private/knowledge/terms/compound_terms.sql). Chunks
-- from before have none until their document is divided again. Searches find them as before.
comment on column howdah_private.chunk_terms.term is
  'The term, as the text search configuration of the chunk writes it. If that is not the one of '
  'the base, its name and a space come before the term. A word that the chunk has as a part of a '
  'compound has a plus sign and a space before it, after that name.';
comment on column howdah_private.chunk_terms.length is
  'Number of all terms of the chunk, without parts of compounds.';

-- Down Migration
-- Earlier schemas would count parts as terms. Row-level security applies to the owner as well.
alter table howdah_private.chunk_terms no force row level security;
delete from howdah_private.chunk_terms where strpos(term, '+ ') > 0;
alter table howdah_private.chunk_terms force row level security;
comment on column howdah_private.chunk_terms.term is
  'The term, as the text search configuration of the chunk writes it. If that is not the one of '
  'the base, its name and a space come before the term.';
comment on column howdah_private.chunk_terms.length is 'Number of all terms of the chunk.';
