import type { Command } from 'commander';
import type { DefinitionKind } from '../../backend/definition-kinds.ts';
import { listVerb, showVerb } from '../../nouns/list-and-show.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import type { CliIo } from '../../output/output.ts';

const HOOKS: DefinitionKind = {
  kind: 'hooks',
  singular: 'hook',
  noun: 'admin hooks',
  emptyMessage: 'No hooks. An owner of the database adds a row to howdah.hooks (see docs/hooks.md)',
  nameColumn: 'id',
  restPath: '/api/hooks',
  columns: ['id', 'event', 'function', 'agent', 'workflow', 'position', 'is_active'],
  details: ['timeout_ms', 'created_at', 'updated_at'],
};

/** Registers `howdah admin hooks [list | show]`: the functions called at events of runs. */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [listVerb(HOOKS), showVerb(HOOKS)]);
}
