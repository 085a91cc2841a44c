import type { JsonObject } from '../json/json.ts';

export type ReadLimits = {
  rows: number;
  /** Of all rows together, as JSON. */
  bytes: number;
  /** As Postgres estimates it, in its own units; null: no limit. */
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

/** What a query that is not ours may read, and for whom. */
export type ReadRequest = {
  /** The run it is for: with the rights of whom it was begun for, in its tenant. */
  boundTo: { tenantId: string; executionId?: string };
  /** Where its tables may be, in the order they are found in; null: wherever howdah_reader may read but in the system. */
  schemas: readonly string[] | null;
  limits: ReadLimits;
  signal: AbortSignal;
};

/** `cut_by` is what there are more rows than. */
export type Rows = { rows: JsonObject[]; cut_by: 'rows' | 'bytes' | null };

/** A column as a query may name it. */
export type ReadableColumn = {
  name: string;
  type: string;
  comment: string | null;
  is_key: boolean;
  is_required: boolean;
  /** `schema.table.column` of a foreign key. */
  refers_to: string | null;
  /** Values it has, in a table that was asked for by name. */
  samples?: string[];
};

export type ReadableTable = {
  schema: string;
  name: string;
  is_view: boolean;
  comment: string | null;
  /** Postgres' guess; null where it has none, or where it would count the rows of others. */
  row_estimate: number | null;
  columns: ReadableColumn[];
};
