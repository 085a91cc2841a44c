import type { Command } from 'commander';
import { listVerb, type Named, showVerb } from '../named.ts';
import type { CliIo } from '../output.ts';
import { withVerbs } from '../verbs.ts';

const NAMED: Named = {
  kind: 'workflows',
  one: 'workflow',
  noun: 'workflows',
  empty: 'No workflows. Describe them in a file: howdah apply FILE',
  path: '/api/workflows',
  columns: ['id', 'name', 'type', 'version', 'is_active', 'description'],
};

/** `howdah workflows [list | show]`: how agents work together. */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [listVerb(NAMED), showVerb(NAMED)]);
}
