import type { CommandResource } from '../../resources/resource.ts';
import type { CommandModule } from '../command-entry.ts';
import { changeVerb } from './change.ts';
import { type Creation, createVerb, deleteVerb } from './create-and-delete.ts';
import { readNewRow, withCreationOptions } from './field-options.ts';
import { listVerb, showVerb } from './list-and-show.ts';
import { type Verb, withVerbs } from './subcommands.ts';

/**
 * Creates the verbs of a resource: list, show, and those with which its rows are written.
 * `creation` replaces the options for the fields of a new row.
 */
export function resourceVerbs(
  resource: CommandResource,
  creation: Creation = creationOf(resource),
): readonly Verb[] {
  const { writes } = resource;
  return [
    listVerb(resource),
    showVerb(resource),
    ...(writes.includes('create') ? [createVerb(resource, creation)] : []),
    ...(writes.includes('change') ? [changeVerb(resource)] : []),
    ...(writes.includes('delete') ? [deleteVerb(resource)] : []),
  ];
}

/** Returns the function that registers a command with only the verbs of its resource. */
export const registerResource =
  (resource: CommandResource): CommandModule['register'] =>
  (command, io) =>
    withVerbs(command, io, resourceVerbs(resource));

/** Returns the module of such a command. */
export const resourceCommand = (resource: CommandResource): CommandModule => ({
  register: registerResource(resource),
});

function creationOf(resource: CommandResource): Creation {
  return {
    register: (command) => withCreationOptions(command, resource),
    columns: (io, [name], options) => readNewRow(io, resource, name, options),
  };
}
