import type { Command } from 'commander';
import { listVerb, type Named, showVerb } from '../named.ts';
import type { CliIo } from '../output.ts';
import { withVerbs } from '../verbs.ts';

const NAMED: Named = {
  kind: 'prompts',
  one: 'prompt',
  noun: 'prompts',
  empty: 'No prompts. Describe them in a file: howdah apply FILE',
};

/** `howdah prompts [list | show]`: the templates agents are instructed by. */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [listVerb(NAMED), showVerb(NAMED)]);
}
