import { curlCommand, howdahCommand } from '../parts/command-line.ts';
import type { Forms } from '../parts/forms.ts';
import { quoteSql } from '../parts/quote.ts';

/** Returns the request of a comparison in each language. The URL is the one in REST. */
export function copyComparison(a: string, b: string, url: URL): Forms {
  return {
    sql: `select howdah.compare_executions(${quoteSql(a)}, ${quoteSql(b)});`,
    graphql: `query {\n  compareExecutions(a: ${JSON.stringify(a)}, b: ${JSON.stringify(b)})\n}`,
    curl: curlCommand(url),
    cli: howdahCommand('diff', [], [a, b]),
  };
}
