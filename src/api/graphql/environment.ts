// Grafast reads GRAPHILE_ENV while it is imported, and talks on stderr when it is not set: import this file first.
// `GRAPHILE_ENV=development` adds its own checks of plans and the text of masked errors.
process.env.GRAPHILE_ENV ??= 'production';
