import type { CommandResource } from '../../resources/resource.ts';
import type { Row } from '../backend/backend.ts';
import { withBackend } from '../backend/with-backend.ts';
import { printJson } from '../output/output.ts';
import { withName } from './list-and-show.ts';
import type { Verb } from './subcommands.ts';

type Switch = Pick<Verb, 'name' | 'summary'> & {
  /** The value of `is_active` that the verb sets. */
  isActive: boolean;
  /** Returns the line that is printed about the changed row. */
  describe(row: Row): string;
};

/** Creates a verb that activates a row, or deactivates it. */
export function switchVerb(
  resource: CommandResource,
  { name, summary, isActive, describe }: Switch,
): Verb {
  return {
    name,
    summary,
    register: (command, io) => {
      withName(command, resource).action(async (of: string, options: { tenant?: string }) => {
        const row = await withBackend(io, command, options, ({ definitions }) =>
          definitions.change(resource, of, { is_active: isActive }),
        );
        if (io.json) printJson(io, row);
        else io.out(describe(row));
      });
    },
  };
}
