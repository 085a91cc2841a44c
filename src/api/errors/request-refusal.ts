import { HowdahError } from '../../contracts/errors.ts';
import type { Json } from '../../json/json.ts';

/** A request that is refused before or beside the database, with the status of HTTP that says why. */
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

/** The row is not what whoever asks believes it is. */
export function staleMatch(): RequestRefusal {
  return new RequestRefusal(412, 'the row has changed since this ETag was given', {
    code: 'HWCNF',
    hint: 'Read it again, and send its ETag as If-Match.',
  });
}

/** Refuses a field that says what another one says too. */
export function refuseBoth(
  body: Readonly<Record<string, unknown>>,
  field: string,
  others: readonly string[],
): void {
  const other = others.find((name) => body[name] !== undefined);
  if (body[field] === undefined || other === undefined) return;
  throw new RequestRefusal(400, `${field} and ${other} say the same`, {
    hint: 'Give one of them.',
    detail: { field },
  });
}

/** Refuses a row that is sent to the path of another one. */
export function refuseOtherId(sent: unknown, id: string): void {
  if (sent === undefined || `${sent}`.toLowerCase() === id.toLowerCase()) return;
  throw new RequestRefusal(400, 'id is of another row than the path', {
    hint: 'Send it to the path of its own, or leave id out.',
    detail: { field: 'id' },
  });
}

/** As the database says it of a row that is not there, or somebody else's. */
export function noSuch(one: string, id: string): RequestRefusal {
  const key = `${one.toLowerCase().replaceAll(' ', '_')}_id`;
  return new RequestRefusal(404, `there is no ${one} ${id}`, {
    code: 'HWNTF',
    hint: 'Take the id of one that you see.',
    detail: { [key]: id },
  });
}
