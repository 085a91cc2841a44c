const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The operation that shows a run. GraphiQL shows only the last answer, so each answer contains the
 * whole run.
 */
const RUN = `# Press play (Ctrl-Enter): shows the run as it is
# now, and again after each change, until it ends.
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

/** The operation that `/graphiql` starts with. */
const RECENT_RUNS = `# The newest runs and their steps.
#
#   Ctrl-Enter   run this query
#   Ctrl-Space   suggestions
#
# The icon at the top left opens the reference.
query RecentRuns {
  executions(first: 5, orderBy: [ID_DESC]) {
    nodes {
      id
      status
      agent { name }
      input
      output
      error
      cost
      steps {
        nodes { seq kind name output }
      }
    }
  }
}
`;

/**
 * The operation that GraphiQL shows first. `variables` is JSON text; only the page of a run has it.
 */
export type FirstOperation = { query: string; variables?: string };

/**
 * Returns the operation for the URL of a page: `/graphiql?run=ID` follows a run, any other URL
 * shows the newest runs. A URL contains only an id. It cannot contain an operation, and nothing is
 * sent before the user presses play.
 */
export function firstOperation(url = ''): FirstOperation {
  const id = new URLSearchParams(url.split('?', 2)[1]).get('run') ?? '';
  if (!UUID.test(id)) return { query: RECENT_RUNS };
  return { query: RUN, variables: JSON.stringify({ id }, null, 2) };
}
