import './environment.ts';
import { TYPES } from 'postgraphile/@dataplan/pg';
import { sql } from 'postgraphile/pg-sql2';
import { parseJson } from '../../json/parse-json.ts';

// Import this file before a schema is built. PostGraphile then reads values as they are: the
// numbers of JSON with all their digits, and times for which GraphQL has no form (infinity, years
// before 1) as Postgres writes them. A list would otherwise have null where its type allows none.

for (const codec of [TYPES.json, TYPES.jsonb]) {
  Object.assign(codec, { fromPg: parseJson });
}
for (const codec of [TYPES.timestamp, TYPES.timestamptz, TYPES.date]) {
  const { castFromPg } = codec;
  if (!castFromPg) throw new Error(`PostGraphile reads ${codec.name} in another way`);
  codec.castFromPg = (value, isNeverNull) => sql`case
    when ${value} between '0001-01-02' and '9999-12-30' then ${castFromPg(value, isNeverNull)}
    else ${value}::text end`;
}
