import { HowdahError } from '../../contracts/errors.ts';
import { translatePostgresError } from '../../contracts/translate-postgres-error.ts';
import type { Queryable } from '../../db/connection/pool.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';

type Insert<Item, T> = (items: readonly Item[]) => Promise<T>;
type Refused = { code: string; message: string; hint?: string; detail?: string };

/**
 * Inserts items in one statement. Throws the error of the first item that is refused, with its
 * place: `items[3].input_parts[0].type`. Runs in a transaction.
 */
export async function insertPlaced<Item, T>(
  db: Queryable,
  items: readonly Item[],
  insert: Insert<Item, T>,
): Promise<T> {
  await db.query('savepoint items');
  try {
    const inserted = await insert(items);
    await db.query('release savepoint items');
    return inserted;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const index = await firstRefused(db, items, insert);
    throw index === undefined ? error : placed(error, index);
  }
}

/** Returns whether a row was refused for what is in it. */
const isRefusal = (error: unknown): error is Refused =>
  /^(HWINV|HWNTF|22\w{3}|23\w{3})$/.test(String((error as Partial<Refused>).code));

/**
 * Returns the index of the first item that is refused, by halves. Undefined if each item is
 * accepted alone.
 */
async function firstRefused<Item>(
  db: Queryable,
  items: readonly Item[],
  insert: Insert<Item, unknown>,
): Promise<number | undefined> {
  const isAccepted = async (from: number, to: number) => {
    await db.query('rollback to savepoint items');
    return insert(items.slice(from, to)).then(
      () => true,
      (error) => {
        if (!isRefusal(error)) throw error;
        return false;
      },
    );
  };
  let [accepted, refused] = [0, items.length];
  while (refused - accepted > 1) {
    const middle = Math.floor((accepted + refused) / 2);
    if (await isAccepted(accepted, middle)) accepted = middle;
    else refused = middle;
  }
  return (await isAccepted(accepted, refused)) ? undefined : accepted;
}

function placed(error: Refused, index: number): HowdahError {
  const item = `items[${index}]`;
  const { code, message, hint, detail } = wordsOf(error);
  const field = fieldOf(detail);
  return new HowdahError(
    code,
    field !== undefined && message.startsWith(field) ? `${item}.${message}` : `${item}: ${message}`,
    { hint, detail: { ...detail, field: field === undefined ? item : `${item}.${field}` } },
  );
}

/** Returns the field that an error is about, if it is one. */
function fieldOf({ field, fields }: JsonObject): string | undefined {
  const named = Array.isArray(fields) && fields.length === 1 ? fields[0] : field;
  return typeof named === 'string' ? named : undefined;
}

type Words = { code: string; message: string; hint?: string | undefined; detail: JsonObject };

/** Returns an error of Howdah as it is, and one of Postgres in terms of Howdah. */
function wordsOf(error: Refused): Words {
  if (!error.code.startsWith('HW')) {
    return { detail: {}, ...(translatePostgresError(error) ?? error) } as Words;
  }
  const { code, message, hint } = error;
  return { code, message, hint, detail: readDetail(error.detail) };
}

function readDetail(detail: string | undefined): JsonObject {
  const read = detail === undefined ? {} : (parseJson(detail) as Json);
  return isJsonObject(read) ? read : {};
}
