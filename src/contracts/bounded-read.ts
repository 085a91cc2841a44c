import type { JsonObject } from '../json/json.ts';

export type ReadLimits = {
  rows: number;
  /** Most bytes of all rows together, as JSON. */
  bytes: number;
  /** The highest cost as Postgres estimates it, in its own units; null for no limit. */
  cost: number | null;
  timeoutMs: number;
};

/** The settings that admins give queries, in the configuration of the tool `sql_query`. */
export type QuerySettings = {
  /** The schemas that queries may read. */
  schemas: string[];
  max_rows: number;
  max_cost: number;
  timeout_ms: number;
};

/**
 * Defaults for settings that neither the tool nor the agent has. Any schema but `public` is opened
 * to each tool by name.
 */
export const QUERY_DEFAULTS: QuerySettings = {
  schemas: ['public'],
  max_rows: 100,
  max_cost: 10_000_000,
  timeout_ms: 10_000,
};

/** A read by a query that Howdah did not write: its scope and its limits. */
export type ReadRequest = {
  /**
   * The tenant and the run of the query. The query has the rights of the user for whom the run was
   * started.
   */
  boundTo: { tenantId: string; executionId?: string };
  /**
   * The schemas of the tables, in search order; null for all that howdah_reader may read, except
   * those of the system.
   */
  schemas: readonly string[] | null;
  limits: ReadLimits;
  signal: AbortSignal;
};

/**
 * The rows of a query. `cut_by` is the limit that the query exceeded; null if it returned all rows.
 */
export type Rows = { rows: JsonObject[]; cut_by: 'rows' | 'bytes' | null };

/** A column as a query may name it. */
export type ReadableColumn = {
  name: string;
  type: string;
  comment: string | null;
  is_key: boolean;
  is_required: boolean;
  /** `schema.table.column` of a foreign key. A key of two columns adds ` (one of 2 columns)`. */
  refers_to: string | null;
  /** Sample values of the column, if its table was requested by name. */
  samples?: string[];
};

export type ReadableTable = {
  schema: string;
  name: string;
  is_view: boolean;
  comment: string | null;
  /** The estimate of Postgres; null if there is none, or if it would count the rows of others. */
  row_estimate: number | null;
  columns: ReadableColumn[];
};
