import { curlCommand, howdahCommand } from '../parts/command-line.ts';
import type { Forms } from '../parts/forms.ts';
import { apiUrl } from '../server/base-path.ts';

/** Returns the request of the messages of a session, or the chat itself, in each language. */
export function copySession(id: string, agent: string): Forms {
  const url = apiUrl(`/sessions/${id}/history`);
  return {
    sql: `select e.turn, m.seq, m.role, m.content, m.created_at\nfrom howdah.messages as m\njoin howdah.executions as e on e.id = m.execution_id\nwhere m.session_id = '${id}'\norder by e.turn, m.seq;`,
    graphql: `subscription {\n  sessionMessages(sessionId: "${id}") { cursor role content execution { turn } }\n}`,
    curl: curlCommand(url),
    cli: howdahCommand('chat', [['session', id]], [agent]),
  };
}
