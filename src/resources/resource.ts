import { z } from 'zod';
import { columnComments } from '../db/catalog.generated.ts';
import type { Queryable } from '../db/connection/pool.ts';
import type { Collection, Condition } from '../db/queries/row-collection.ts';
import type { SecretWriter } from '../secrets/writer.ts';
import { columnList } from './column-list.ts';
import { equalTo } from './equal-to.ts';
import { id } from './fields.ts';
import {
  namesInPlaceOfIds,
  type Reference,
  referencesOf,
  withIdsOfNames,
  withOptionalIds,
} from './references.ts';

/** The fields of a row, as they are sent and as they are stored. */
export type Body = Readonly<Record<string, unknown>>;

/** The caller that writes a row. */
export type Writer = { tenantId: string; secrets: SecretWriter };

/** A way in which a row is written as it is described here. */
export type Write = 'create' | 'change' | 'delete';

type Fields = z.ZodRawShape;
type ComputedField = { sql: string; schema: z.ZodType };

/**
 * The rows of one table as people and programs list, read, create, change and delete them. REST,
 * the commands, the hints of errors and the pages of the documentation are made from it.
 */
export type Resource = {
  table: string;
  /** The path of the list in REST, such as `/api/agents`. */
  path: string;
  /** The name of one row in sentences, such as `agent`. */
  one: string;
  many: string;
  collection: Collection;
  /** The fields that are shown. */
  row: z.ZodObject;
  /** The fields that can be written. */
  fields: z.ZodObject;
  /** Fields that are columns; the others are parts. */
  columns: readonly string[];
  /** Columns that refer to rows, which callers may name instead. */
  references: readonly Reference[];
  /** Columns that are written once. */
  once: readonly string[];
  /** Field names of other systems. `active` for `is_active` is one of them for every resource. */
  aliases?: Readonly<Record<string, string>>;
  /** Field names of other systems in a new row. */
  creationAliases?: Readonly<Record<string, string>>;
  /** Aliases that answers show beside our names. They are fields of `row`. */
  shownAliases?: readonly string[];
  filters: { query: Fields; conditions(query: Body): Condition[] };
  /** The ways in which callers with the right may write rows; by default all three. */
  writes: readonly Write[];
  command?: ResourceCommand;
  /** Returns columns of a row, besides `once`, that keep their values if they are left out. */
  keeps?(row: Body): readonly string[];
  /** Returns the values of the columns for the fields that were sent. */
  valuesOf(body: Body, db: Queryable): Body | Promise<Body>;
  /** Writes the parts that are no columns, after the row is written. */
  writeParts?(
    db: Queryable,
    id: string,
    body: Body,
    as: Writer & { isWhole: boolean },
  ): Promise<void>;
  /** Fields that only the answer to the creation shows, besides the row. */
  shownOnce?: {
    fields: Fields;
    create(db: Queryable, id: string, body: Body, as: Writer): Promise<Body>;
  };
  /** Deletes the row in another way than by a DELETE statement. */
  remove?(db: Queryable, id: string): Promise<void>;
  /** A new row and a change of it. OpenAPI, help and tests show and send them. */
  examples?: { create: Body; change?: Body };
};

/** The words of a resource at the command line. */
export type ResourceCommand = {
  /** The words that are typed after `howdah`. */
  noun: string;
  /** The columns of a list. */
  list: readonly string[];
  /** The message for a list without rows. */
  empty: string;
  /** The column with the name of a row, `name` by default. The id is accepted as well. */
  name?: string;
  /** The heading of help, and the line there, of a command without verbs of its own. */
  group?: 'Agents' | 'Definitions';
  summary?: string;
};

type Description = Pick<
  Resource,
  | 'path'
  | 'one'
  | 'aliases'
  | 'creationAliases'
  | 'shownAliases'
  | 'command'
  | 'keeps'
  | 'writeParts'
  | 'shownOnce'
  | 'remove'
  | 'examples'
