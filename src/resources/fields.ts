import { z } from 'zod';
import { enumLabels } from '../contracts/enum-labels.generated.ts';
import { jsonRecord } from '../json/json-record.ts';

/** Schemas of fields that several routes have. */
export const id = z.guid('must be a UUID');
export const time = z.iso.datetime({
  offset: true,
  error: 'must be an ISO 8601 time, such as 2030-01-01T00:00:00Z',
});
export const json = z.unknown();
export const object = jsonRecord(z.unknown());
/** The role of a user. */
export const role = z.enum(enumLabels.user_role);
export const names = z.array(z.string());
/** A number that is sent as a text if a double cannot represent it. */
export const count = z.number();
export const optionalText = z.string().nullable().optional();
export const optionalInt = z.int32().nullable().optional();
export const optionalBigint = z.int().nullable().optional();
export const optionalNumber = z.number().nullable().optional();

export const byId = z.strictObject({ id: id.describe('The id of the row, a UUID') });

/** A query parameter that is true or false. */
export const flag = z.enum(['true', 'false']).transform((text) => text === 'true');
/** A switch in a query, such as `tree=1`. */
export const switchText = z
  .enum(['1', '0', 'true', 'false'])
  .transform((text) => text === '1' || text === 'true');

/**
 * A query parameter that is a number in digits. `Number` would accept more, for example an empty
 * text as 0.
 */
export const numberText = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess(
    (sent) => (typeof sent === 'string' && /^-?\d+(\.\d+)?$/.test(sent) ? Number(sent) : sent),
    schema,
  );

/** A choice of one of these words, in upper or lower case. */
export const anyCase = <const Words extends readonly [string, ...string[]]>(words: Words) =>
  z
    .string()
    .transform((text) => text.toLowerCase())
    .pipe(z.enum(words))
    .describe(`One of ${words.join(', ')}`);

/** The query parameters for one page of a list. */
export const page = {
  limit: numberText(
    z.int('must be a whole number from 1 to 1000').min(1).max(1000).default(100),
  ).describe('The number of rows on a page'),
  cursor: z.string().optional().describe('`next` of the previous page'),
};

/** A page of rows. */
export const pageOf = (row: z.ZodType) =>
  z.object({
    data: z.array(row),
    next: z.string().nullable().describe('The cursor of the next page; null on the last page'),
  });
