import type { Team } from '../../contracts/definition.ts';
import { shorten } from '../shorten.ts';

/** As many characters of what a member says of itself as a deciding model reads. */
const READ = 1_000;

/** The members as a deciding model is told of them. */
export function describe({ members }: Team): string {
  return members
    .map(({ name, description = '', capabilities = [], question }) => {
      const said = question ? 'a person, who is asked' : shorten(description, READ);
      const able = capabilities.length > 0 ? ` (${capabilities.join(', ')})` : '';
      return `- ${name}${able}: ${said}`;
    })
    .join('\n');
}