> & {
  /** The plural, if it is not `one` with an s. */
  many?: string;
  /** Columns that can be written. They are shown too. */
  columns: Fields;
  /** The columns as they are shown, where that differs from what may be sent. */
  shownColumns?: Fields;
  /** Columns that are only shown. */
  readOnly?: Fields;
  /** Fields that are only shown, each with its expression of SQL over the row `t`. */
  computed?: Readonly<Record<string, ComputedField>>;
  /** Columns that can be written but are not shown, since their values are large. */
  writeOnly?: Fields;
  /** Fields that `valuesOf` writes into columns, or `writeParts` into other tables. */
  parts?: Fields;
  /** Returns the values of columns for the fields that were sent. Ids stand for names already. */
  valuesOf?(body: Body, db: Queryable): Body | Promise<Body>;
  once?: readonly string[];
  writes?: readonly Write[];
  /** The condition for rows that are not deleted, if deleted rows are kept. */
  living?: string;
  /** True if the table grows with the runs: see `Collection`. */
  isLarge?: boolean;
  /** The value from which the tag is made, if it is not all that is shown. */
  stamp?: string;
  /** Columns that lists can filter by. */
  filters?: Fields;
  /** The conditions of the filters, if they do not all compare a column with a value. */
  conditions?(query: Body): Condition[];
};

/** A resource that has commands. */
export type CommandResource = Resource & { command: ResourceCommand };

/** Returns the resource of a table of the schema `howdah`. */
export function resource(
  table: string,
  described: Description & { command: ResourceCommand },
): CommandResource;
export function resource(table: string, described: Description): Resource;
export function resource(table: string, described: Description): Resource {
  const { shownColumns = {}, computed = {} } = described;
  const columns = withComments(table, described.columns);
  const references = referencesOf(table, columns).filter(
    ({ field }) => !(field in { ...columns, ...described.parts }),
  );
  const sent = withComments(table, withOptionalIds(described.columns, references));
  const parts = { ...namesInPlaceOfIds(table, references), ...described.parts };
  const readOnly = withComments(table, described.readOnly ?? {});
  const writeOnly = withComments(table, described.writeOnly ?? {});
  const { living, stamp, isLarge = false, filters = {}, conditions = equalTo, ...rest } = described;
  const { one, many = `${one}s`, once = [], writes = ['create', 'change', 'delete'] } = described;
  const shown = { id, ...z.object({ ...columns, ...shownColumns }).required().shape, ...readOnly };
  const expressions = Object.entries(computed).map(([name, { sql }]) => `, ${sql} as ${name}`);
  const schemas = Object.fromEntries(
    Object.entries(computed).map(([name, { schema }]) => [name, schema]),
  );
  return {
    ...rest,
    valuesOf: async (body, db) => {
      const named = await withIdsOfNames(references, body, db);
      return described.valuesOf?.(named, db) ?? named;
    },
    table,
    many,
    once,
    writes,
    collection: {
      table,
      shown: `${columnList(shown)}${expressions.join('')}`,
      ...(stamp !== undefined && { stamp }),
      ...(living !== undefined && { living }),
      isLarge,
    },
    row: z.object({ ...shown, ...schemas }).meta({ id: inCamels(one.toLowerCase()) }),
    fields: z.strictObject({ ...sent, ...writeOnly, ...parts }),
    references,
    columns: [...Object.keys({ ...columns, ...writeOnly }), ...(parts.base64 ? ['bytes'] : [])],
    filters: { query: filters, conditions },
  };
}

/** Describes fields by the comments of their columns. */
function withComments(table: string, fields: Fields): Fields {
  const comments = columnComments[table];
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => {
      const schema = field as z.ZodType;
      const comment = schema.description === undefined ? comments?.[name] : undefined;
      return [name, comment === undefined ? schema : schema.describe(comment)];
    }),
  );
}

/** Returns words in the case of a type, such as `InboundHook`. */
export const inCamels = (words: string) =>
  words.replaceAll(/(^|[ _-])(\w)/g, (_all, _gap, letter: string) => letter.toUpperCase());
