import { isJsonNumber } from '../../json/exact-number.ts';
import { hasMembers, type Json, type JsonObject } from '../../json/json.ts';
import { storableJson } from '../../json/storable-json.ts';
import { type PoolClient, quoteName, quoteText } from '../connection/pool.ts';
import { boundQuery } from './sql-sandbox.ts';

/** An argument of a function: its name, and its type as Postgres writes it. */
export type TypedArgument = { name: string; type: string };

/** The error of an argument with a number that its type would round. The function is not called. */
export class RoundedArgumentError extends Error {
  constructor(name: string) {
    super(
      `${name} has a number with more digits than the type of the parameter holds. Send fewer digits, or declare the parameter as numeric.`,
    );
  }
}

/** Types that hold every number that they accept, or none. */
const EXACT =
  /^(smallint|integer|bigint|numeric|text|character varying|boolean|uuid|jsonb?|date|timestamp with(out)? time zone)(\[\])*$/;

/**
 * Rejects an argument with a number that does not come back from its type: a double or a part of
 * it, such as a list, a domain or a row. A double has the value of its shortest decimal form, so
 * 0.1 comes back, and so do other spellings of the same value.
 */
export async function checkRounding(
  client: PoolClient,
  passed: readonly TypedArgument[],
  args: JsonObject,
  columns: string,
  timeoutMs: number,
): Promise<void> {
  if (passed.every(({ name, type }) => EXACT.test(type) || !hasNumber(args[name] ?? null))) return;
  const statement = roundedIn(passed, columns);
  const [rounded] = await boundQuery(client, statement, storableJson(args), timeoutMs);
  if (rounded) throw new RoundedArgumentError(rounded);
}

function hasNumber(value: Json): boolean {
  if (isJsonNumber(value)) return true;
  return hasMembers(value) && Object.values(value).some(hasNumber);
}

/**
 * Returns a statement for the name of an argument with such a number. It compares each number with
 * the number in the same place of the converted arguments.
 */
function roundedIn(passed: readonly TypedArgument[], columns: string): string {
  const amounts = passed // the JSON of money is a text
    .filter(({ type }) => type === 'money')
    .map(({ name }) => `, ${quoteText(name)}, a.${quoteName(name)}::numeric`)
    .join('');
  return `with recursive values_of (name, given, taken) as (
      select g.key, g.value, t.args -> g.key
      from jsonb_each($1::jsonb) as g,
        (select to_jsonb(a.*) || jsonb_build_object(${amounts.slice(2)}) as args
          from jsonb_to_record($1::jsonb) as a (${columns})) as t
      union all
      select v.name, p.given, p.taken
      from values_of as v cross join lateral (
        select m.value as given, v.taken -> m.key as taken
        from jsonb_each(case jsonb_typeof(v.given) when 'object' then v.given end) as m
        union all
        select i.value, v.taken -> (i.place - 1)::int
        from jsonb_array_elements(case jsonb_typeof(v.given) when 'array' then v.given end)
          with ordinality as i (value, place)
      ) as p
    )
    select name as value from values_of
    where jsonb_typeof(given) = 'number' and jsonb_typeof(taken) = 'number' and given <> taken
    limit 1`;
}
