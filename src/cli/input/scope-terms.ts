import { InvalidArgumentError } from 'commander';
import type { ScopeTerm } from '../../db/worker/worker-scope.ts';

const KINDS = ['tenant', 'agent', 'workflow'] as const;

/** Parses one `--only kind=name` and appends it to the earlier terms. */
export function scopeTerm(text: string, before: readonly ScopeTerm[] = []): ScopeTerm[] {
  const [, word, name] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  const kind = KINDS.find((one) => one === word);
  if (kind === undefined || !name) {
    throw new InvalidArgumentError(
      `Use tenant=SLUG, agent=NAME or workflow=NAME, such as --only tenant=acme.`,
    );
  }
  return [...before, { kind, name }];
}
