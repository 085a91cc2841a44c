const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** GraphiQL shows the last answer alone, so each has all of it. */
const RUN = `# Press play (Ctrl-Enter): the run as it stands,
# and again whenever that changes, until it ends.
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
 * What GraphiQL begins with at `/graphiql?run=ID`, as a script behind its settings; nothing at any other address. An address says
 * nothing but an id: it can bring no operation of its own, and none is sent before somebody presses play.
 */
export function runScript(url = ''): string {
  const id = new URLSearchParams(url.split('?', 2)[1]).get('run') ?? '';
  if (!UUID.test(id)) return '';
  const opened = { initialQuery: RUN, initialVariables: JSON.stringify({ id }, null, 2) };
  return `<script>Object.assign(RURU_CONFIG, ${JSON.stringify(opened)});</script>`;
}
