import type pg from 'pg';

/** An encrypted text: its run, its place there from version 2 on, and its nonce. */
type Sealed = Readonly<{
  text: string;
  executionId: string;
  place: string | undefined;
  nonce: string;
}>;

/** Returns those of these encrypted texts that the reader may see. */
export type MayDecryptTexts = (texts: readonly Sealed[]) => Promise<ReadonlySet<string>>;

/** Decrypts contents of runs in a value. Texts stay encrypted unless `mayDecrypt` returns them. */
export type DecryptRows = <T>(value: T, mayDecrypt: MayDecryptTexts) => Promise<T>;

/**
 * Decrypts contents in rows that belong to runs, for reads that serve several callers. A row shows
 * only contents that its own run may read, so rows of other runs are never decrypted by it.
 */
export type DecryptRunRows = <Row>(
  rows: readonly Row[],
  runOf: (row: Row) => string,
) => Promise<Row[]>;

/**
 * Returns the runs that the connection may see. An owner sees all, unless it acts for a tenant in
 * the transaction.
 */
const VISIBLE = `select e.id from howdah.executions as e where e.id = any ($1::uuid[])
  and coalesce(current_setting('howdah.tenant_id', true), '') in ('', e.tenant_id::text)`;

type Query = (...args: unknown[]) => unknown;

/**
 * Decrypts contents of runs in the results of every statement of a pool. Contents of a run are
 * decrypted only if the connection may see the run at that moment, with the role and the tenant of
 * its transaction. A result without encrypted contents costs no statement. Call it before the first
 * connection is opened.
 *
 * `decrypt` must not use this pool, whose connections may all wait for it.
 */
export function decryptResults(pool: pg.Pool, decrypt: DecryptRows): void {
  pool.on('connect', (client) => decryptResultsOf(client, decrypt));
}

/**
 * Returns a function that returns those of encrypted texts whose runs a connection may see at that
 * moment, and that are stored in their places.
 */
export function visibleTextsOn(client: Pick<pg.PoolClient, 'query'>): MayDecryptTexts {
  return async (texts) => {
    const { rows } = await client.query<{ id: string }>(VISIBLE, [runsOf(texts)]);
    const visible = new Set(rows.map(({ id }) => id));
    return textsInPlace(
      client,
      texts.filter(({ executionId }) => visible.has(executionId)),
    );
  };
}

/** Returns the runs of encrypted texts, each once. */
export function runsOf(texts: readonly Sealed[]): string[] {
  return [...new Set(texts.map(({ executionId }) => executionId))];
}

/**
 * Returns those of encrypted texts that are stored in the places they were encrypted for. A text of
 * version 1 names no place.
 */
export async function textsInPlace(
  db: Pick<pg.PoolClient, 'query'>,
  texts: readonly Sealed[],
): Promise<ReadonlySet<string>> {
  const bound = texts.filter(({ place }) => place !== undefined);
  const unbound = texts.filter(({ place }) => place === undefined);
  const inPlace = new Set(unbound.map(({ text }) => text));
  if (bound.length === 0) return inPlace;
  const { rows } = await db.query<{ places: number[] }>(
    'select howdah_private.sealed_in_place($1, $2, $3) as places',
    [
      bound.map(({ executionId }) => executionId),
      bound.map(({ place }) => place),
      bound.map(({ nonce }) => nonce),
    ],
  );
  for (const place of rows[0]?.places ?? []) inPlace.add(bound[place - 1]?.text ?? '');
  return inPlace;
}

/**
 * The names of what has contents of runs: tables, views, and functions that begin with these words
 * or return exports. A statement that names none of them reads definitions, in which a text of this
 * form was written by somebody, and is not decrypted: whoever saves such a row again would write
 * the plain text.
 */
const CONTENT_NAMES =
  /\b(?:executions?|messages?|steps?|questions?|trees?|runs?|conversation|chat|answer|export|exported|explain|compare|compared|history)(?:_\w*)?\b|\b(?:feedback_entries|webhook_deliveries|session_messages\w*|session_history|message_\w+|routing_decisions|plan_tasks|grade_queue|training_examples|preference_pairs|effects|retry_execution|cancel_execution|approve|reject|inbox)\b/i;

/** Returns whether a statement may read contents of runs. */
export function readsContents(statement: unknown): boolean {
  const text = textOf(statement);
  return text === undefined || CONTENT_NAMES.test(text);
}

function textOf(statement: unknown): string | undefined {
  return typeof statement === 'string' ? statement : (statement as { text?: string })?.text;
}

