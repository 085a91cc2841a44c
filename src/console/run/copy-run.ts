import { curlCommand } from '../parts/command-line.ts';
import type { Forms } from '../parts/forms.ts';
import { apiUrl } from '../server/base-path.ts';

/** Returns the request of a run and its steps in each language. */
export function copyRun(id: string): Forms {
  const url = apiUrl(`/api/executions/${id}`);
  return {
    sql: `select seq, kind, name, started_at, ms, tokens_in, tokens_out, cost, error, said\nfrom howdah.execution_timeline\nwhere execution_id = '${id}'\norder by seq;`,
    graphql: `query {\n  execution(id: "${id}") {\n    id status input output error tokensIn tokensOut cost\n    timeline(orderBy: [SEQ_ASC], first: 1000) { nodes { seq kind name startedAt ms tokensIn tokensOut cost error said } }\n  }\n}`,
    curl: curlCommand(url),
    cli: `npx howdah show ${id}`,
  };
}
