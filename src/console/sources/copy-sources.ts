import { curlCommand, howdahCommand } from '../parts/command-line.ts';
import type { Forms } from '../parts/forms.ts';
import { quoteSql } from '../parts/quote.ts';
import { apiUrl } from '../server/base-path.ts';

/** Returns the request of the citations of a run in each language. */
export function copySources(id: string): Forms {
  return {
    sql: `select * from howdah.sources(${quoteSql(id)});`,
    graphql: `query {\n  sources(executionId: ${JSON.stringify(id)}, first: 100) {\n    nodes { startOffset endOffset chunkNumber documentId knowledgeBase title headingPath content chunkSeq isCurrent }\n  }\n}`,
    curl: curlCommand(apiUrl(`/api/executions/${id}/sources`)),
    cli: howdahCommand('kb sources', [], [id]),
  };
}
