import { HowdahError } from '../contracts/errors.ts';
import type { Json } from '../json/json.ts';

/** The rejection of a request before or outside the database, with its HTTP status. */
export class RequestRefusal extends HowdahError {
  readonly status: number;

  constructor(
    status: number,
    message: string,
    { code = 'HWINV', ...more }: { code?: string; hint?: string | undefined; detail?: Json } = {},
  ) {
    super(code, message, more);
    this.status = status;
  }
}

/** Returns the error for a row that has changed since the caller read it. */
export function staleMatch(): RequestRefusal {
  return new RequestRefusal(412, 'the row has changed since this ETag was given', {
    code: 'HWCNF',
    hint: 'Read the row again, and send its new ETag as If-Match.',
  });
}

/** Rejects a field when another field with the same meaning is set too. Null counts as not set. */
export function refuseBoth(
  body: Readonly<Record<string, unknown>>,
  field: string,
  others: readonly string[],
): void {
  const other = others.find((name) => body[name] != null);
  if (body[field] == null || other === undefined) return;
  throw new RequestRefusal(400, `${field} and ${other} have the same meaning`, {
    hint: 'Set only one of them.',
    detail: { field },
  });
}

/** Rejects a row whose id is not the id in the path. */
export function refuseOtherId(sent: unknown, id: string): void {
  if (sent == null || `${sent}`.toLowerCase() === id.toLowerCase()) return;
  throw new RequestRefusal(400, 'id differs from the id in the path', {
    hint: 'Send the request to the path of this id, or leave id out.',
    detail: { field: 'id' },
  });
}

/**
 * Returns the error for a row that does not exist or belongs to somebody else, like the error of
 * the database.
 */
export function noSuch(one: string, id: string): RequestRefusal {
  const key = `${one.toLowerCase().replaceAll(' ', '_')}_id`;
  return new RequestRefusal(404, `there is no ${one} ${id}`, {
    code: 'HWNTF',
    hint: 'Use the id of a row that you see.',
    detail: { [key]: id },
  });
}