/**
 * Returns a function that also answers for `fetch`, which reads what the statement of its cursor
 * reads.
 */
function contentReaders(): (statement: unknown) => boolean {
  const cursors = new Map<string, boolean>();
  return (statement) => {
    const text = textOf(statement) ?? '';
    const [, fetched = ''] = /^\s*fetch\s+\S+\s+from\s+(\w+)\s*$/i.exec(text) ?? [];
    if (fetched !== '') return cursors.get(fetched) ?? true;
    const [, declared] = /^\s*declare\s+(\w+)\s/i.exec(text) ?? [];
    if (declared !== undefined) cursors.set(declared, readsContents(text));
    return readsContents(statement);
  };
}

/**
 * Decrypts contents of runs in the results of one connection, until the returned function is
 * called.
 */
export function decryptResultsOf(client: pg.PoolClient, decrypt: DecryptRows): () => void {
  const before = client.query;
  const query = before.bind(client) as Query;
  const visibleTexts = visibleTextsOn({ query: query as pg.PoolClient['query'] });
  const definitionsAmong = definitionTablesOn({ query: query as pg.PoolClient['query'] });
  const open = async (result: unknown): Promise<unknown> => {
    for (const one of Array.isArray(result) ? result : [result]) {
      if (!(one?.rows?.length > 0)) continue;
      const putBack = await takeDefinitions(one, definitionsAmong);
      one.rows = await decrypt(one.rows, visibleTexts);
      putBack(one.rows);
    }
    return result;
  };
  const mayReadContents = contentReaders();
  const decryptingQuery: Query = (...args) => {
    const mayRead = mayReadContents(args[0]);
    const result = query(...args);
    if (!(result instanceof Promise)) return result; // a cursor returns itself
    return mayRead ? result.then(open) : result;
  };
  client.query = decryptingQuery as pg.PoolClient['query'];
  return () => {
    client.query = before;
  };
}

type Field = { name: string; tableID: number };
type Row = Record<string | number, unknown>;
type Result = { rows: Row[]; fields?: Field[] };

/** The tables whose columns have contents of runs. */
const CONTENT_TABLES = [
  ...['executions', 'messages', 'steps', 'questions', 'feedback_entries', 'webhook_deliveries'],
  'inbox',
];

/**
 * Returns a function that returns those of these tables that have no contents of runs. Views and
 * tables of others count as contents.
 */
function definitionTablesOn(client: Pick<pg.PoolClient, 'query'>) {
  const known = new Map<number, boolean>();
  return async (tables: readonly number[]): Promise<ReadonlySet<number>> => {
    const unknown = tables.filter((table) => !known.has(table));
    if (unknown.length > 0) {
      const { rows } = await client.query<{ oid: number }>(
        `select c.oid::bigint::float8 as oid from pg_catalog.pg_class as c
         join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
         where c.oid = any ($1::oid[]) and n.nspname in ('howdah', 'howdah_private')
           and c.relkind in ('r', 'p') and c.relname <> all ($2)`,
        [unknown, CONTENT_TABLES],
      );
      for (const table of unknown) known.set(table, false);
      for (const { oid } of rows) known.set(Number(oid), true);
    }
    return new Set(tables.filter((table) => known.get(table)));
  };
}

/**
 * Takes the texts of columns of definitions out of a result, if they look encrypted, and returns a
 * function that puts them back as they are.
 */
async function takeDefinitions(
  { rows, fields = [] }: Result,
  definitionsAmong: (tables: readonly number[]) => Promise<ReadonlySet<number>>,
): Promise<(rows: Row[]) => void> {
  const isArray = Array.isArray(rows[0]);
  const columns = fields.flatMap(({ name, tableID }, at) => {
    const key = isArray ? at : name;
    const isSuspect = tableID !== 0 && rows.some((row) => mayBeEncrypted(row[key]));
    return isSuspect ? [{ key, tableID }] : [];
  });
  if (columns.length === 0) return () => {};
  const definitions = await definitionsAmong(columns.map(({ tableID }) => tableID));
  const taken = columns
    .filter(({ tableID }) => definitions.has(tableID))
    .map(({ key }) => ({ key, values: rows.map((row) => row[key]) }));
  for (const { key } of taken) for (const row of rows) row[key] = null;
  return (shown) => {
    for (const { key, values } of taken) {
      for (const [at, value] of values.entries()) (shown[at] as Row)[key] = value;
    }
  };
}

function mayBeEncrypted(value: unknown): boolean {
  const text = typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
  return typeof text === 'string' && text.includes('howdah.sealed.v');
}
