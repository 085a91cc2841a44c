import type { Forms } from '../parts/forms.ts';
import { quoteShell } from '../parts/quote.ts';
import { apiUrl } from '../server/base-path.ts';

/** Returns the request of a comparison in each language. The ids are those of an answer. */
export function copyComparison(a: string, b: string): Forms {
  const url = apiUrl(`/api/executions/${a}/compare/${b}`);
  return {
    sql: `select howdah.compare_executions('${a}', '${b}');`,
    graphql: `query {\n  compareExecutions(a: "${a}", b: "${b}")\n}`,
    curl: `curl ${quoteShell(url.href)} -H "Authorization: Bearer $HOWDAH_KEY"`,
    cli: `npx howdah diff ${a} ${b}`,
  };
}
