import type { JsonObject } from '../../json/json.ts';

/** What one row was and is; only one of both where it came or went. */
export type ChangedRow = { before?: JsonObject; after?: JsonObject };

export type ChangedTable = {
  /** `schema.table` */
  table: string;
  inserted: number;
  updated: number;
  deleted: number;
  /** The first of them; long values are shortened. */
  rows: ChangedRow[];
  /** So many more rows were changed. */
  more_rows: number;
  /**
   * Why there are rows that are not shown: `rights` of the run's user, `size` of a table that is too large to be looked through, `rows`:
   * too many were changed. These are not compared with what the call does in the end, but for their number.
   */
  left_out?: LeftOut;
};

export type LeftOut = 'rights' | 'size' | 'rows';

/** What a call would do, as people are shown it with the question whether it may: `questions.preview`. */
export type Preview = {
  /** What the call gave, as JSON; cut off where it is long. */
  result: string;
  tables: ChangedTable[];
  /** Tables and the like that it made, changed, dropped or truncated. */
  altered: string[];
  /** What was another value when it was tried a second time, such as a key or a time: `shop.orders.id`, `result.id`. */
  new_each_time: string[];
};

/** By what a call is known to do what was shown. Stands in the log, with the question. */
export type DryRun = {
  /** Null where it was not tried. */
  digest: string | null;
  /** What is not compared, since it is new each time. */
  ignored: Ignored;
  /** What it was called with. */
  arguments: JsonObject;
};

/** Columns by table, and paths of the result. */
export type Ignored = { columns: Record<string, string[]>; result: string[] };
