// Import this file first. Grafast reads GRAPHILE_ENV while it is imported, and writes to stderr
// when it is not set. `GRAPHILE_ENV=development` adds its own checks of plans and the text of
// masked errors.
process.env.GRAPHILE_ENV ??= 'production';
// The adaptor would otherwise run `set` on each connection that it sees for the first time. Behind
// a pooler, that connection does not belong to this server. The pool of requests sets the same for
// itself.
process.env.DATAPLAN_PG_DONT_DISABLE_JIT ??= '1';
// The adaptor would otherwise name each statement, and Postgres would plan it once for all values.
// The plan for a small tenant is another than that for a large one. Statements whose plan is the
// same for all values have names (name-statements.ts).
process.env.DATAPLAN_PG_PREPARED_STATEMENT_CACHE_SIZE ??= '0';
