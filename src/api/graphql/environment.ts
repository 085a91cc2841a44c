// Grafast reads GRAPHILE_ENV while it is imported, and talks on stderr when it is not set: import this file first.
// `GRAPHILE_ENV=development` adds its own checks of plans and the text of masked errors.
process.env.GRAPHILE_ENV ??= 'production';
// It would `set` something on each connection it sees for the first time, which behind a pooler is not ours to keep: the pool
// of requests says the same for itself.
process.env.DATAPLAN_PG_DONT_DISABLE_JIT ??= '1';
