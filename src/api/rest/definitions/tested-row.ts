import { z } from 'zod';
import type { ModelTestAnswer, TestedModel } from '../../../contracts/agents/model-test.ts';
import type { Queryable } from '../../../db/connection/pool.ts';
import { jsonRow } from '../../../db/queries/json-rows.ts';
import type { JsonObject } from '../../../json/json.ts';
import { models } from '../../../resources/definitions/models.ts';
import { id } from '../../../resources/fields.ts';
import { changeRow, createRow } from '../../../resources/operations.ts';
import { noSuch, RequestRefusal } from '../../../resources/request-refusal.ts';
import type { Body, Writer } from '../../../resources/resource.ts';
import { aliasesOfNewRow, translateNames } from '../framework/field-aliases.ts';

// Tests of a row of howdah.models before it is stored. The row is stored and taken back within one
// transaction, so its triggers and checks decide what is tested, and refuse what they would refuse.

/** Fields of a row that is tested before it is stored: those of a new row, and its id. */
export const testedRowFields = {
  ...models.fields.partial().shape,
  name: z
    .string()
    .optional()
    .describe('The name of a new row: the other fields are then those of POST /api/models'),
  id: id
    .optional()
    .describe('A stored model: the other fields are then those of PATCH /api/models/{id}'),
};

/** Returns whether a body describes a row that would be stored as it is. */
export function isRow({ id, name }: Body): boolean {
  return id !== undefined || typeof name === 'string';
}

/** A row as it would be stored, with the model that it describes. */
export type TestedRow = { tested: TestedModel; row: JsonObject };

/**
 * Returns the row that a request would store, and takes it back. Throws what storing it throws, and
 * `HWNTF` if there is no model of the id.
 */
export async function tryRow(db: Queryable, sent: Body, writer: Writer): Promise<TestedRow> {
  const { id: changed, ...fields } = translateNames(sent, aliasesOfNewRow(models)) as Body;
  const body = Object.fromEntries(Object.entries(fields).filter(([, one]) => one !== undefined));
  const unknown = Object.keys(body).find((name) => !(name in models.fields.shape));
  if (unknown !== undefined) {
    throw new RequestRefusal(400, `${unknown} is no field of a model`, {
      hint: 'Send the fields of a model, or a configuration without id and name.',
      detail: { field: unknown },
    });
  }
  await db.query('savepoint tested_row');
  const stored =
    typeof changed === 'string'
      ? await changeRow(db, models, changed, body, { ...writer, isWhole: false })
      : await createRow(db, models, body, writer);
  if (!stored) throw noSuch('model', String(changed));
  const { row, ...tested } = await readTested(db, String(stored.row.id));
  await db.query('rollback to savepoint tested_row');
  return { tested, row };
}

async function readTested(db: Queryable, model: string) {
  const read = await jsonRow<TestedModel & { row: JsonObject }>(
    db,
    'select x.* from howdah_private.tested_row($1) as t cross join lateral jsonb_to_record(t) ' +
      'as x (purpose text, capabilities jsonb, model jsonb, "row" jsonb)',
    [model],
  );
  if (!read) throw new Error('tested_row returned no row');
  return read;
}

/** Returns the cost of a test at the prices of the row. */
export async function costOfRow(
  db: Queryable,
  row: JsonObject,
  answer: ModelTestAnswer,
): Promise<{ cost?: number }> {
  const { rows } = await db.query<{ cost: string | null }>(
    'select howdah_private.tested_row_cost($1, $2) as cost',
    [JSON.stringify(row), JSON.stringify(answer)],
  );
  const cost = rows[0]?.cost ?? null;
  return cost === null ? {} : { cost: Number(cost) };
}
