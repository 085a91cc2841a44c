import type { BuiltinTool, ToolContext, ToolOutcome } from '../contracts/agents/tool.ts';
import {
  QUERY_DEFAULTS,
  type QuerySettings,
  type ReadableTable,
  type ReadRequest,
  type Rows,
} from '../contracts/bounded-read.ts';
import type { Outcome } from '../contracts/errors.ts';
import type { JsonObject } from '../json/json.ts';
import { Redaction } from '../redaction/redaction.ts';
import { decodePercent } from '../text/decode-percent.ts';
import { stripCodeFence } from '../text/strip-code-fence.ts';
import { asToolFault } from './http-request/secrets.ts';
import { RESULT_LIMIT_BYTES } from './result-limit.ts';
import { describedTables, unknownTables } from './sql-query/description.ts';
import { tableOf } from './sql-query/table.ts';

/** The interface to the database, with only the queries that the tool needs. */
export type QueryReader = {
  rows(request: ReadRequest & { query: string }): Promise<Outcome<Rows>>;
  tables(request: ReadRequest, names: readonly string[]): Promise<Outcome<ReadableTable[]>>;
};

/**
 * The largest result of a query. Rows are logged untruncated, so they must fit the limit of a
 * logged result with their frame.
 */
const MAX_BYTES = RESULT_LIMIT_BYTES - 4_096;

const DESCRIBE = /^describe\b([\w\s.,"]*);?$/i;

/** Returns the reader of the database at a URL. The URL is the value of the named secret. */
export type ExternalDatabases = (url: string, secret: string) => QueryReader;

/**
 * The built-in tool `sql_query`. `configuration` has `database`, `schemas`, `max_rows`, `max_cost`
 * and `timeout_ms` (checked on write by howdah_private.check_builtin_settings). The rows are
 * logged, and the model receives a table. Never throws.
 */
export function sqlQueryTool(here: QueryReader, elsewhere: ExternalDatabases): BuiltinTool {
  return {
    name: 'sql_query',
    run: async (args, context, configuration) => {
      const query = stripCodeFence(String(args.query ?? ''));
      const request = requestOf(context, configuration);
      if (typeof configuration.database !== 'string') return answer(here, request, query);
      const { database } = configuration;
      const secret = await context.readSecret(database);
      if (!secret.ok) return { ok: false, error: asToolFault(secret.error) };
      const reader = redactReader(elsewhere(secret.value, database), redactionOf(secret.value));
      return answer(reader, request, query);
    },
  };
}

async function answer(
  reader: QueryReader,
  request: ReadRequest,
  query: string,
): Promise<ToolOutcome> {
  const described = DESCRIBE.exec(query.trim());
  const outcome = described
    ? await describe(reader, request, namesIn(described[1] ?? ''))
    : await ask(reader, request, query);
  return request.signal.aborted ? tooLate() : outcome;
}

/**
 * Creates the redaction of a database URL and its password, which a table of that database may
 * contain.
 */
function redactionOf(url: string): Redaction {
  const { password = '' } = URL.parse(url.trim()) ?? {};
  return Redaction.of([url, password, decodePercent(password) ?? password], {
    shortest: SHORTEST_PASSWORD,
  });
}

/** The shortest password that is redacted. A shorter password could be an ordinary word. */
const SHORTEST_PASSWORD = 6;

/** Redacts rows before they are truncated. */
function redactReader(reader: QueryReader, redaction: Redaction): QueryReader {
  const redactOutcome = <T>(outcome: Outcome<T>): Outcome<T> =>
    outcome.ok
      ? { ok: true, value: redaction.json(outcome.value) }
      : { ok: false, error: redaction.error(outcome.error) };
  return {
    rows: async (request) => redactOutcome(await reader.rows(request)),
    tables: async (request, names) => redactOutcome(await reader.tables(request, names)),
  };
}

function requestOf(context: ToolContext, configuration: JsonObject): ReadRequest {
  const settings: QuerySettings = { ...QUERY_DEFAULTS, ...configuration };
  return {
    boundTo: { tenantId: context.tenant_id, executionId: context.execution_id },
    schemas: settings.schemas,
    limits: {
      rows: settings.max_rows,
      bytes: MAX_BYTES,
      cost: settings.max_cost,
      timeoutMs: settings.timeout_ms,
    },
    signal: context.signal,
  };
}

async function ask(reader: QueryReader, request: ReadRequest, query: string): Promise<ToolOutcome> {
  const found = await reader.rows({ ...request, query });
  if (!found.ok) return found;
  const { rows, cut_by } = found.value;
  return {
    ok: true,
    value: { rows, row_count: rows.length, cut_by },
    text: tableOf(found.value, request.limits),
  };
}

async function describe(
  reader: QueryReader,
  request: ReadRequest,
  names: string[],
): Promise<ToolOutcome> {
  const found = await reader.tables(request, names);
  if (!found.ok) return found;
  const missing = unknownTables(names, found.value);
  if (missing.length > 0) {
    const message = `there is no table ${missing.join(', ')} that may be read; describe lists those there are`;
    return { ok: false, error: { code: 'not_found', message, retryable: false } };
  }
  return { ok: true, value: describedTables(found.value, request.schemas ?? [], names.length > 0) };
}

function namesIn(text: string): string[] {
  const names = text.split(/[\s,]+/).map((name) => name.replaceAll('"', '').toLowerCase());
  return [...new Set(names.filter((name) => name !== ''))];
}

function tooLate(): ToolOutcome {
  const message = 'the query took longer than the tool may take';
  return { ok: false, error: { code: 'timeout', message, retryable: false } };
}
