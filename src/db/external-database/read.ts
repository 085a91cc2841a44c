import type { Rows } from '../../contracts/bounded-read.ts';
import type { Outcome, RunError } from '../../contracts/errors.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { type Client, quoteName } from '../connection/pool.ts';
import { faultOf, isConnectionLoss } from '../connection/sqlstate.ts';
import { withoutHiddenNames } from '../query-analysis/mask-hidden-names.ts';
import { placeOf, type ReadQuery, rejectQuery } from '../query-analysis/parse.ts';
import type { RowsRequest } from '../sql-tools/bounded-read.ts';
import { sqlToolFailure } from '../sql-tools/sql-tool.ts';
import { faultOfLogin } from './login.ts';

/** The rules that need a catalogue, as queries: `howdah_private.reading_rules()`. */
export type ReadingRules = { refused_calls: string; table_outside_schemas: string };

const LOCK_TIMEOUT_MS = 2_000;

/**
 * Reads with one SELECT, in a read-only transaction that is not committed. The caller closes the
 * connection.
 */
export async function readExternal(
  client: Client,
  request: RowsRequest,
  parsed: ReadQuery,
  secret: string,
  rules: ReadingRules,
): Promise<Outcome<Rows>> {
  const asking = { sent: '' };
  try {
    await client.query(beginning(request.limits.timeoutMs));
    const fault = await faultOfLogin(client, request.schemas);
    if (fault) return unfit(`the database of the secret ${secret} cannot be queried: ${fault}`);
    return (
      (await refusedCall(client, request, parsed.calls, rules)) ??
      (await read(client, request, parsed, rules, asking))
    );
  } catch (error) {
    return { ok: false, error: explainError(error, request, parsed.text, asking.sent, secret) };
  }
}

function beginning(timeoutMs: number): string {
  return `begin transaction isolation level repeatable read, read only; set local statement_timeout = ${timeoutMs};
    set local lock_timeout = ${LOCK_TIMEOUT_MS}; set local idle_in_transaction_session_timeout = ${timeoutMs + 10_000};
    set local standard_conforming_strings = on; set local search_path = pg_catalog, pg_temp;
    set local max_parallel_workers_per_gather = 0; set local jit = off`;
}

async function refusedCall(
  client: Client,
  { schemas }: RowsRequest,
  calls: ReadQuery['calls'],
  rules: ReadingRules,
): Promise<Outcome<never> | undefined> {
  if (!calls || calls.length === 0) return undefined;
  const { rows } = await client.query<{ name: string; reason: string }>({
    text: `select r.name, r.reason from (${rules.refused_calls}) as r (name, reason)`,
    values: [JSON.stringify(calls), schemas ?? ['public']],
  });
  const [first] = rows;
  return first && rejectQuery(`${first.name} may not be called in it: ${first.reason}`);
}

async function read(
  client: Client,
  { schemas, limits }: RowsRequest,
  { text, calls }: ReadQuery,
  rules: ReadingRules,
  asking: { sent: string },
): Promise<Outcome<Rows>> {
  const path = [...(schemas ?? ['public']), 'pg_temp'].map(quoteName).join(', ');
  const query = boundRows(text, limits.rows + 1, limits.bytes);
  await client.query(`set local search_path = ${path}`);
  asking.sent = `explain (verbose, format json) ${query}`;
  const plans = await client.query<{ 'QUERY PLAN': [PlanOf] }>(extendedQuery(asking.sent));
  const plan = plans.rows[0]?.['QUERY PLAN'];
  const cost = plan?.[0].Plan['Total Cost'] ?? 0;
  if (calls && schemas) {
    await client.query('set local search_path = pg_catalog, pg_temp');
    const found = await client.query<{ name: string }>({
      text: `select t.name from (${rules.table_outside_schemas}) as t (name)`,
      values: [JSON.stringify(plan), schemas],
    });
    if (found.rows.length > 0) return outside(schemas);
    await client.query(`set local search_path = ${path}`);
  }
  if (limits.cost !== null && cost > limits.cost) return tooExpensive(cost, limits.cost);
  asking.sent = `declare howdah_rows no scroll cursor for ${query}`;
  await client.query(extendedQuery(asking.sent));
  const { rows } = await client.query<{ value: string | null }>(
    extendedQuery('fetch all from howdah_rows'),
  );
  return {
    ok: true,
    value: rowsIn(
      rows.map(({ value }) => value),
      limits.rows,
    ),
  };
}

