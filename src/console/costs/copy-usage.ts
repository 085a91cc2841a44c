import { curlCommand, howdahCommand } from '../parts/command-line.ts';
import type { Forms } from '../parts/forms.ts';
import { quoteSql } from '../parts/quote.ts';

/** Returns the request of usage by one fact in each language. */
export function copyUsage(
  by: string,
  { since, until }: { since: string; until: string },
  root: URL,
): Forms {
  const sql = `select * from howdah.usage_summary(${[by, since, until].map(quoteSql).join(', ')});`;
  const url = new URL(root);
  url.search = new URLSearchParams({ by, since, until }).toString();
  const given = Object.entries({ by, since, until }).map(([name, value]) => `${name}: "${value}"`);
  return {
    sql,
    graphql: `query {\n  usageSummary(${given.join(', ')}) {\n    nodes { value runs calls tokensIn tokensOut cachedTokens cost }\n  }\n}`,
    curl: curlCommand(url),
    cli: howdahCommand('sql', [], [sql]),
  };
}
