import type { JsonObject } from '../../json/json.ts';

/** A row before and after a change. An inserted or a deleted row has only one of the two. */
export type ChangedRow = { before?: JsonObject; after?: JsonObject };

export type ChangedTable = {
  /** `schema.table` */
  table: string;
  inserted: number;
  updated: number;
  deleted: number;
  /** The first changed rows; long values are truncated. */
  rows: ChangedRow[];
  /** The number of further changed rows. */
  more_rows: number;
  /**
   * The reason why some rows are not shown. Only the number of such rows is compared with the
   * effect of the real call.
   * - `rights`: those of the run's user do not suffice
   * - `size`: the table is too large to be searched
   * - `rows`: too many rows were changed
   */
  left_out?: OmittedRows;
};

export type OmittedRows = 'rights' | 'size' | 'rows';

/**
 * The effects of a call, shown to people with the question for its approval: `questions.preview`.
 */
export type Preview = {
  /** The result of the call as JSON, truncated if it is long. */
  result: string;
  tables: ChangedTable[];
  /** Tables and other objects that the call created, altered, dropped or truncated. */
  altered: string[];
  /**
   * Fields with another value in a second trial, such as a key or a time: `shop.orders.id`,
   * `result.id`.
   */
  new_each_time: string[];
};

/**
 * The data that shows whether a call does what its preview showed. The log stores it with the
 * question.
 */
export type DryRun = {
  /** The digest of the effects; null if the call was not tried. */
  digest: string | null;
  /** The fields that are not compared, since they are new each time. */
  ignored: VolatileFields;
  /** The arguments of the call. */
  arguments: JsonObject;
};

/** Columns by table, and paths of the result. */
export type VolatileFields = { columns: Record<string, string[]>; result: string[] };
