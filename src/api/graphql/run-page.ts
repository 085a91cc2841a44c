const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The operation that shows a run. GraphiQL shows only the last answer, so each answer contains the
 * whole run.
 */
const RUN = `# Press play (Ctrl-Enter): shows the run as it is now,
# and again after each change, until it ends.
subscription Run($id: UUID!) {
  executionUpdated(id: $id) {
    status
    waitingFor
    stopReason
    agent { name }
    workflow { name }
    input
    output
    error
    stepCount
    tokensIn
    tokensOut
    cost
    questions(condition: { status: open }) {
      nodes { id kind prompt }
    }
    steps(orderBy: [SEQ_DESC], first: 50) {
      nodes { seq kind name output error }
    }
  }
}
`;

/**
 * Returns a script that GraphiQL runs after its settings at `/graphiql?run=ID`, or an empty text
 * for any other address. The script sets the initial operation. An address contains only an id. It
 * cannot contain an operation, and nothing is sent before the user presses play.
 */
export function runScript(url = ''): string {
  const id = new URLSearchParams(url.split('?', 2)[1]).get('run') ?? '';
  if (!UUID.test(id)) return '';
  const opened = { initialQuery: RUN, initialVariables: JSON.stringify({ id }, null, 2) };
  return `<script>Object.assign(RURU_CONFIG, ${JSON.stringify(opened)});</script>`;
}
