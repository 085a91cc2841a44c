import { curlCommand, howdahCommand } from '../../parts/command-line.ts';
import type { Forms } from '../../parts/forms.ts';

/**
 * Returns the request of a query in each language. The URL is the one of queries in REST. Standard
 * input of the command is `-`.
 */
export function copyQuery(query: string, limit: number, url: URL): Forms {
  return {
    sql: query,
    curl: curlCommand(url, { query, limit }),
    cli: query === '-' ? undefined : howdahCommand('sql', [['limit', limit]], [query]),
  };
}
