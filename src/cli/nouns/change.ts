import type { CommandResource } from '../../resources/resource.ts';
import { withArticle } from '../../text/with-article.ts';
import { nameColumnOf } from '../backend/unknown-name.ts';
import { withBackend } from '../backend/with-backend.ts';
import { printJson } from '../output/output.ts';
import { readChange, withChangeOptions } from './field-options.ts';
import { withName } from './list-and-show.ts';
import type { Verb } from './subcommands.ts';

/** Creates the verb `change NAME`, which sets fields of one row and leaves the others. */
export function changeVerb(resource: CommandResource): Verb {
  return {
    name: 'change',
    summary: `change fields of ${withArticle(resource.one)}`,
    register: (command, io) => {
      withChangeOptions(withName(command, resource), resource).action(
        async (name: string, options: Readonly<Record<string, unknown>> & { tenant?: string }) => {
          const values = await readChange(io, resource, options);
          const { tenant } = options;
          const row = await withBackend(io, command, { tenant }, ({ definitions }) =>
            definitions.change(resource, name, values),
          );
          if (io.json) printJson(io, row);
          else io.out(`${row[nameColumnOf(resource)]} changed`);
        },
      );
    },
  };
}
