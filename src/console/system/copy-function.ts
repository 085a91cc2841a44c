import { curlCommand } from '../parts/command-line.ts';
import type { Forms } from '../parts/forms.ts';
import { apiUrl } from '../server/base-path.ts';

type Source = {
  sql: string;
  /** The field of GraphQL with its selection. */
  graphql: string;
  path: string;
  command: string;
};

/** Returns the request of what a section shows in each language. */
export function copyFunction({ sql, graphql, path, command }: Source): Forms {
  return {
    sql,
    graphql: `query {\n  ${graphql}\n}`,
    curl: curlCommand(apiUrl(path)),
    cli: `npx howdah ${command}`,
  };
}
