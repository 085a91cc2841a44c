import type { Forms } from '../parts/forms.ts';
import { quoteShell, quoteSql } from '../parts/quote.ts';
import { FILE } from './use-check.ts';

/** Returns the request that applies a file, and those that export the system of a name. */
export function copySystem(name: string | undefined, root: URL): Forms {
  const key = '-H "Authorization: Bearer $HOWDAH_KEY"';
  if (name === undefined) {
    const url = quoteShell(new URL('/agent-systems', root).href);
    return {
      curl: `curl --data-binary @${FILE} -H 'Content-Type: application/yaml' ${key} ${url}`,
      cli: `npx howdah apply ${FILE}`,
    };
  }
  const url = new URL('/agent-systems/export', root);
  url.searchParams.set('name', name);
  return {
    sql: `select howdah.export_agent_system(${quoteSql(name)});`,
    curl: `curl ${key} ${quoteShell(url.href)}`,
    cli: `npx howdah dev export ${quoteShell(name)}`,
  };
}
