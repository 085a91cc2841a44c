import type { ModelRef } from '../../contracts/agents/model.ts';
import type { Outcome } from '../../contracts/errors.ts';
import { createFailure } from '../failure.ts';

/**
 * Names that `request_params` may not contain. Every request sets them itself, and `n` would pay
 * for answers that nobody reads. `howdah_private.reserved_params()` refuses the same names when
 * they are written.
 */
export const RESERVED_PARAMS: readonly string[] = ['messages', 'model', 'n', 'stream', 'tools'];

/** Refuses a model whose `request_params` contain a reserved name. */
export function checkParams({ name, request_params }: ModelRef): Outcome<null> {
  const reserved = RESERVED_PARAMS.find((one) => Object.hasOwn(request_params, one));
  if (reserved === undefined) return { ok: true, value: null };
  return createFailure(
    'invalid_request',
    `request_params of model ${name} contain ${reserved}, which Howdah sets itself; remove it.`,
  );
}