type PlanOf = { Plan: { 'Total Cost': number } };

/**
 * Returns a query for the extended protocol, which accepts only one statement. The simple protocol
 * would accept several.
 */
function extendedQuery(text: string): { text: string; queryMode: 'extended' } {
  return { text, queryMode: 'extended' };
}

/**
 * Wraps a query. Each row becomes JSON, and columns with the same name are kept apart. Rows beyond
 * the byte limit become null, so that nothing larger is sent over the network.
 */
function boundRows(text: string, rows: number, bytes: number): string {
  return `select case when b.sum <= ${bytes} then b.value end as value from (
    select t.value, pg_catalog.sum(pg_catalog.octet_length(t.value)) over (rows unbounded preceding) as sum from (
      select coalesce((
        select pg_catalog.json_object_agg(case c.nth when 1 then c.key else c.key || ' (' || c.nth || ')' end, c.value order by c.place)
        from (
          select e.key, e.value, e.place, pg_catalog.row_number() over (partition by e.key order by e.place) as nth
          from pg_catalog.json_each(j.value) with ordinality as e (key, value, place)
        ) as c
        having pg_catalog.max(c.nth) > 1
      ), j.value)::text as value
      from (select pg_catalog.to_json(r.*) as value from (${text}
) as r limit ${rows}) as j
    ) as t
  ) as b`;
}

function rowsIn(values: readonly (string | null)[], most: number): Rows {
  const end = values.indexOf(null);
  const whole = (end < 0 ? values : values.slice(0, end)).slice(0, most) as string[];
  const cut_by = values.length === whole.length ? null : end >= 0 && end < most ? 'bytes' : 'rows';
  return { rows: whole.map((row) => parseJson(row) as JsonObject), cut_by };
}

function unfit(message: string): Outcome<never> {
  return { ok: false, error: { code: 'tool_failed', message, retryable: false } };
}

/**
 * Returns the error for a table outside of the schemas. The error does not name the table, because
 * the query did not name it either: the parser rejects queries that name such a table.
 */
function outside(schemas: readonly string[]): Outcome<never> {
  const message = 'the query reads a table that is in none of the schemas this tool may read';
  const cause = { sqlstate: 'HWDEN', hint: `The schemas it may read: ${schemas.join(', ')}` };
  return { ok: false, error: { code: 'tool_failed', message, retryable: false, cause } };
}

function tooExpensive(cost: number, most: number): Outcome<never> {
  const message = `the query is too expensive: its plan costs ${Math.round(cost)}, at most ${most} are allowed`;
  const hint = 'Join tables by their keys, narrow them by WHERE, and ask for less at once.';
  const cause = { sqlstate: 'HWINV', hint };
  return { ok: false, error: { code: 'tool_failed', message, retryable: false, cause } };
}

const HINTS: Readonly<Record<string, string>> = {
  '42501': 'Who owns that database opens a table to queries: it grants the login select on it.',
  '42P01': 'Send the query `describe` to see which tables there are.',
  '42703': 'Send the query `describe` and the table to see its columns.',
  '57014': 'Ask for less: fewer rows, fewer joins, narrower conditions.',
};

/**
 * Returns the error with hints to correct the query and the position in the query. For a lost
 * connection, returns only that.
 */
function explainError(
  error: unknown,
  { query, limits }: RowsRequest,
  text: string,
  sent: string,
  secret: string,
): RunError {
  const { code, hint = HINTS[code] } = faultOf(error);
  if (isConnectionLoss(error) || !/^[0-9A-Z]{5}$/.test(code)) {
    const message = `the connection to the database of the secret ${secret} was lost`;
    return { code: 'unreachable', message, retryable: true };
  }
  const failure = withoutHiddenNames(sqlToolFailure(error, limits, 'the query'), code, query);
  const cause: { [key: string]: Json } = {
    ...(failure.cause as JsonObject),
    ...(hint ? { hint } : {}),
    ...placeIn(error, query, text, sent),
  };
  return { ...failure, cause };
}

function placeIn(error: unknown, query: string, text: string, sent: string): JsonObject {
  const { position } = error as { position?: string };
  const [from, said] = [sent.lastIndexOf(text), query.indexOf(text)];
  if (position === undefined || from < 0 || said < 0) return {};
  const at = Number(position) - 1 - [...sent.slice(0, from)].length;
  return at < 0 || at > [...text].length
    ? {}
    : placeOf(query, at + [...query.slice(0, said)].length);
}
