import { curlCommand } from '../parts/command-line.ts';
import type { Forms } from '../parts/forms.ts';
import { quoteSql } from '../parts/quote.ts';
import { apiUrl } from '../server/base-path.ts';

type NewFeedback = { id: string; score?: number; comment?: string };

/** Returns the request of a feedback in each language that has one: the command line has none. */
export function copyFeedback({ id, score, comment }: NewFeedback): Forms {
  const url = apiUrl(`/api/executions/${id}/feedback`);
  const fields = [
    `executionId: "${id}"`,
    ...(score === undefined ? [] : [`score: ${score}`]),
    ...(comment === undefined ? [] : [`comment: ${JSON.stringify(comment)}`]),
  ];
  const words = comment === undefined ? 'null' : quoteSql(comment);
  return {
    sql: `select howdah.give_feedback(${quoteSql(id)}, ${score ?? 'null'}, ${words});`,
    graphql: `mutation {\n  giveFeedback(input: { ${fields.join(', ')} }) { result { id } }\n}`,
    curl: curlCommand(url, { score, comment }),
    cli: undefined,
  };
}
