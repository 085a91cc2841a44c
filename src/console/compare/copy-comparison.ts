import type { Forms } from '../parts/forms.ts';
import { quoteShell, quoteSql } from '../parts/quote.ts';

/** Returns the request of a comparison in each language. The URL is the one in REST. */
export function copyComparison(a: string, b: string, url: URL): Forms {
  return {
    sql: `select howdah.compare_executions(${quoteSql(a)}, ${quoteSql(b)});`,
    graphql: `query {\n  compareExecutions(a: ${JSON.stringify(a)}, b: ${JSON.stringify(b)})\n}`,
    curl: `curl ${quoteShell(url.href)} -H "Authorization: Bearer $HOWDAH_KEY"`,
    cli: `npx howdah diff ${quoteShell(a)} ${quoteShell(b)}`,
  };
}
