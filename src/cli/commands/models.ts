import type { Command } from 'commander';
import { listVerb, type Named, showVerb } from '../named.ts';
import type { CliIo } from '../output.ts';
import { withVerbs } from '../verbs.ts';

const NAMED: Named = {
  kind: 'models',
  one: 'model',
  noun: 'models',
  empty: 'No models.',
};

/** `howdah models [list | show]`: the models agents ask, with their prices. */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [listVerb(NAMED), showVerb(NAMED)]);
}
